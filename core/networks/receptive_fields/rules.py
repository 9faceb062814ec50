"""What each operation of a network does to the axes of its inputs, and to what they see."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from core.networks.receptive_fields.spans import (
    Axes,
    Axis,
    AxisKind,
    Span,
    joined,
    unclear,
    unknown,
)


@dataclass(frozen=True)
class Value:
    """A tensor that depends on the image: what its axes are, and its shape."""

    axes: Axes
    shape: tuple[int, ...]

    @property
    def has_channels(self) -> bool:
        """Whether it is a layer's activation: a batch with one axis of channels."""
        is_batch = self.axes[:1] == (AxisKind.BATCH,)
        return is_batch and self.axes.count(AxisKind.CHANNEL) == 1


@dataclass(frozen=True)
class Call:
    """One operation at work.

    Attributes:
        name: of the function, method or module class.
        module: the module that does it, if one does.
        args, kwargs: what it was given (tensors as tensors).
        inputs: what it was given that depends on the image.
        result: what came out.
    """

    name: str
    module: nn.Module | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    inputs: list[Value]
    result: Any

    @property
    def axes(self) -> Axes:
        """The axes of the first input."""
        return self.inputs[0].axes

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a result that is one tensor."""
        return tuple(self.result.shape)

    def option(self, name: str, position: int, default: Any = None) -> Any:
        """Find a setting: an attribute of the module, or an argument of the function or method."""
        if self.module is not None:
            return getattr(self.module, name, default)
        if name in self.kwargs:
            return self.kwargs[name]
        return self.args[position] if len(self.args) > position else default

    def dims(self, name: str, position: int) -> tuple[int, ...]:
        """Find a setting that names axes, given as one number, a sequence, or the rest."""
        found = self.option(name, position)
        if isinstance(found, int) and self.module is None and len(self.args) > position:
            found = [each for each in self.args[position:] if not isinstance(each, bool)]
        found = [found] if isinstance(found, int) else list(found)
        return tuple(dim % len(self.axes) for dim in found)

    def opaque(self) -> Axes:
        """Describe the result as that of an unknown operation."""
        return unknown([value.axes for value in self.inputs], self.shape)


Rule = Callable[[Call], Axes]


def _picked(axis: Axis, places: slice) -> Axis:
    return axis.pick(places) if isinstance(axis, Span) else axis


def _pair(value: Any) -> tuple[int, int]:
    """Read a setting given for both sides at once or for each."""
    if isinstance(value, int):
        return (value, value)
    first, *rest = value
    return (int(first), int(rest[0] if rest else first))


def _slid(call: Call, windows: Sequence[tuple[int, int, int, int]]) -> Axes:
    """Describe windows (kernel, stride, padding, dilation) that slide over the last two axes."""
    result: list[Axis] = []
    for axis, length, window in zip(call.axes[2:], call.shape[2:], windows, strict=True):
        result.append(axis.slide(length, *window) if isinstance(axis, Span) else AxisKind.PLACE)
    return (*call.axes[:2], *result)


def _convolution(call: Call) -> Axes:
    if len(call.shape) != 4 or call.option("padding_mode", -1, "zeros") != "zeros":
        return call.opaque()
    kernel = call.option("weight", 1).shape[2:]
    stride, dilation = _pair(call.option("stride", 3, 1)), _pair(call.option("dilation", 5, 1))
    padding = call.option("padding", 4, 0)
    if padding == "same":
        # torch puts the smaller half in front.
        padding = [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
    sides = zip(kernel, stride, _pair(0 if padding == "valid" else padding), dilation, strict=True)
    return (AxisKind.BATCH, AxisKind.CHANNEL, *_slid(call, list(sides))[2:])


def _pooling(call: Call) -> Axes:
    if len(call.shape) != 4:
        return call.opaque()
    kernel = _pair(call.option("kernel_size", 1))
    # Function and module take a missing stride for the size of the window.
    stride = _pair(call.option("stride", 2) or kernel)
    padding = _pair(call.option("padding", 3, 0))
    dilation = _pair(call.option("dilation", 4, 1)) if "max" in call.name.lower() else (1, 1)
    return _slid(call, list(zip(kernel, stride, padding, dilation, strict=True)))


def _adaptive_pooling(call: Call) -> Axes:
    if len(call.shape) != 4:
        return call.opaque()
    result = [
        axis.adapt(length) if isinstance(axis, Span) else AxisKind.PLACE
        for axis, length in zip(call.axes[2:], call.shape[2:], strict=True)
    ]
    return (*call.axes[:2], *result)


def _padding(call: Call) -> Axes:
    """Describe padding with a constant, given from the last axis backwards as before, after."""
    if call.option("mode", 2, "constant") != "constant":
        return call.opaque()
    before = list(call.option("pad", 1) if call.module is None else call.option("padding", 1))[::2]
    axes = list(call.axes)
    for back, pad in enumerate(before, start=1):
        axis = axes[-back]
        if isinstance(axis, Span):
            axes[-back] = axis.slide(call.shape[-back], 1, 1, pad)
    return tuple(axes)


def _patch_merging(call: Call) -> Axes:
    """Describe Swin's ``_patch_merging_pad``: ``[N, H, W, C]`` to ``[N, H/2, W/2, 4 C]``."""
    axes = list(call.axes)
    for at in (-3, -2):
        axis = axes[at]
        if isinstance(axis, Span):
            axes[at] = axis.slide(call.shape[at], 2, 2, 0)
    return tuple(axes)


