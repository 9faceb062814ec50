"""Rules for operations that only move values: permutations, slices, splits and reshapes."""

from collections.abc import Sequence

from core.networks.receptive_fields.described_call import Call
from core.networks.receptive_fields.spans import Axes, Axis, AxisKind, Span, mixed_axis


def _pick(axis: Axis, positions: slice) -> Axis:
    return axis.pick(positions) if isinstance(axis, Span) else axis


def permutation(call: Call) -> Axes:
    """Return the axes in another order."""
    return tuple(call.axes[dim] for dim in call.dims("dims", 1))


def transposition(call: Call) -> Axes:
    """Return the axes with two of them swapped."""
    axes = list(call.axes)
    first, second = (*call.args[1:], *call.kwargs.values())[-2:]
    axes[first], axes[second] = axes[second], axes[first]
    return tuple(axes)


def insertion(call: Call) -> Axes:
    """Return the axes with a new one of length 1."""
    axes = list(call.axes)
    axes.insert(call.option("dim", 1) % (len(axes) + 1), _new_axis(axes))
    return tuple(axes)


def _new_axis(axes: Sequence[Axis]) -> Axis:
    """Return the kind of a new axis of length 1: channels if no other axis has channels."""
    return AxisKind.SHARED if AxisKind.CHANNEL in axes else AxisKind.CHANNEL


def selection(call: Call) -> Axes:
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


def split_axes(call: Call) -> list[Axes]:
    """Return the axes of each tensor that a split results in."""
    dim = call.option("dim", 2, 0) % len(call.axes)
    result, start = list[Axes](), 0
    for part in call.result:
        picked = _pick(call.axes[dim], slice(start, start + part.shape[dim]))
        result.append((*call.axes[:dim], picked, *call.axes[dim + 1 :]))
        start += part.shape[dim]
    return result


def expansion(call: Call) -> Axes:
    """Return the axes after the repetition of axes of length 1."""
    new = (AxisKind.SHARED,) * (len(call.shape) - len(call.axes))
    return (*new, *map(mixed_axis, call.axes, call.shape[len(new) :]))


def reshaping(call: Call) -> Axes:
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
    return [kept if length > 1 else AxisKind.SHARED for length in new]
