"""The effect of units on a network's answers: what changes if they are multiplied by a factor.

The effect is measured on logits, not on accuracy: one of many units hardly ever decides an answer,
but nearly every unit raises some logits and lowers others (Bau et al., "Understanding the Role of
Individual Units in a Deep Neural Network", 2020, who remove units in the same way).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.analysis.picture_sample import PictureSample
from core.errors import ExplorerError
from core.networks.interventions import Continuation
from core.networks.known_networks import title_of
from core.networks.layers import Layer
from core.networks.network import Network

# Half the width of a 95% interval of a mean, in standard errors.
STANDARD_ERRORS = 1.96
# Pixels of the images that run at a time, and bytes of activations that are kept for other units.
PIXELS_AT_A_TIME = 32 * 64 * 64
KEPT_BYTES = 2**29


@dataclass(frozen=True)
class ClassChange:
    """How much one logit changes.

    Attributes:
        label: name of the class.
        mean: mean change of the logit over all pictures.
        margin: half the width of its 95% interval; infinite for one picture.
    """

    label: str
    mean: float
    margin: float

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out 0."""
        return abs(self.mean) > self.margin


@dataclass(frozen=True)
class AnswerChange:
    """How the answer for one picture changes.

    Attributes:
        picture: name of the picture in its collection.
        truth: its label; "" if it is not known.
        before, after: the likeliest class before and after.
        before_share, after_share: the probabilities of these two classes, before and after.
        lead_before, lead_after: lead of the class ``before``, before and after: its logit minus the
            highest other one.
    """

    picture: str
    truth: str
    before: str
    after: str
    before_share: float
    after_share: float
    lead_before: float
    lead_after: float


@dataclass(frozen=True, eq=False)
class UnitEffect:
    """What changes in the answers for N pictures of K classes.

    Attributes:
        labels: names of the K classes.
        pictures, truths: name and label of each picture.
        before, after: logits ``[N, K]``, float32 on the CPU.
    """

    labels: tuple[str, ...]
    pictures: tuple[str, ...]
    truths: tuple[str, ...]
    before: Tensor
    after: Tensor

    def changes(self) -> tuple[ClassChange, ...]:
        """Return the mean change of every logit, in the order of the classes.

        The interval is that of a mean of N independent pictures (normal approximation).
        """
        change = (self.after - self.before).double()
        mean = change.mean(0).tolist()
        margins = [math.inf] * len(self.labels)
        if len(change) > 1:
            margins = (STANDARD_ERRORS * change.std(0) / math.sqrt(len(change))).tolist()
        return tuple(map(ClassChange, self.labels, mean, margins))

    def falling(self, count: int) -> tuple[ClassChange, ...]:
        """Return the classes whose logit falls, the one that falls most first."""
        found = sorted((it for it in self.changes() if it.mean < 0), key=lambda it: it.mean)
        return tuple(found[:count])

    def rising(self, count: int) -> tuple[ClassChange, ...]:
        """Return the classes whose logit rises, the one that rises most first."""
        found = sorted((it for it in self.changes() if it.mean > 0), key=lambda it: -it.mean)
        return tuple(found[:count])

    @property
    def other_answers(self) -> int:
        """The number of pictures that get another answer."""
        return int((self.before.argmax(1) != self.after.argmax(1)).sum())

    def most_changed(self, count: int) -> tuple[AnswerChange, ...]:
        """Return the pictures whose answer changes most.

        Those that get another answer come first. Otherwise the order is that of how much of its
        lead the answer loses or, at last, gains.
        """
        answers, others = self.before.argmax(1), self.after.argmax(1)
        leads = _lead(self.before, answers), _lead(self.after, answers)
        lead = leads[1] - leads[0]
        shares = torch.softmax(self.before, 1), torch.softmax(self.after, 1)
        order = sorted(
            range(len(lead)), key=lambda at: (bool(answers[at] == others[at]), float(lead[at]))
        )
        return tuple(
            AnswerChange(
                self.pictures[at],
                self.truths[at],
                self.labels[int(answers[at])],
                self.labels[int(others[at])],
                float(shares[0][at, answers[at]]),
                float(shares[1][at, others[at]]),
                float(leads[0][at]),
                float(leads[1][at]),
            )
            for at in order[:count]
            if lead[at] != 0
        )


def _lead(logits: Tensor, answers: Tensor) -> Tensor:
    """Return the logit of each row's answer minus the highest other logit, ``[N]``.

    Of a network with one logit it is this logit.
    """
    own = logits.gather(1, answers[:, None])
    if logits.shape[1] < 2:
        return own[:, 0]
    others = logits.scatter(1, answers[:, None], -math.inf)
    return own[:, 0] - others.amax(1)


def no_answers(network: Network) -> str:
    """Return a sentence if a network has no answers that could change; "" if it has some."""
    if network.class_layer is not None:
        return ""
    return (
        f"{title_of(network.name)} has no answers that could change: it tells no classes apart, "
        "as its last layer is missing, or it has another purpose."
    )


class EffectMeter:
    """Measures the effect of units of one layer on the answers for some pictures.

    The pictures run up to the layer once. For each unit they run from there on, if what is kept of
    them is not too large.
    """

    def __init__(self, network: Network, layer: Layer, pictures: PictureSample) -> None:
        """Prepare a network; nothing runs yet.

        Raises:
            ExplorerError: the network has no answers, or there is no picture.
        """
        if network.class_layer is None:
            raise ExplorerError(no_answers(network))
        if not len(pictures):
            raise ExplorerError("there is no picture to measure the effect on")
        self.network, self.layer, self.pictures = network, layer, pictures
        self._logits = network.class_layer
        self._continuation = Continuation(network, layer, [self._logits])
        self._kept: list[tuple[Any, ...]] = []
        self._before: list[Tensor] = []

    @property
    def _starts(self) -> Sequence[slice]:
        height, width = self.network.input_size
        size = max(1, PIXELS_AT_A_TIME // (height * width))
        return [slice(at, at + size) for at in range(0, len(self.pictures), size)]

    def prepare(self) -> Iterator[tuple[int, int]]:
        """Run the pictures as far as they are not run yet; yield (pictures done, all pictures)."""
        for part in self._starts[len(self._before) :]:
            kept = self._continuation.begin(self.pictures.images(part))
            if _bytes(kept) * len(self._starts) <= KEPT_BYTES:
                self._kept.append(kept)
            self._before.append(self._answers(self._continuation.finish(kept)))
            yield min(part.stop, len(self.pictures)), len(self.pictures)

    def measure(self, factors: Mapping[int, float]) -> UnitEffect:
        """Return what changes if units of the layer are multiplied.

        Args:
            factors: by unit, its factor, from 0 (off) to 3.

        Raises:
            ExplorerError: the layer has no such unit, or a factor is out of range.
        """
        for _ in self.prepare():
            pass
        after = []
        for number, part in enumerate(self._starts):
            kept = (
                self._kept[number]
                if self._kept
                else self._continuation.begin(self.pictures.images(part))
            )
            after.append(self._answers(self._continuation.finish(kept, factors)))
        return UnitEffect(
            self.network.labels,
            self.pictures.names,
            self.pictures.labels,
            torch.cat(self._before),
            torch.cat(after),
        )

    def _answers(self, activations: Mapping[str, Tensor]) -> Tensor:
        """Return logits ``[n, K]``, averaged over positions where there are some."""
        logits = activations[self._logits.name].float().cpu()
        return logits.flatten(2).mean(2) if logits.ndim > 2 else logits


def _bytes(kept: tuple[Any, ...]) -> int:
    return sum(it.nbytes for it in kept if isinstance(it, Tensor))
