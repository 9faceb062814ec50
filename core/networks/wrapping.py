"""Networks of any module of PyTorch: checked, copied, frozen, with a list of layers."""

import copy
import math
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from core.checkpoints import fitting
from core.devices import memory_format, resolve_device
from core.errors import ExplorerError, named, quoted, reason_of
from core.images.center_crop import LARGEST, Framing
from core.networks import known_networks, layers
from core.networks.device_trial import settle
from core.networks.network import Network
from core.networks.tracing import never_trace, trace, values_in

# Names are part of recipes, file names and addresses.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SIDES, CHANNELS_AT_MOST = range(1, 4097), 64
# Attributes in which wrappers of PyTorch keep the module itself.
COMPILED, PARALLEL = "_orig_mod", (nn.DataParallel, nn.parallel.DistributedDataParallel)
# A traced network must compute what the module computes, up to the order of sums.
TOLERANCE = 1e-4


def wrap(
    module: nn.Module,
    input_size: tuple[int, int],
    mean: float | Sequence[float],
    std: float | Sequence[float],
    labels: Sequence[str] | None = None,
    name: str | None = None,
    fixed_size: bool | None = None,
    channels: int = 3,
    device: str = "auto",
) -> Network:
    """Return a network of a module of one's own.

    The network has a copy of the module, in evaluation mode and float32: the module is not changed,
    and training it further does not change the network. Forward hooks are part of the module, so
    the copy has them, too. The module takes one batch of images. It may return a tensor, or several
    in tuples and dicts; the first one is its output. A module that ``torch.fx`` cannot trace is
    read through hooks, which takes longer.

    Args:
        module: the network, which takes normalised images ``[N, C, H, W]``.
        input_size: (height, width) of the images that it was trained on.
        mean, std: the normalisation of images in ``[0, 1]``, by channel or one number for all.
        labels: names of the classes in the order of the output. By default the classes are numbered
            if the output is ``[N, C]``; ``()`` for a network that tells no classes apart.
        name: name of the network; by default the class of the module in small letters.
        fixed_size: whether images of other sizes are resized. By default this is found out by
            trying, for the layers in use.
        channels: number of channels of the images: 3 for RGB, 1 for grey, or any other number.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        ExplorerError: a setting is wrong, the name is taken, the module cannot be copied, or it
            does not accept images of this size, or MPS was chosen and cannot compute it.
        UnknownName: there is no such device.
    """
    module = _unwrapped(module)
    size = _checked_size(input_size)
    if isinstance(channels, bool) or channels not in range(1, CHANNELS_AT_MOST + 1):
        raise ExplorerError(
            f"channels is {quoted(channels)}; it must be a number from 1 to {CHANNELS_AT_MOST}"
        )
    means, stds = _per_channel("mean", mean, channels), _per_channel("std", std, channels)
    if min(stds) <= 0:
        raise ExplorerError(f"std is {quoted(std)}; it must be above 0")
    chosen = _checked_name(type(module).__name__.lower() if name is None else name)
    target = resolve_device(device)
    copied = own_copy(module).eval()
    outputs = _try(copied, chosen, (channels, *size))
    network = make_network(
        chosen, copied, _labels(labels, outputs), means, stds, size, target, fixed_size
    )
    return settle(network, device)


def make_network(
    name: str,
    module: nn.Module,
    labels: tuple[str, ...],
    mean: Sequence[float],
    std: Sequence[float],
    size: tuple[int, int],
    device: torch.device,
    fixed_size: bool | None = None,
    framing: Framing = LARGEST,
) -> Network:
    """Return a module, which is changed, as a network with frozen parameters and a list of layers.

    The arguments are attributes of ``Network``.
    """
    module.eval().requires_grad_(False)
    for part in module.modules():
        # An in-place activation function would overwrite the output of the layer before it.
        if hasattr(part, "inplace"):
            setattr(part, "inplace", False)  # noqa: B010 - modules take any attribute, unchecked
    state = module.state_dict()
    mean, std = tuple(mean), tuple(std)
    # Before the device is changed, which may lack some of the network's operations.
    found = layers.list_layers(module, size, len(mean))
    # The usual preparation of photographs has no part in fingerprints.
    other = [] if framing == LARGEST else [framing.method]
    return Network(
        name=name,
        module=module.to(device, memory_format=memory_format(device)),  # type: ignore[call-overload]
        layers=found,
        labels=labels,
        mean=mean,
        std=std,
        input_size=size,
        fixed_size=fixed_size,
        fingerprint=fitting.fingerprint(state, name, mean, std, size, *other),
        device=device,
        framing=framing,
    )


def own_copy(module: nn.Module) -> nn.Module:
    """Return a copy of a module with tensors of its own, floating ones in float32.

    Raises:
        ExplorerError: the module cannot be copied.
    """
    memo: dict[int, Any] = {}
    for part in module.modules():
        for value in vars(part).values():
            # Tensors that a run has left in attributes may belong to a graph of gradients, and
            # those are not copied.
            memo |= {id(it): it.detach().clone() for it in values_in(value, Tensor) if it.grad_fn}
    try:
        copied = copy.deepcopy(module, memo)
    # The objects in a module may raise anything when they are copied.
    except Exception as error:
        raise ExplorerError(f"this module cannot be copied: {reason_of(error)}") from error
    for part in copied.modules():
        if type(part) is nn.TransformerEncoder:
            part.__class__ = PlainEncoder
        for name, buffer in part._buffers.items():
            part._buffers[name] = _single(buffer)
        for parameter in part._parameters.values():
            if parameter is not None:
                parameter.grad, parameter.data = None, _single(parameter.data)  # type: ignore[assignment]
    return copied


