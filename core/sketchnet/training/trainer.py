"""The training loop of SketchNet: steps, checkpoints, and the running average of the weights."""

import copy
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from core.files import write_file
from core.sketchnet.model import SketchNet, blank, fold
from core.sketchnet.training import data as training_data
from core.sketchnet.training.adversarial import logits, one_step
from core.sketchnet.training.settings import TrainingSettings
from core.sketchworld.world import CLASSES

LOSS_SHARE = 0.02  # weight of a new loss in the running mean
LOSS_EVERY = 20  # steps between two points of the learning curve
# The attributes of a trainer that a checkpoint holds as JSON.
NOTES = ("step", "seconds", "mean_loss", "losses", "reports", "schedules")


class Trainer:
    """A training run and its state: model, running average of the weights, optimiser and step.

    Each batch is split into parts. Each part is computed by one thread with one replica of the
    model.
    """

    def __init__(
        self,
        settings: TrainingSettings,
        data: training_data.DrawingSet,
        device: torch.device = torch.device("cpu"),  # noqa: B008
    ) -> None:
        """Start a run at step 0 with random weights."""
        self.settings = settings
        self.data = data
        self.device = device
        # `fork_rng` restores the global random generator after it was seeded.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.model = SketchNet(len(CLASSES), batch_norm=True, widths=settings.widths)
        self.model = self.model.to(device).to(memory_format=torch.channels_last)
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.replicas = [self.model, *(_replica(self.model) for _ in range(settings.parts - 1))]
        self.pool = ThreadPoolExecutor(settings.parts, initializer=lambda: torch.set_num_threads(1))
        self.optimiser = sgd(self.model, settings)
        self.step = 0
        self.seconds = 0.0
        self.mean_loss = 0.0  # running mean of the loss over steps
        self.losses: list[tuple[int, float]] = []  # (step, mean_loss) at intervals
        self.reports: list[dict[str, object]] = []
        self.schedules: list[dict[str, object]] = []  # settings, each with its first step

    def advance(self) -> float:
        """Do one training step and return its loss."""
        settings = self.settings
        images, labels = self._batch(self.step)
        pieces = zip(images.chunk(settings.parts), labels.chunk(settings.parts), strict=True)
        jobs = [
            self.pool.submit(self._gradients, part, some, truth)
            for part, (some, truth) in enumerate(pieces)
        ]
        results = [job.result() for job in jobs]
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate_at(self.step)
        for number, parameter in enumerate(self.model.parameters()):
            gradients = [gradient[number] for _, gradient in results]
            parameter.grad = torch.stack(gradients).mean(dim=0).to(parameter.dtype)
        self.optimiser.step()
        self._share_statistics()
        self._update_average()
        self.step += 1
        loss = sum(loss for loss, _ in results) / len(results)
        self._record_loss(loss)
        return loss

    def _record_loss(self, loss: float) -> None:
        """Update the running mean of the loss, and at intervals the learning curve."""
        first = self.step == 1
        self.mean_loss = loss if first else self.mean_loss + LOSS_SHARE * (loss - self.mean_loss)
        if first or self.step % LOSS_EVERY == 0:
            self.losses.append((self.step, self.mean_loss))

    def _gradients(self, part: int, images: Tensor, labels: Tensor) -> tuple[float, list[Tensor]]:
        """Compute the loss and the gradients of one part of a batch, on one thread.

        If threads shared the work of every operation, they would wait for each other thousands of
        times in a step. On a machine with other load this takes most of the time. If each thread
        computes one part of the batch, they wait for each other only once in a step.
        """
        settings, model = self.settings, self.replicas[part]
        (seed,) = np.random.SeedSequence([settings.seed, self.step, part]).generate_state(1)
        generator = torch.Generator(self.device).manual_seed(int(seed))
        inputs = training_data.resize(images, settings.side_at(self.step))
        inputs = training_data.augment(inputs, generator)
        eps = settings.eps_at(self.step)
        if eps > 0.0:
            model.eval()  # attacked in eval mode, as it will be used
            inputs = one_step(model, inputs, labels, eps, generator)
        model.train()
        loss = F.cross_entropy(logits(model, inputs), labels)
        return float(loss.detach()), list(torch.autograd.grad(loss, list(model.parameters())))

    @torch.no_grad()
    def _share_statistics(self) -> None:
        """Set the batch normalisation statistics of every replica to the mean over replicas."""
        for buffers in zip(*(replica.buffers() for replica in self.replicas), strict=True):
            if buffers[0].is_floating_point():
                mean = torch.stack(list(buffers)).mean(dim=0)
                for buffer in buffers:
                    buffer.copy_(mean)

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the images and labels of a step; each epoch shuffles the drawings anew."""
        epoch, at = divmod(step, self.settings.epoch_steps)
        order = np.random.default_rng([self.settings.seed, epoch]).permutation(len(self.data))
        chosen = np.sort(order[at * self.settings.batch : (at + 1) * self.settings.batch])
        labels = torch.from_numpy(self.data.labels[chosen])
        images = training_data.as_tensor(self.data.images[chosen])
        return images.to(self.device), labels.to(self.device)

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the running average towards the present weights, further in early training steps."""
        share = 1.0 - min(self.settings.average, (1 + self.step) / (10 + self.step))
        for name, value in self.model.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, share)

    def averaged(self) -> SketchNet:
        """Return the averaged weights as a folded network in eval mode, on the CPU."""
        model = blank(len(CLASSES), batch_norm=True, widths=self.settings.widths)
        model.load_state_dict(self.average)
        folded: SketchNet = fold(model).to(memory_format=torch.channels_last)
        return folded

    def write(self, path: Path) -> None:
        """Write a checkpoint, from which `read` restores the run.

        An existing file is replaced atomically.
        """
        momenta = {
            name: self.optimiser.state[value]["momentum_buffer"]
            for name, value in self.model.named_parameters()
            if value in self.optimiser.state
        }
        groups = {"model": self.model.state_dict(), "average": self.average, "momenta": momenta}
        tensors = {
            f"{group}/{name}": value.detach().contiguous().clone()
            for group, values in groups.items()
            for name, value in values.items()
        }
        notes = {name: getattr(self, name) for name in NOTES}
        write_file(path, save(tensors, {"notes": json.dumps(notes)}))

    def read(self, path: Path) -> None:
        """Restore the run from a checkpoint that `write` wrote."""
        groups: dict[str, dict[str, Tensor]] = defaultdict(dict)
        with safe_open(path, "pt") as file:
            notes = json.loads(file.metadata()["notes"])
            for key in file.keys():  # noqa: SIM118
                group, name = key.split("/", 1)
                groups[group][name] = file.get_tensor(key)
        for replica in self.replicas:
            replica.load_state_dict(groups["model"])
        self.average = {name: value.to(self.device) for name, value in groups["average"].items()}
        for name, value in self.model.named_parameters():
            if name in groups["momenta"]:
                buffer = torch.empty_like(value).copy_(groups["momenta"][name])
                self.optimiser.state[value]["momentum_buffer"] = buffer
        for name in NOTES:
            setattr(self, name, notes[name])
        self.losses = [(step, loss) for step, loss in notes["losses"]]


def _replica(model: SketchNet) -> SketchNet:
    """Return a copy of a network that shares the parameters of `model`.

    The batch normalisation statistics of the copy are separate.
    """
    replica = copy.deepcopy(model)
    for copied, shared in zip(replica.parameters(), model.parameters(), strict=True):
        copied.data = shared.data
    return replica


def sgd(model: SketchNet, settings: TrainingSettings) -> torch.optim.SGD:
    """Build the optimiser, with weight decay for the weights of convolutions and linear layers.

    Biases and the parameters of batch normalisation have no weight decay, because it would make
    units dead.
    """
    decayed = [p for p in model.parameters() if p.ndim > 1]
    not_decayed = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": settings.decay},
        {"params": not_decayed, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=settings.rate, momentum=settings.momentum, nesterov=True)
