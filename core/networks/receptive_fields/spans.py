"""Receptive fields by interval arithmetic: which pixels can change which positions of a tensor.

Every value in a network's graph is described axis by axis (``Axes``): the batch axis, the channel
axis, and for an axis along the image's rows or columns the pixels that each position depends on
(``Span``). The rules in ``rules`` derive the description of an operation's result from those of its
inputs. If an operation is unknown, its result is assumed to depend on the whole image. So a
computed receptive field may be too large, but never too small.

There are two descriptions of every value. The *exact* one includes everything that can change a
position. The *local* one treats global gates as constants: values that depend on a summary of the
whole image, such as the factors of squeeze-and-excitation, and attention over the whole image.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction

# Which positions a position is computed from.
Sources = Callable[[int], Sequence[int]]
# A receptive field is a box, so rows and columns are computed independently.
ROWS, COLS = 0, 1


class AxisKind(Enum):
    """The kind of an axis that is not along the image's rows or columns."""

    BATCH = "batch"
    CHANNEL = "channel"
    # Positions in no known order, such as tokens; each depends on the whole image.
    POSITION = "position"
    # One value for all positions, such as the factor of a channel.
    SHARED = "shared"


@dataclass(frozen=True)
class Span:
    """The image pixels that the positions along one axis of a tensor depend on.

    Example: after a convolution with kernel size 3 and no padding, row i depends on image rows i to
    i + 2, so ``starts`` is (0, 1, ...) and ``stops`` is (3, 4, ...).

    All intervals are half open: from the first pixel to the one after the last.

    Attributes:
        side: the axis of the image, ``ROWS`` or ``COLS``.
        extent: number of image pixels along ``side``.
        stride: number of image pixels between neighbouring positions; None if unknown.
        window: (first, end), if position i of an image without borders would depend on the pixels
            from ``stride * i + first`` to ``stride * i + end``; None if it would depend on all.
        starts, stops: position i depends on the image pixels from ``starts[i]`` to ``stops[i]``; an
            empty interval is (extent, 0).
        summary: whether the positions depend on the image through a summary of the whole image
            only, such as its mean. Local descriptions treat these values as constants.
    """

    side: int
    extent: int
    stride: int | None
    window: tuple[int, int] | None
    starts: tuple[int, ...]
    stops: tuple[int, ...]
    summary: bool = False

    @classmethod
    def of_image(cls, side: int, extent: int) -> "Span":
        """Return the span of an image axis: position i is pixel i."""
        return cls(side, extent, 1, (0, 1), tuple(range(extent)), tuple(range(1, extent + 1)))

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def reach(self) -> int | None:
        """Number of pixels that a position depends on in an image without borders; None for all."""
        return None if self.window is None else self.window[1] - self.window[0]

    def full(self, length: int, stride: int | None = None) -> "Span":
        """Return the span of ``length`` positions that each depend on the whole image."""
        starts, stops = (0,) * length, (self.extent,) * length
        return Span(self.side, self.extent, stride, None, starts, stops, self.summary)

    def slide(
        self, length: int, kernel: int, stride: int, padding: int, dilation: int = 1
    ) -> "Span":
        """Return the span of a convolution's or pooling's result with ``length`` positions.

        Formulas: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
        Networks", Distill 2019, evaluated for each position, so that the intervals of positions
        near the border are exact too.
        """
        reach = dilation * (kernel - 1) + 1
        taps = []
        for position in range(length):
            first = position * stride - padding
            # Padding is not part of the image: skip to the first tap inside it.
            first_inside = first if first >= 0 else first % dilation
            taps.append(slice(first_inside, max(first + reach, 0), dilation))
        window = None
        if self.window is not None and self.stride is not None:
            start, stop = self.window
            window = (start - padding * self.stride, stop + (reach - 1 - padding) * self.stride)
        result_stride = None if self.stride is None else self.stride * stride
        return self._gather(taps, result_stride, window)

    def adapt(self, length: int) -> "Span":
        """Return the span of adaptive pooling to ``length`` positions.

        If ``length`` divides the present number of positions, all pooling windows have the same
        size. The result of pooling to one position depends on all positions, whatever the image
        size.
        """
        old = len(self)
        if length > 1 and old % length == 0:
            return self.slide(length, old // length, old // length, 0)
        taps = [slice(i * old // length, -(-(i + 1) * old // length)) for i in range(length)]
        return replace(self._gather(taps, None, None), summary=self.summary or length == 1)

    def resample(self, length: int, sources: Sources, step: Fraction) -> "Span":
        """Return the span of upsampling, or of another change of the number of positions.

        Args:
            length: number of positions of the result.
            sources: returns the positions, in ascending order, that a position of the result is
                computed from; on an axis without ends, so that they may be outside of this one.
            step: number of positions between those from which neighbours are computed, such as 1/2
                if the number of positions is doubled.

        What a position depends on differs between neighbours, so ``window`` of the result is what
        any of them may depend on.
        """
        taps = []
        for position in range(length):
            inside = [at for at in sources(position) if 0 <= at < len(self)]
            taps.append(slice(inside[0], inside[-1] + 1) if inside else slice(0))
        stride = None if self.stride is None else self.stride * step
        if not stride or stride.denominator != 1:
            return self._gather(taps, None, None)
        window = None
        if self.window is not None and self.stride is not None:
            # After so many positions, everything repeats.
            several = [(at, list(sources(at))) for at in range(step.denominator)]
            window = (
                min(each[0] * self.stride - at * stride.numerator for at, each in several if each)
                + self.window[0],
                max(each[-1] * self.stride - at * stride.numerator for at, each in several if each)
                + self.window[1],
            )
        return self._gather(taps, stride.numerator, window)

    def mix_windows(self, side: int, shift: int, wrap: bool, padded: bool = True) -> "Span":
        """Return the span of attention within windows of ``side`` positions.

        Args:
            side: number of positions in a window.
            shift: number of positions by which the windows are shifted. The first positions are
                then in one window with the last ones, as in Swin transformers, but masked.
            wrap: whether masked positions count as a part of the window.
            padded: whether positions are padded to whole windows before the shift, and not after.

        Which positions are in one window depends on the place in the image, so ``window`` of the
        result is what any of them may depend on.
        """
        length = len(self)
        whole = -(-length // side) * side
        shift = 0 if side >= whole else shift
        period = whole if padded else length
        wrap = wrap or period != whole
        starts, stops = [], []
        for position in range(length):
            first = (position - shift) % period // side * side
            places = ((at + shift) % period for at in range(first, min(first + side, period)))
            mixed = [
                it for it in places if it < length and (wrap or (it < shift) == (position < shift))
            ]
            starts.append(min(self.starts[it] for it in mixed))
            stops.append(max(self.stops[it] for it in mixed))
        window = None
        if self.window is not None and self.stride is not None and not (wrap and shift):
            around = (side - 1) * self.stride
            window = (self.window[0] - around, self.window[1] + around)
        return replace(self, window=window, starts=tuple(starts), stops=tuple(stops))

    def pick(self, positions: slice) -> "Span":
        """Return the span of a slice of the positions."""
        first, _, step = positions.indices(len(self))
        stride, window = self.stride, self.window
        if stride is not None:
            if window is not None:
                window = (window[0] + first * stride, window[1] + first * stride)
            stride *= step
        return replace(
            self,
            stride=stride,
            window=window,
            starts=self.starts[positions],
            stops=self.stops[positions],
        )

    def join(self, other: "Span", length: int) -> "Span":
        """Return the span of an elementwise operation on two tensors.

        Args:
            other: the span of the second tensor; ``self`` is that of the first.
            length: number of positions of the result; a tensor with one position is broadcast to
                this length.
        """
        if self == other and len(self) == length:
            return self
        stride, window = self.stride, None
        if stride is None or other.stride is None:
            # A full span, such as that of a squeeze-and-excitation gate, may have no stride.
            stride = stride or other.stride
        elif stride != other.stride or len(self) != len(other):
            stride = None
        elif self.window is not None and other.window is not None:
            window = (min(self.window[0], other.window[0]), max(self.window[1], other.window[1]))
        first, second = self._broadcast(length), other._broadcast(length)
        starts = tuple(map(min, first.starts, second.starts))
        stops = tuple(map(max, first.stops, second.stops))
        summary = self.summary and other.summary
        return Span(self.side, self.extent, stride, window, starts, stops, summary)

    def _broadcast(self, length: int) -> "Span":
        if len(self) == length:
            return self
        return replace(self, starts=self.starts * length, stops=self.stops * length)

    def _gather(
        self, taps: Iterable[slice], stride: int | None, window: tuple[int, int] | None
    ) -> "Span":
        """Return a span with one position for each slice of positions in ``taps``."""
        taps = list(taps)
        starts = tuple(min(self.starts[each], default=self.extent) for each in taps)
        stops = tuple(max(self.stops[each], default=0) for each in taps)
        return Span(self.side, self.extent, stride, window, starts, stops, self.summary)


Axis = AxisKind | Span
Axes = tuple[Axis, ...]


def image_axes(height: int, width: int) -> Axes:
    """Return the axes of an image tensor ``[N, 3, height, width]``."""
    sides = Span.of_image(ROWS, height), Span.of_image(COLS, width)
    return (AxisKind.BATCH, AxisKind.CHANNEL, *sides)


def mixed_axis(axis: Axis, length: int) -> Axis:
    """Return an axis after an operation that may mix all positions along the axis."""
    if not isinstance(axis, Span):
        return axis
    return axis.full(length, axis.stride if len(axis) == length else None)


def unknown_axes(inputs: Iterable[Axes], shape: Sequence[int]) -> Axes:
    """Return the axes of the result of an unknown operation.

    They are the axes of the first input that has as many axes as the result, else the default order
    ``[N, C]``, ``[N, T, C]`` or ``[N, C, H, W]``.
    """
    for axes in inputs:
        if len(axes) == len(shape):
            return tuple(map(mixed_axis, axes, shape))
    positions = (AxisKind.POSITION,) * (len(shape) - 2)
    if len(shape) == 3:
        return (AxisKind.BATCH, *positions, AxisKind.CHANNEL)
    return (AxisKind.BATCH, AxisKind.CHANNEL, *positions)[: len(shape)]


def elementwise_axes(inputs: Sequence[Axes], shape: Sequence[int], local: bool = False) -> Axes:
    """Return what each dimension of the result of an elementwise operation stands for.

    Args:
        inputs: the same for the dimensions of each input.
        shape: the shape of the result, to which the inputs are broadcast.
        local: whether global gates count as constants.
    """
    if all(axes == inputs[0] for axes in inputs) and len(inputs[0]) == len(shape):
        return inputs[0]
    aligned = [((None,) * (len(shape) - len(axes))) + axes for axes in inputs]
    return tuple(
        _elementwise_axis(axes, length, local)
        for axes, length in zip(zip(*aligned, strict=True), shape, strict=True)
    )


def is_gate(axis: Axis | None) -> bool:
    """Whether values depend, along an axis, on the image only through a summary of it.

    Args:
        axis: the axis of an operation's input; None if it is missing.
    """
    return axis.summary if isinstance(axis, Span) else axis in (None, AxisKind.SHARED)


def _elementwise_axis(axes: Sequence[Axis | None], length: int, local: bool) -> Axis:
    """Return one axis of the result, given this axis of every input.

    If this axis of an input is missing or along another side of the image, each position of the
    result depends on the whole image.
    """
    if local and any(not is_gate(axis) for axis in axes):
        axes = [axis for axis in axes if not is_gate(axis)]
    spans = [axis for axis in axes if isinstance(axis, Span)]
    if not spans:
        return next(axis for axis in axes if axis is not None)
    first = max(spans, key=len)
    if any(not isinstance(axis, Span) or axis.side != first.side for axis in axes):
        return first.full(length, first.stride)
    for span in spans:
        first = first.join(span, length)
    return first
