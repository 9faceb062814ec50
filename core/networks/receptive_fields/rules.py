"""Rules: the axes and receptive fields of an operation's result, from those of its inputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from core.networks.receptive_fields.spans import (
    Axes,
    Axis,
    AxisKind,
    Span,
    elementwise_axes,
    mixed_axis,
    unknown_axes,
)


@dataclass(frozen=True)
class Value:
    """The axes and shape of a tensor that depends on the image."""

    axes: Axes
    shape: tuple[int, ...]

    @property
    def has_channels(self) -> bool:
        """Whether the tensor can be a layer's activation: a batch axis and one channel axis."""
        is_batch = self.axes[:1] == (AxisKind.BATCH,)
        return is_batch and self.axes.count(AxisKind.CHANNEL) == 1


@dataclass(frozen=True)
class Call:
    """One execution of an operation.

    Attributes:
        name: name of the function, method or module class.
        module: the module, if the operation is one.
        args, kwargs: the arguments of the call; they contain tensors and no graph nodes.
        inputs: descriptions of the arguments that depend on the image.
        result: the object that the operation returned.
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
        """The shape of the result, which must be one tensor."""
        return tuple(self.result.shape)

    def option(self, name: str, position: int, default: Any = None) -> Any:
        """Return a setting such as ``stride``: a module's attribute or a function's argument."""
        if self.module is not None:
            return getattr(self.module, name, default)
        if name in self.kwargs:
            return self.kwargs[name]
        return self.args[position] if len(self.args) > position else default

    def dims(self, name: str, position: int) -> tuple[int, ...]:
        """Return the axes that a setting lists, as indices from 0.

        The setting is a number, a sequence, or separate arguments as in ``x.permute(0, 2, 3, 1)``.
        """
        dims = self.option(name, position)
        if isinstance(dims, int) and self.module is None and len(self.args) > position:
            dims = [each for each in self.args[position:] if not isinstance(each, bool)]
        dims = [dims] if isinstance(dims, int) else list(dims)
        return tuple(dim % len(self.axes) for dim in dims)

    def unknown_axes(self) -> Axes:
        """Return the axes of the result as if the operation were unknown."""
        return unknown_axes([value.axes for value in self.inputs], self.shape)


Rule = Callable[[Call], Axes]


def _pick(axis: Axis, positions: slice) -> Axis:
    return axis.pick(positions) if isinstance(axis, Span) else axis


def _pair(value: Any) -> tuple[int, int]:
    """Return a setting for rows and columns, given as one number for both or as a pair."""
    if isinstance(value, int):
        return (value, value)
    first, *rest = value
    return (int(first), int(rest[0] if rest else first))


def _slide(call: Call, windows: Sequence[tuple[int, int, int, int]]) -> Axes:
    """Return the axes after an operation with sliding windows along the last two axes.

    Each window is (kernel, stride, padding, dilation), for rows and for columns.
    """
    result: list[Axis] = []
    for axis, length, window in zip(call.axes[2:], call.shape[2:], windows, strict=True):
        result.append(axis.slide(length, *window) if isinstance(axis, Span) else AxisKind.POSITION)
    return (*call.axes[:2], *result)


def _convolution(call: Call) -> Axes:
    if len(call.shape) != 4 or call.option("padding_mode", -1, "zeros") != "zeros":
        return call.unknown_axes()
    kernel = call.option("weight", 1).shape[2:]
    stride, dilation = _pair(call.option("stride", 3, 1)), _pair(call.option("dilation", 5, 1))
    padding = call.option("padding", 4, 0)
    if padding == "same":
        # If the total padding is odd, torch puts the smaller half in front.
        padding = [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
    sides = zip(kernel, stride, _pair(0 if padding == "valid" else padding), dilation, strict=True)
    return (AxisKind.BATCH, AxisKind.CHANNEL, *_slide(call, list(sides))[2:])


def _pooling(call: Call) -> Axes:
    if len(call.shape) != 4:
        return call.unknown_axes()
    kernel = _pair(call.option("kernel_size", 1))
    # The default stride of the function and the module is the window size.
    stride = _pair(call.option("stride", 2) or kernel)
    padding = _pair(call.option("padding", 3, 0))
    dilation = _pair(call.option("dilation", 4, 1)) if "max" in call.name.lower() else (1, 1)
    return _slide(call, list(zip(kernel, stride, padding, dilation, strict=True)))


def _adaptive_pooling(call: Call) -> Axes:
    if len(call.shape) != 4:
        return call.unknown_axes()
    result = [
        axis.adapt(length) if isinstance(axis, Span) else AxisKind.POSITION
        for axis, length in zip(call.axes[2:], call.shape[2:], strict=True)
    ]
    return (*call.axes[:2], *result)


def _padding(call: Call) -> Axes:
    """Return the axes after constant padding; ``pad`` begins with the last axis."""
    if call.option("mode", 2, "constant") != "constant":
        return call.unknown_axes()
    before = list(call.option("pad", 1) if call.module is None else call.option("padding", 1))[::2]
    axes = list(call.axes)
    for from_end, pad in enumerate(before, start=1):
        axis = axes[-from_end]
        if isinstance(axis, Span):
            axes[-from_end] = axis.slide(call.shape[-from_end], 1, 1, pad)
    return tuple(axes)


def _patch_merging(call: Call) -> Axes:
    """Return axes of Swin's ``_patch_merging_pad``: ``[N, H, W, C]`` to ``[N, H/2, W/2, 4C]``."""
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
    return (*rest, last.full(call.shape[-1]) if isinstance(last, Span) else last)