def _linear(call: Call) -> Axes:
    *rest, last = call.axes
    if len(rest) == 1:
        return (*rest, AxisKind.CHANNEL)
    return (*rest, last.whole(call.shape[-1]) if isinstance(last, Span) else last)


def _batch_normalisation(call: Call) -> Axes:
    if call.option("running_mean", 1) is None or call.option("training", 5, False):
        # It takes the statistics of the picture itself.
        return call.opaque()
    return call.axes


def _normalisation(call: Call) -> Axes:
    """Describe layer normalisation, which mixes the last axes."""
    count = len(call.option("normalized_shape", 1))
    mixed = map(unclear, call.axes[-count:], call.shape[-count:])
    return (*call.axes[:-count], *mixed)


def _softmax(call: Call) -> Axes:
    dim = call.option("dim", 1)
    axes = list(call.axes)
    if dim is None:
        return call.opaque()
    axes[dim] = unclear(axes[dim], call.shape[dim])
    return tuple(axes)


def _reduction(call: Call) -> Axes:
    if call.option("dim", 1) is None:
        return call.opaque()
    dims = call.dims("dim", 1)
    if len(call.shape) < len(call.axes):
        return tuple(axis for at, axis in enumerate(call.axes) if at not in dims)
    return tuple(
        axis.adapt(1) if at in dims and isinstance(axis, Span) else axis
        for at, axis in enumerate(call.axes)
    )


def _permutation(call: Call) -> Axes:
    return tuple(call.axes[dim] for dim in call.dims("dims", 1))


def _transposition(call: Call) -> Axes:
    axes = list(call.axes)
    first, second = (*call.args[1:], *call.kwargs.values())[-2:]
    axes[first], axes[second] = axes[second], axes[first]
    return tuple(axes)


def _insertion(call: Call) -> Axes:
    axes = list(call.axes)
    axes.insert(call.option("dim", 1) % (len(axes) + 1), _new_axis(axes))
    return tuple(axes)


def _new_axis(axes: Sequence[Axis]) -> Axis:
    """Name an axis of length one: the channels, should they be missing (as in ``x[:, 0]``)."""
    return AxisKind.PLACE if AxisKind.CHANNEL in axes else AxisKind.CHANNEL


def _selection(call: Call) -> Axes:
    """Describe ``x[...]`` with slices, numbers and None."""
    index = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    if any(not isinstance(each, (int, slice, type(None), type(...))) for each in index):
        return call.opaque()
    missing = len(call.axes) - sum(each is not None and each is not ... for each in index)
    if ... not in index:
        index = (*index, ...)
    at = index.index(...)
    index = (*index[:at], *[slice(None)] * missing, *index[at + 1 :])
    left = list(call.axes)
    result: list[Axis] = []
    for each in index:
        if each is None:
            result.append(_new_axis([*result, *left]))
            continue
        axis = left.pop(0)
        if isinstance(each, slice):
            result.append(_picked(axis, each))
    return tuple(result)


def divided(call: Call) -> list[tuple[Axes, Tensor]]:
    """Describe each part of a tensor that is divided along one axis."""
    dim = call.option("dim", 2, 0) % len(call.axes)
    result, place = [], 0
    for part in call.result:
        picked = _picked(call.axes[dim], slice(place, place + part.shape[dim]))
        result.append(((*call.axes[:dim], picked, *call.axes[dim + 1 :]), part))
        place += part.shape[dim]
    return result


def _expansion(call: Call) -> Axes:
    new = (AxisKind.PLACE,) * (len(call.shape) - len(call.axes))
    return (*new, *map(unclear, call.axes, call.shape[len(new) :]))


def _concatenation(call: Call) -> Axes:
    ranks = {len(value.axes) for value in call.inputs}
    if ranks != {len(call.shape)}:
        return call.opaque()
    dim = call.option("dim", 1, 0) % len(call.shape)
    along = call.axes[dim]
    # Elsewhere than along its own axis a concatenation sees what any of its inputs sees.
    inputs = [(*v.axes[:dim], AxisKind.CHANNEL, *v.axes[dim + 1 :]) for v in call.inputs]
    axes = list(joined(inputs, call.shape))
    axes[dim] = along.whole(call.shape[dim]) if isinstance(along, Span) else along
    return tuple(axes)


