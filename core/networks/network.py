"""Image networks: the one that ships, torchvision's classifiers, and a user's own checkpoints."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.devices import autocast, has_fast_bfloat16, working_precision
from core.errors import ExplorerError
from core.networks import layers
from core.networks.graph_passes.fold_stride import fold_strided_conv
from core.networks.graph_passes.fuse_relu import fuse_conv_relu
from core.networks.graph_passes.pool_and_precision import pool_before_relu, weights_to_bfloat16
from core.networks.graph_passes.prune_channels import prune_channels
from core.networks.layers import Layer
from core.recipes.recipe import Recipe

# A network keeps so many cuts of itself at hand.
EXTRACTORS_AT_MOST = 4
CHANNELS_LAST = torch.channels_last
NO_UNITS: Mapping[str, Iterable[int]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Network:
    """A network ready to look into: evaluation mode, no parameter takes a gradient.

    Attributes:
        name: its name in the catalogue, with a title where the weights are somebody's own.
        module: the network without normalisation.
        layers: its catalogue of layers, in order of execution.
        labels: the names of its classes, in the order of its logits.
        mean, std: the normalisation, by RGB channel, of images in ``[0, 1]``.
        input_size: (height, width) that it was trained on.
        fixed_size: whether it takes pictures of that size only; others are resized.
        fingerprint: names weights and preprocessing by their content.
        device: where its weights lie.
    """

    name: str
    module: nn.Module = field(repr=False)
    layers: tuple[Layer, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    input_size: tuple[int, int]
    fixed_size: bool
    fingerprint: str
    device: torch.device
    _extractors: "Callable[..., FeatureExtractor]" = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Tracing a network takes as long as a few steps of an ascent.
        made = functools.lru_cache(EXTRACTORS_AT_MOST)(functools.partial(FeatureExtractor, self))
        object.__setattr__(self, "_extractors", made)

    @property
    def architecture(self) -> str:
        """Its name in the catalogue, without the title of somebody's own weights."""
        return self.name.partition(":")[0]

    @property
    def shown(self) -> tuple[Layer, ...]:
        """The layers that a person would want, from the image to the logits."""
        return tuple(layer for layer in self.layers if layer.shown)

    def layer(self, name: str) -> Layer:
        """Find a layer by its name, node name, or the path of a block.

        Raises:
            UnknownName: there is none; the message names the nearest.
        """
        return layers.find_layer(self.layers, name, self.name)

    def layer_with(self, name: str, units: Iterable[int]) -> Layer:
        """Find a layer that has all these units.

        Raises:
            UnknownName: there is no such layer.
            ExplorerError: it has fewer units.
        """
        found = self.layer(name)
        for unit in units:
            if not 0 <= unit < found.channels:
                raise ExplorerError(
                    f"there is no unit {unit} in {found.name} of {self.name}; "
                    f"its units are 0 to {found.channels - 1}"
                )
        return found

    def require(self, recipe: Recipe) -> None:
        """Refuse a recipe that was written for other weights.

        Raises:
            ExplorerError: it was.
        """
        if recipe.weights != self.fingerprint:
            raise ExplorerError(
                f"this recipe is for weights {recipe.weights} of {recipe.network}; "
                f"those loaded are {self.fingerprint}; name their file with --weights"
            )

    def extractor(
        self,
        names: Iterable[str],
        redirect_relu: bool = False,
        for_gradients: bool = False,
        units: Mapping[str, Iterable[int]] = NO_UNITS,
    ) -> "FeatureExtractor":
        """Cut the network off below the deepest of some layers.

        Args:
            names: of the layers whose activations are wanted.
            redirect_relu: let gradients through closed ReLUs where nothing else comes through,
                so that dead units can wake (see ``tracing.RedirectedReLU``).
            for_gradients: compute in ways whose gradient is fast, in half precision where that is
                fast; activations are then a little less exact.
            units: where, by a layer's name, only these channels of it are read. The others may
                then be left out, see ``FeatureExtractor.kept``.

        Returns:
            The cut network; the same again where the same was asked for not long ago, so whoever
            changes it makes a ``FeatureExtractor`` of its own.
        """
        read = tuple((name, tuple(sorted(set(own)))) for name, own in sorted(units.items()))
        return self._extractors(tuple(map(self.layer, names)), redirect_relu, for_gradients, read)

    def activations(self, image: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Run the cut network on images, float32 ``[N, 3, H, W]`` in ``[0, 1]``, without gradient.

        Returns:
            Activations ``[N, C, H', W']``, or ``[N, C]`` for fully connected layers, by layer name.
        """
        with torch.no_grad():
            activations: dict[str, Tensor] = self.extractor(names)(image.to(self.device))
        return activations


class FeatureExtractor(nn.Module):
    """A network cut off at its deepest wanted layer: images in ``[0, 1]`` to activations.

    Attributes:
        kept: the only channels that are computed of a layer, by its name; of layers that are not
            among them all are.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        network: Network,
        wanted: Sequence[Layer],
        redirect_relu: bool = False,
        for_gradients: bool = False,
        units: Iterable[tuple[str, tuple[int, ...]]] = (),
    ) -> None:
        super().__init__()
        self.body = layers.build_extractor(network.module, wanted, redirect_relu)
        self.kept: dict[str, tuple[int, ...]] = {}
        if for_gradients and isinstance(self.body, fx.GraphModule):
            read = dict(units)
            self.kept = {name: read[name] for name in prune_channels(self.body, read)}
            self.body = pool_before_relu(fold_strided_conv(self.body))
            if has_fast_bfloat16(network.device):
                self.body = weights_to_bfloat16(self.body)
            self.body = fuse_conv_relu(self.body)
        self.fast = for_gradients
        self.size = network.input_size if network.fixed_size else None
        mean, std = (
            torch.tensor(values, device=network.device).view(1, 3, 1, 1)
            for values in (network.mean, network.std)
        )
        self.register_buffer("shift", -mean / std)
        self.register_buffer("scale", 1 / std)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Turn images ``[N, 3, H, W]`` in ``[0, 1]`` into activations ``[N, C, ...]`` by name."""
        if self.size is not None and tuple(image.shape[2:]) != self.size:
            image = F.interpolate(image, self.size, mode="bilinear", antialias=True)
        with autocast(image.device) if self.fast else nullcontext():
            # Half precision is taken on at once, where it will be anyway, as it moves faster.
            working = Normalised.apply(image, self.shift, self.scale, working_precision(image))
            result: dict[str, Tensor] = self.body(working)
        return result


class Normalised(torch.autograd.Function):
    """``(image - mean) / std``, as convolutions want it, and its gradient as canvases want theirs.

    By itself the gradient would keep the layout of memory in which it arrives, and be copied to the
    other one by whatever comes next, after several passes at the price of a copy each.
    """

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, shift: Tensor, scale: Tensor, precision: torch.dtype
    ) -> Tensor:
        """Turn ``[N, 3, H, W]`` into ``image * scale + shift``, channels last."""
        ctx.save_for_backward(scale)
        ctx.precision = image.dtype
        normalised = torch.addcmul(shift, image, scale).to(precision)
        return normalised.contiguous(memory_format=CHANNELS_LAST)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Scale the gradient, in full precision and in rows and columns."""
        (scale,) = ctx.saved_tensors
        (gradient,) = gradients
        plain = torch.empty(gradient.shape, dtype=ctx.precision, device=gradient.device)
        return plain.copy_(gradient).mul_(scale), None, None, None
