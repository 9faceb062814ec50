"""A loaded network, and extractors of its activations."""

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
from core.images.resize import pad_to_size
from core.networks import layers
from core.networks.graph_passes.fold_stride import fold_strided_conv
from core.networks.graph_passes.fuse_relu import fuse_conv_relu
from core.networks.graph_passes.pool_and_precision import pool_before_relu, weights_to_bfloat16
from core.networks.graph_passes.prune_channels import prune_channels
from core.networks.layers import Layer
from core.networks.least_size import SizeRule
from core.recipes.recipe import Recipe

# A network caches this many extractors.
EXTRACTORS_AT_MOST = 4
CHANNELS_LAST = torch.channels_last
NO_UNITS: Mapping[str, Iterable[int]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Network:
    """A network in evaluation mode whose parameters need no gradient.

    Attributes:
        name: name of the architecture, such as ``resnet18``; for a user's checkpoint with the
            user's title, such as ``resnet18:birds``.
        module: the network; its input is an image that is already normalised.
        layers: all layers of the network, in order of execution.
        labels: the names of the classes, in the order of the logits.
        mean, std: the normalisation, by RGB channel, of images in ``[0, 1]``.
        input_size: (height, width) of the images that the network was trained on.
        fixed_size: whether the network accepts images of ``input_size`` only; other images are
            resized.
        fingerprint: hash of the weights and the preprocessing.
        device: the device of the weights.
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
    _size_rules: Callable[..., SizeRule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Extractors are cached because tracing a network takes as long as a few steps of an ascent.
        cached = functools.lru_cache(EXTRACTORS_AT_MOST)(functools.partial(FeatureExtractor, self))
        object.__setattr__(self, "_extractors", cached)
        object.__setattr__(self, "_size_rules", functools.cache(self._build_size_rule))

    @property
    def architecture(self) -> str:
        """Name of the architecture without a title: ``resnet18`` for ``resnet18:birds``."""
        return self.name.partition(":")[0]

    @property
    def shown(self) -> tuple[Layer, ...]:
        """The layers that are shown by default, from the image to the logits."""
        return tuple(layer for layer in self.layers if layer.shown)

    def layer(self, name: str) -> Layer:
        """Return a layer by its name, the name of its ``torch.fx`` node, or the path of a module.

        Of several layers in the module, the last one is returned.

        Raises:
            UnknownName: there is no such layer; the message suggests the nearest name.
        """
        return layers.find_layer(self.layers, name, self.name)

    def layer_with_units(self, name: str, units: Iterable[int]) -> Layer:
        """Return a layer by its name, after a check that the layer has all of ``units``.

        Raises:
            UnknownName: there is no such layer.
            ExplorerError: the layer has fewer units.
        """
        layer = self.layer(name)
        for unit in units:
            if not 0 <= unit < layer.channels:
                raise ExplorerError(
                    f"there is no unit {unit} in {layer.name} of {self.name}; "
                    f"its units are 0 to {layer.channels - 1}"
                )
        return layer

    def check_recipe(self, recipe: Recipe) -> None:
        """Check that a recipe is for this network's weights.

        Raises:
            ExplorerError: the recipe is for other weights.
        """
        if recipe.weights != self.fingerprint:
            raise ExplorerError(
                f"this recipe is for weights {recipe.weights} of {recipe.network}; "
                f"those loaded are {self.fingerprint}; name their file with --weights"
            )

    def least_size(self, names: Iterable[str]) -> tuple[int, int]:
        """Return the least (height, width) of images for which some layers have a position.

        Extractors pad smaller images to this size.
        """
        # If the input size is fixed, extractors resize every image.
        return (1, 1) if self.fixed_size else self.size_rule(names).least

    def size_rule(self, names: Iterable[str]) -> SizeRule:
        """Return the rule that tells which sizes of images some layers accept."""
        return self._size_rules(frozenset(map(self.layer, names)))

    def _build_size_rule(self, needed: frozenset[Layer]) -> SizeRule:
        outputs = sorted(needed, key=lambda layer: layer.index)
        return SizeRule(layers.build_extractor(self.module, outputs), self.input_size)

    def extractor(
        self,
        names: Iterable[str],
        redirect_relu: bool = False,
        for_gradients: bool = False,
        units: Mapping[str, Iterable[int]] = NO_UNITS,
    ) -> "FeatureExtractor":
        """Return a module that computes the activations of some layers.

        Args:
            names: names of the layers.
            redirect_relu: whether gradients pass through inactive ReLUs if they would otherwise be
                zero, so that dead units get a gradient (see ``tracing.RedirectedReLU``).
            for_gradients: whether to compute with operations whose gradient is fast, in half
                precision where that is fast. Activations are then a little less exact.
            units: by layer name, the channels that the caller uses. The other channels of these
                layers may be missing in the result, see ``FeatureExtractor.kept_channels``.

        Returns:
            The truncated network. It is cached, so callers must not change it; a caller that needs
            to change it creates its own ``FeatureExtractor``.
        """
        selected = tuple(
            (name, tuple(sorted(set(channels)))) for name, channels in sorted(units.items())
        )
        return self._extractors(
            tuple(map(self.layer, names)), redirect_relu, for_gradients, selected
        )

    def activations(self, image: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Run the network on images, float32 ``[N, 3, H, W]`` in ``[0, 1]``, without gradient.

        Returns:
            Activations ``[N, C, H', W']``, or ``[N, C]`` for fully connected layers, by layer name.
        """
        with torch.no_grad():
            activations: dict[str, Tensor] = self.extractor(names)(image.to(self.device))
        return activations


class FeatureExtractor(nn.Module):
    """A network truncated after some layers: from images in ``[0, 1]`` to activations.

    Attributes:
        kept_channels: by layer name, the only channels that are computed; all channels of other
            layers are computed.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        network: Network,
        outputs: Sequence[Layer],
        redirect_relu: bool = False,
        for_gradients: bool = False,
        units: Iterable[tuple[str, tuple[int, ...]]] = (),
    ) -> None:
        super().__init__()
        self.body = layers.build_extractor(network.module, outputs, redirect_relu)
        self.kept_channels: dict[str, tuple[int, ...]] = {}
        if for_gradients and isinstance(self.body, fx.GraphModule):
            selected = dict(units)
            self.kept_channels = {
                name: selected[name] for name in prune_channels(self.body, selected)
            }
            self.body = pool_before_relu(fold_strided_conv(self.body))
            if has_fast_bfloat16(network.device):
                self.body = weights_to_bfloat16(self.body)
            self.body = fuse_conv_relu(self.body)
        self.fast = for_gradients
        self.fixed_size, self.input_size = network.fixed_size, network.input_size
        self.size_rule = functools.partial(network.size_rule, [it.name for it in outputs])
        mean, std = (
            torch.tensor(values, device=network.device).view(1, 3, 1, 1)
            for values in (network.mean, network.std)
        )
        self.register_buffer("shift", -mean / std)
        self.register_buffer("scale", 1 / std)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return activations ``[N, C, ...]`` by name for images ``[N, 3, H, W]`` in ``[0, 1]``.

        Images that are too small for the layers are padded by reflection.
        """
        if image.shape[2:] != self.input_size:
            image = self._fit(image)
        with autocast(image.device) if self.fast else nullcontext():
            # If autocast will convert the image to half precision anyway, convert it here already,
            # so that less memory is moved.
            working = Normalisation.apply(image, self.shift, self.scale, working_precision(image))
            result: dict[str, Tensor] = self.body(working)
        return result

    def _fit(self, image: Tensor) -> Tensor:
        """Return images of another than the network's input size in a size that it accepts."""
        if self.fixed_size:
            return F.interpolate(image, self.input_size, mode="bilinear", antialias=True)
        height, width = image.shape[2:]
        # No layer needs more than the input size, so larger images are not checked.
        if height >= self.input_size[0] and width >= self.input_size[1]:
            return image
        rule = self.size_rule()
        # One try is faster than the search for the least size.
        return image if rule.accepts((height, width)) else pad_to_size(image, rule.least)


class Normalisation(torch.autograd.Function):
    """``(image - mean) / std`` in channels-last memory, with a gradient in contiguous memory.

    Convolutions are fastest with channels-last images, but the optimisation of an image
    (``core.optim.canvases``) is fastest with contiguous gradients. Without a conversion here, the
    gradient would stay channels-last: each of several later operations on the gradient would take
    as long as a copy, and the gradient would be copied in the end anyway.
    """

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, shift: Tensor, scale: Tensor, precision: torch.dtype
    ) -> Tensor:
        """Return ``image * scale + shift`` for ``[N, 3, H, W]``, channels last."""
        ctx.save_for_backward(scale)
        ctx.precision = image.dtype
        normalised = torch.addcmul(shift, image, scale).to(precision)
        return normalised.contiguous(memory_format=CHANNELS_LAST)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Return the gradient with respect to ``image``, contiguous and in the image dtype."""
        (scale,) = ctx.saved_tensors
        (gradient,) = gradients
        contiguous = torch.empty(gradient.shape, dtype=ctx.precision, device=gradient.device)
        return contiguous.copy_(gradient).mul_(scale), None, None, None