def _reshaping(call: Call) -> Axes:
    """Describe a reshape by matching the runs of old and new axes that hold the same numbers."""
    old, new = call.inputs[0].shape, call.shape
    if 0 in old:
        return call.opaque()
    result: list[Axis] = []
    i = j = 0
    while i < len(old) and j < len(new):
        i_end, j_end, here, there = i + 1, j + 1, old[i], new[j]
        while here != there:
            if here < there:
                here, i_end = here * old[i_end], i_end + 1
            else:
                there, j_end = there * new[j_end], j_end + 1
        # Axes of length one at the end belong to the last run.
        i_end = len(old) if j_end == len(new) else i_end
        j_end = len(new) if i_end == len(old) else j_end
        result += _regrouped(call.axes[i:i_end], old[i:i_end], new[j:j_end])
        i, j = i_end, j_end
    # The image that is run has a batch of one.
    return (AxisKind.BATCH, *result[1:]) if new and new[0] == 1 else tuple(result)


def _regrouped(axes: Axes, old: Sequence[int], new: Sequence[int]) -> list[Axis]:
    """Describe the new axes of one run."""
    lengths = zip(axes, old, strict=True)
    long = [axis for axis, length in lengths if length > 1] or list(axes)
    mixed = AxisKind.CHANNEL if AxisKind.CHANNEL in long else AxisKind.PLACE
    # One axis that only gains or loses neighbours of length one stays what it is.
    same = len(long) == 1 and sum(length > 1 for length in new) <= 1
    kept = long[0] if same else mixed
    if len(new) == 1:
        return [kept]
    return [kept if length > 1 else AxisKind.PLACE for length in new]


def is_activation(module: nn.Module | None) -> bool:
    """Tell whether a module is one of torch's activations of single numbers, such as ReLU."""
    if module is None or type(module).__module__ != "torch.nn.modules.activation":
        return False
    return type(module).__name__ not in MIXING_ACTIVATIONS


# Activations that mix several numbers.
MIXING_ACTIVATIONS = ("MultiheadAttention", "Softmax", "Softmax2d", "Softmin", "LogSoftmax", "GLU")
ACTIVATIONS = frozenset(
    {"relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu", "silu", "mish"}
    | {"hardswish", "hardsigmoid", "hardtanh", "sigmoid", "tanh", "softplus", "softsign"}
)
ARITHMETIC = frozenset(
    {"add", "sub", "mul", "div", "truediv", "floordiv", "pow", "neg", "abs", "exp", "log", "sqrt"}
    | {"rsqrt", "square", "clamp", "maximum", "minimum", "where", "lerp", "addcmul"}
    | {"to", "type_as", "float", "half", "bfloat16", "double", "detach", "clone", "contiguous"}
)
# What does nothing in evaluation mode, or only mixes the channels of one place.
LOCAL = frozenset(
    {"Identity", "Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout", "dropout"}
    | {"dropout2d", "alpha_dropout", "feature_alpha_dropout", "stochastic_depth"}
    | {"LocalResponseNorm", "local_response_norm", "ChannelShuffle", "channel_shuffle"}
)
POINTWISE = ACTIVATIONS | ARITHMETIC | LOCAL
RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("Conv2d", "conv2d"), _convolution),
    **dict.fromkeys(("MaxPool2d", "AvgPool2d", "max_pool2d", "avg_pool2d"), _pooling),
    **dict.fromkeys(("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"), _adaptive_pooling),
    **dict.fromkeys(("adaptive_avg_pool2d", "adaptive_max_pool2d"), _adaptive_pooling),
    **dict.fromkeys(("ZeroPad2d", "ConstantPad2d", "pad"), _padding),
    **dict.fromkeys(("Linear", "linear"), _linear),
    **dict.fromkeys(("BatchNorm2d", "SyncBatchNorm", "batch_norm"), _batch_normalisation),
    **dict.fromkeys(("LayerNorm", "RMSNorm", "layer_norm", "rms_norm"), _normalisation),
    **dict.fromkeys(("Softmax", "LogSoftmax", "softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "var", "std", "logsumexp"), _reduction),
    **dict.fromkeys(("Flatten", "Unflatten", "flatten", "unflatten"), _reshaping),
    **dict.fromkeys(("reshape", "view", "squeeze"), _reshaping),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), _transposition),
    "permute": _permutation,
    "unsqueeze": _insertion,
    "getitem": _selection,
    "expand": _expansion,
    "_patch_merging_pad": _patch_merging,
}
# Operations that give several tensors.
DIVIDING = ("chunk", "split", "tensor_split")
# Operations on several inputs.
JOINING: Mapping[str, Rule] = dict.fromkeys(("cat", "concat", "concatenate"), _concatenation)
