"""Rules for operations with windows: convolution, pooling, padding, and attention in windows."""

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from core.networks.receptive_fields.described_call import Call
from core.networks.receptive_fields.spans import Axes, Axis, AxisKind, Span

# timm's operations with the padding of TensorFlow.
SAME_CONVOLUTIONS = ("Conv2dSame", "StdConv2dSame", "ScaledStdConv2dSame")
SAME_POOLINGS = ("AvgPool2dSame", "MaxPool2dSame")


def pair(value: Any) -> tuple[int, int]:
    """Return a setting for rows and columns, given as one number for both or as a pair."""
    if isinstance(value, int):
        return (value, value)
    first, *rest = value
    return (int(first), int(rest[0] if rest else first))


def along_sides(call: Call, changes: Sequence[Callable[[Span, int], Span]]) -> Axes:
    """Return the axes after an operation along the last two axes, rows and columns.

    Args:
        call: the operation.
        changes: for rows and for columns, what returns the span of the result from that of the
            input and the number of positions of the result.
    """
    result: list[Axis] = []
    for axis, length, change in zip(call.axes[2:], call.shape[2:], changes, strict=True):
        if isinstance(axis, Span):
            result.append(change(axis, length))
        else:
            shared = axis == AxisKind.SHARED and length == 1
            result.append(AxisKind.SHARED if shared else AxisKind.POSITION)
    return (*call.axes[:2], *result)


def _slide(call: Call, windows: Iterable[tuple[int, int, int, int]]) -> Axes:
    """Return the axes after an operation with sliding windows along the last two axes.

    Each window is (kernel, stride, padding, dilation), for rows and for columns.
    """
    return along_sides(
        call,
        [
            functools.partial(
                Span.slide, kernel=kernel, stride=stride, padding=padding, dilation=dilation
            )
            for kernel, stride, padding, dilation in windows
        ],
    )


def convolution(call: Call) -> Axes:
    """Return the axes of a convolution's result ``[N, C, H, W]``."""
    if len(call.shape) != 4 or call.option("padding_mode", -1, "zeros") != "zeros":
        return call.unknown_axes()
    kernel = call.option("weight", 1).shape[2:]
    stride, dilation = pair(call.option("stride", 3, 1)), pair(call.option("dilation", 5, 1))
    padding = call.option("padding", 4, 0)
    if call.name in SAME_CONVOLUTIONS:
        padding = _same_padding(call, kernel, stride, dilation)
    elif padding == "same":
        # If the total padding is odd, torch puts the smaller half in front.
        padding = [d * (k - 1) // 2 for d, k in zip(dilation, kernel, strict=True)]
    sides = zip(kernel, stride, pair(0 if padding == "valid" else padding), dilation, strict=True)
    return (AxisKind.BATCH, AxisKind.CHANNEL, *_slide(call, sides)[2:])


def _same_padding(
    call: Call, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[int, int]:
    """Return the padding in front that gives one position for each step of the stride.

    If the total padding is odd, TensorFlow puts the smaller half in front.
    """
    sides = zip(call.inputs[0].shape[2:], call.shape[2:], kernel, stride, dilation, strict=True)
    before = [
        max((positions - 1) * step + gap * (taps - 1) + 1 - length, 0) // 2
        for length, positions, taps, step, gap in sides
    ]
    return before[0], before[1]


def pooling(call: Call) -> Axes:
    """Return the axes after pooling with a window."""
    if len(call.shape) != 4:
        return call.unknown_axes()
    kernel = pair(call.option("kernel_size", 1))
    # The default stride of the function and the module is the window size.
    stride = pair(call.option("stride", 2) or kernel)
    padding = pair(call.option("padding", 3, 0))
    dilation = pair(call.option("dilation", 4, 1)) if "max" in call.name.lower() else (1, 1)
    if call.name in SAME_POOLINGS:
        padding = _same_padding(call, kernel, stride, dilation)
    return _slide(call, zip(kernel, stride, padding, dilation, strict=True))


def adaptive_pooling(call: Call) -> Axes:
    """Return the axes after pooling to a given number of positions."""
    if len(call.shape) != 4:
        return call.unknown_axes()
    result = [
        axis.adapt(length) if isinstance(axis, Span) else AxisKind.POSITION
        for axis, length in zip(call.axes[2:], call.shape[2:], strict=True)
    ]
    return (*call.axes[:2], *result)


def padding(call: Call) -> Axes:
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


def patch_merging(call: Call) -> Axes:
    """Return axes of Swin's ``_patch_merging_pad``: ``[N, H, W, C]`` to ``[N, H/2, W/2, 4C]``."""
    axes = list(call.axes)
    for at in (-3, -2):
        axis = axes[at]
        if isinstance(axis, Span):
            axes[at] = axis.slide(call.shape[at], 2, 2, 0)
    return tuple(axes)


def window_attention(call: Call) -> Axes:
    """Return the axes of Swin's ``shifted_window_attention`` on ``[N, H, W, C]``."""
    sides, shifts = call.option("window_size", 4), call.option("shift_size", 6)
    axes = list(call.axes)
    for at, side, shift in zip((1, 2), sides, shifts, strict=True):
        axis = axes[at]
        if isinstance(axis, Span):
            axes[at] = axis.mix_windows(side, shift, not call.local)
    return tuple(axes)