def _batch_normalisation(call: Call) -> Axes:
    if call.option("running_mean", 1) is None or call.option("training", 5, False):
        # Normalisation with the statistics of the present image mixes all positions.
        return call.unknown_axes()
    return call.axes


def _normalisation(call: Call) -> Axes:
    """Return the axes of layer normalisation, which mixes the last axes."""
    count = len(call.option("normalized_shape", 1))
    mixed = map(mixed_axis, call.axes[-count:], call.shape[-count:])
    return (*call.axes[:-count], *mixed)


def _softmax(call: Call) -> Axes:
    dim = call.option("dim", 1)
    axes = list(call.axes)
    if dim is None:
        return call.unknown_axes()
    axes[dim] = mixed_axis(axes[dim], call.shape[dim])
    return tuple(axes)


def _reduction(call: Call) -> Axes:
    if call.option("dim", 1) is None:
        return call.unknown_axes()
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
    """Return the kind of a new axis of length 1: channels if no other axis has channels."""
    return AxisKind.POSITION if AxisKind.CHANNEL in axes else AxisKind.CHANNEL


def _selection(call: Call) -> Axes:
    """Return the axes of ``x[...]`` with slices, numbers and None."""
    index = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    if any(not isinstance(each, (int, slice, type(None), type(...))) for each in index):
        return call.unknown_axes()
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
            result.append(_pick(axis, each))
    return tuple(result)


def split_axes(call: Call) -> list[tuple[Axes, Tensor]]:
    """Return the axes of each tensor that a split results in, with the tensor."""
    dim = call.option("dim", 2, 0) % len(call.axes)
    result, start = [], 0
    for part in call.result:
        picked = _pick(call.axes[dim], slice(start, start + part.shape[dim]))
        result.append(((*call.axes[:dim], picked, *call.axes[dim + 1 :]), part))
        start += part.shape[dim]
    return result


def _expansion(call: Call) -> Axes:
    new = (AxisKind.POSITION,) * (len(call.shape) - len(call.axes))
    return (*new, *map(mixed_axis, call.axes, call.shape[len(new) :]))


def _concatenation(call: Call) -> Axes:
    ranks = {len(value.axes) for value in call.inputs}
    if ranks != {len(call.shape)}:
        return call.unknown_axes()
    dim = call.option("dim", 1, 0) % len(call.shape)
    along = call.axes[dim]
    # Along all other axes, a position of the result depends on the same position of every input.
    inputs = [(*v.axes[:dim], AxisKind.CHANNEL, *v.axes[dim + 1 :]) for v in call.inputs]
    axes = list(elementwise_axes(inputs, call.shape))
    axes[dim] = along.full(call.shape[dim]) if isinstance(along, Span) else along
    return tuple(axes)


def _reshaping(call: Call) -> Axes:
    """Return the axes of a reshape, by matching runs of axes with equal numbers of elements.

    Example: from ``[N, C, H, W]`` to ``[N, C, H * W]``, the run (H, W) becomes one axis.
    """
    old, new = call.inputs[0].shape, call.shape
    if 0 in old:
        return call.unknown_axes()
    result: list[Axis] = []
    i = j = 0
    while i < len(old) and j < len(new):
        i_end, j_end, old_size, new_size = i + 1, j + 1, old[i], new[j]
        while old_size != new_size:
            if old_size < new_size:
                old_size, i_end = old_size * old[i_end], i_end + 1
            else:
                new_size, j_end = new_size * new[j_end], j_end + 1
        # Trailing axes of length one belong to the last run.
        i_end = len(old) if j_end == len(new) else i_end
        j_end = len(new) if i_end == len(old) else j_end
        result += _regrouped(call.axes[i:i_end], old[i:i_end], new[j:j_end])
        i, j = i_end, j_end
    # The image has a batch size of 1, so a first axis of length 1 is the batch axis.
    return (AxisKind.BATCH, *result[1:]) if new and new[0] == 1 else tuple(result)


def _regrouped(axes: Axes, old: Sequence[int], new: Sequence[int]) -> list[Axis]:
    """Return the axes that replace one run of old axes."""
    lengths = zip(axes, old, strict=True)
    long = [axis for axis, length in lengths if length > 1] or list(axes)
    mixed = AxisKind.CHANNEL if AxisKind.CHANNEL in long else AxisKind.POSITION
    # An axis that only gains or loses neighbours of length one keeps its description.
    same = len(long) == 1 and sum(length > 1 for length in new) <= 1
    kept = long[0] if same else mixed
    if len(new) == 1:
        return [kept]
    return [kept if length > 1 else AxisKind.POSITION for length in new]


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
# Operations that return several tensors.
SPLITTING = ("chunk", "split", "tensor_split")
# Operations that join several tensors.
CONCATENATING: Mapping[str, Rule] = dict.fromkeys(("cat", "concat", "concatenate"), _concatenation)