class PlainEncoder(nn.TransformerEncoder):
    """A transformer encoder that can be traced, so that each of its blocks is a layer.

    ``nn.TransformerEncoder`` decides by its arguments how it computes the same values.
    """

    def forward(self, src: Tensor, *masks: Any, **options: Any) -> Tensor:
        """Return the tokens after all blocks, in the shape of ``src``."""
        if masks or options:
            return super().forward(src, *masks, **options)
        for block in self.layers:
            src = block(src)
        return src if self.norm is None else self.norm(src)


def _single(value: Tensor | None) -> Tensor | None:
    """Return a floating tensor in float32, and any other as it is."""
    return value.float() if value is not None and value.is_floating_point() else value


def _unwrapped(module: nn.Module) -> nn.Module:
    """Return the module itself of one that was compiled or distributed.

    Raises:
        ExplorerError: it is no module, or one of TorchScript.
    """
    if not isinstance(module, nn.Module):
        raise ExplorerError(f"a module of PyTorch is wanted, not a {type(module).__name__}")
    if isinstance(module, PARALLEL):
        return _unwrapped(module.module)
    if hasattr(module, COMPILED):
        return _unwrapped(getattr(module, COMPILED))
    if isinstance(module, torch.jit.ScriptModule):
        raise ExplorerError("a TorchScript module hides its layers; wrap the module it was made of")
    return module


def _checked_size(size: Any) -> tuple[int, int]:
    pair = tuple(size) if isinstance(size, Sequence) else ()
    if len(pair) != 2 or any(isinstance(it, bool) or it not in SIDES for it in pair):
        raise ExplorerError(
            f"input_size is {quoted(size)}; it must be (height, width), each from 1 to {SIDES[-1]}"
        )
    return int(pair[0]), int(pair[1])


def _per_channel(what: str, values: Any, channels: int) -> tuple[float, ...]:
    """Return one number for each channel, given as such or as one number for all."""
    listed = [values] * channels if isinstance(values, (int, float)) else values
    try:
        numbers = tuple(float(it) for it in listed)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != channels or not all(map(math.isfinite, numbers)):
        raise ExplorerError(
            f"{what} is {quoted(values)}; it must be a number, or {channels} numbers, one for each "
            "channel"
        )
    return numbers


def _checked_name(name: str) -> str:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ExplorerError(
            f"name is {quoted(name)}; it must have letters, digits, '_', '-' and '.', up to 64"
        )
    if name in known_networks.catalogue():
        raise ExplorerError(f"{name} is a known network already; choose another name")
    return name


def _try(module: nn.Module, name: str, shape: tuple[int, int, int]) -> list[Tensor]:
    """Run a module once, on a ramp of grey; return the tensors in its output.

    If it computes something else when it is traced, it will not be traced.

    Raises:
        ExplorerError: the module fails, or returns no tensor.
    """
    weight = next(module.parameters(), torch.zeros(()))
    image = torch.linspace(-2, 2, math.prod(shape), device=weight.device).view(1, *shape)
    try:
        with torch.no_grad():
            outputs = values_in(module(image), Tensor)
    # The code of a module may raise anything.
    except Exception as error:
        raise ExplorerError(
            f"{named(name)} does not take images of {' x '.join(map(str, shape))} (channels, "
            f"height, width): {reason_of(error)}"
        ) from error
    if not outputs:
        raise ExplorerError(f"{named(name)} returns no tensor, and no tuple or dict of tensors")
    if not _computes_the_same(module, image, outputs):
        never_trace(module)
    return outputs


def _computes_the_same(module: nn.Module, image: Tensor, outputs: Sequence[Tensor]) -> bool:
    """Whether a module can be traced, and its graph computes the same outputs for an image."""
    traced = trace(module)
    if traced is None:
        return False
    try:
        with torch.no_grad():
            found = values_in(traced.assemble(traced.graph)(image), Tensor)
    # What was traced may be no code that can run.
    except Exception:
        return False
    return len(found) == len(outputs) and all(
        one.shape == other.shape and torch.allclose(one, other, TOLERANCE, TOLERANCE)
        for one, other in zip(found, outputs, strict=True)
    )


def _labels(labels: Sequence[str] | None, outputs: Sequence[Tensor]) -> tuple[str, ...]:
    first = outputs[0]
    if labels is None:
        return class_labels((), first.shape[1] if first.ndim == 2 else 0)
    names = tuple(map(str, labels))
    if names and (first.ndim < 2 or len(names) != first.shape[1]):
        raise ExplorerError(
            f"there are {len(names)} labels, and the output of the module is {list(first.shape)}"
        )
    return names


def class_labels(classes: Sequence[str], count: int) -> tuple[str, ...]:
    """Return the class names if there are ``count`` of them, else ``class 0``, ``class 1``, ..."""
    return tuple(classes) if len(classes) == count else tuple(f"class {i}" for i in range(count))
