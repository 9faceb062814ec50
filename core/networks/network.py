"""A loaded network, and extractors of its activations."""

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor, fx, nn

from core.devices import (
    autocast,
    full_precision,
    has_fast_bfloat16,
    working_precision,
)
from core.errors import ExplorerError
from core.images.center_crop import LARGEST, Framing
from core.images.channels import with_channels
from core.images.resize import pad_to_size, resize_linearly
from core.networks import layers, tracing
from core.networks.extractor_cache import ExtractorCache
from core.networks.graph_passes.pool_and_precision import suits_bfloat16
from core.networks.graph_passes.prune_channels import prune_channels
from core.networks.graph_passes.rewrite import rewrite
from core.networks.ladder import ladder_html
from core.networks.layers import Layer
from core.networks.least_size import SizeRule
from core.networks.normalisation import Normalisation
from core.networks.size_steps import next_size, smaller
from core.networks.tracing import Trace, values_in
from core.networks.unit_scaling import UnitScale, scale_trace, unit_scales
from core.recipes.recipe import Recipe
from core.recipes.switched_units import SwitchedUnit

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
        mean, std: the normalisation, by channel, of images in ``[0, 1]``. The network takes images
            of so many channels: 3 for RGB, 1 for grey, or any other number.
        input_size: (height, width) of the images that the network was trained on.
        fixed_size: whether the network accepts images of ``input_size`` only; other images are
            resized. None to find it out by trying, for the layers in use.
        fingerprint: hash of the weights and the preprocessing.
        device: the device of the weights.
        framing: how photographs are prepared for the network.
        switched: units that are multiplied by factors, see ``interventions.with_units_switched``.
    """

    name: str
    module: nn.Module = field(repr=False)
    layers: tuple[Layer, ...] = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_size: tuple[int, int]
    fixed_size: bool | None
    fingerprint: str
    device: torch.device
    framing: Framing = LARGEST
    switched: tuple[SwitchedUnit, ...] = ()
    _extractors: "ExtractorCache[FeatureExtractor]" = field(init=False, repr=False, compare=False)
    _size_rules: Callable[..., SizeRule] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Extractors are cached because building one takes as long as a few steps of an ascent.
        cached = ExtractorCache(self.module, functools.partial(FeatureExtractor, self))
        object.__setattr__(self, "_extractors", cached)
        object.__setattr__(self, "_size_rules", functools.cache(self._build_size_rule))

    def _repr_html_(self) -> str:
        """Show the network in a notebook, as a table of its layers."""
        parameters = sum(it.numel() for it in self.module.parameters())
        return ladder_html(self.name, self.layers, self.channels, parameters, len(self.labels))

    @functools.cached_property
    def trace(self) -> Trace | None:
        """The network's operations, for reading only; None if it cannot be traced."""
        traced = tracing.trace(self.module)
        return traced and scale_trace(traced, self.scales)

    @functools.cached_property
    def scales(self) -> dict[str, UnitScale]:
        """The modules that multiply the units in ``switched``, by the node of their layer."""
        return unit_scales(self.layers, self.switched)

    @property
    def architecture(self) -> str:
        """The name of the architecture without a title: ``resnet18`` for ``resnet18:birds``."""
        return self.name.partition(":")[0]

    @property
    def channels(self) -> int:
        """Number of channels of the images that the network takes."""
        return len(self.mean)

    @property
    def shown(self) -> tuple[Layer, ...]:
        """The layers that are shown by default, from the image to the logits."""
        return tuple(layer for layer in self.layers if layer.shown)

    @property
    def class_layer(self) -> Layer | None:
        """The layer of the logits, with a unit for each label; None if there are no labels.

        It need not be the last one: a network may return other values besides its logits.
        """
        units = len(self.labels)
        logits = (it for it in reversed(self.shown) if it.channels == units)
        return next(logits, None) if units else None

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
        names = list(names)
        # If the input size is fixed, extractors resize every image.
        return self.size_rule(names).least if self.size_step(names) else (1, 1)

    def size_step(self, names: Iterable[str]) -> int:
        """Return which sizes of images some layers take, see ``size_steps``; 0 for one size."""
        if self.fixed_size is not None:
            return 0 if self.fixed_size else 1
        return 1 if self._takes_any_size else self.size_rule(names).step

    @functools.cached_property
    def _takes_any_size(self) -> bool:
        """Whether the whole network takes images of another size."""
        image = torch.zeros(1, self.channels, *smaller(self.input_size), device=self.device)
        try:
            with torch.no_grad():
                outputs = values_in(self.module(image), Tensor)
        # The code of the network may raise any exception for an image that does not fit.
        except Exception:
            return False
        return all(it.numel() > 0 for it in outputs)

    def size_rule(self, names: Iterable[str]) -> SizeRule:
        """Return the rule that tells which sizes of images some layers accept."""
        return self._size_rules(frozenset(map(self.layer, names)))

    def _build_size_rule(self, needed: frozenset[Layer]) -> SizeRule:
        outputs = sorted(needed, key=lambda layer: layer.index)
        body = layers.build_extractor(self.module, self.trace, outputs, scales=self.scales)
        return SizeRule(body, self.input_size, self.channels)

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
                zero, so that dead units get a gradient (see ``RedirectedReLU``).
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
        return self._extractors.get(
            tuple(map(self.layer, names)), redirect_relu, for_gradients, selected
        )

    def activations(self, image: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Run the network on images, float32 ``[N, C, H, W]`` in ``[0, 1]``, without gradient.

        The images have the network's number of channels; RGB is accepted by a grey network, too.

        Returns:
            Activations ``[N, C, H', W']``, or ``[N, C]`` for fully connected layers, by layer name.
        """
        with torch.no_grad(), full_precision(self.device):
            activations: dict[str, Tensor] = self.extractor(names)(image.to(self.device))
        return activations


class FeatureExtractor(nn.Module):
    """A network truncated after some layers: from images in ``[0, 1]`` to activations.

    Attributes:
        kept_channels: by layer name, the only channels that are computed; all channels of other
            layers are computed.
        in_half: whether convolutions are computed in bfloat16.
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
        self.body = layers.build_extractor(
            network.module, network.trace, outputs, redirect_relu, network.scales
        )
        self.in_half = for_gradients and _suits_half(network, self.body)
        self.kept_channels: dict[str, tuple[int, ...]] = {}
        if for_gradients and isinstance(self.body, fx.GraphModule):
            selected = dict(units)
            self.kept_channels = {
                name: selected[name] for name in prune_channels(self.body, selected)
            }
            self.body = rewrite(self.body, network.device, self.in_half)
        names = [it.name for it in outputs]
        self.input_size, self.channels = network.input_size, network.channels
        self.size_rule = functools.partial(network.size_rule, names)
        self.size_step = functools.partial(network.size_step, names)
        mean, std = (
            torch.tensor(values, device=network.device).view(1, -1, 1, 1)
            for values in (network.mean, network.std)
        )
        self.register_buffer("shift", -mean / std)
        self.register_buffer("scale", 1 / std)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return activations ``[N, C, ...]`` by name for images ``[N, 3, H, W]`` in ``[0, 1]``.

        The images have the network's number of channels, or are RGB for a grey network. Images that
        are too small for the layers are padded by reflection.

        Raises:
            BadPicture: the images have another number of channels.
        """
        image = with_channels(image, self.channels)
        if image.shape[2:] != self.input_size:
            image = self._fit(image)
        with autocast(image.device) if self.in_half else nullcontext():
            # If autocast will convert the image to half precision anyway, convert it here already,
            # so that less memory is moved.
            working = Normalisation.apply(image, self.shift, self.scale, working_precision(image))
            result: dict[str, Tensor] = self.body(working)
        return result

    def _fit(self, image: Tensor) -> Tensor:
        """Return images of another than the network's input size in a size that it accepts."""
        step = self.size_step()
        if not step:
            return resize_linearly(image, self.input_size)
        height, width = image.shape[2:]
        if step > 1:
            accepts = self.size_rule().accepts
            return pad_to_size(image, next_size(accepts, step, self.input_size, (height, width)))
        # No layer needs more than the input size, so larger images are not checked.
        if height >= self.input_size[0] and width >= self.input_size[1]:
            return image
        rule = self.size_rule()
        # One try is faster than the search for the least size.
        return image if rule.accepts((height, width)) else pad_to_size(image, rule.least)


def _suits_half(network: Network, body: nn.Module) -> bool:
    """Whether the gradient of a truncated network is faster in bfloat16.

    It depends on the network and on what the device can do, and is the same each time.
    """
    if network.device.type != "cpu" or not has_fast_bfloat16(network.device):
        return has_fast_bfloat16(network.device)
    positions = {it.node: math.prod(it.size or (1,)) for it in network.layers}
    return suits_bfloat16(body if isinstance(body, fx.GraphModule) else network.module, positions)
