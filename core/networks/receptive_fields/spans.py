"""Receptive fields by interval arithmetic: which input pixels can change which places.

Every value in a network's graph is described axis by axis (``Axes``): what is the batch, what the
channels, and for an axis along the picture's rows or columns which pixels each of its places sees
(``Span``). ``see`` works out the description of an operation's result from those of its inputs.
What is not known sees the whole picture: a field may come out too large, never too small.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

# A receptive field is separable: it is a box, worked out on each side by itself.
ROWS, COLS = 0, 1


class AxisKind(Enum):
    """What an axis is that does not run along the picture."""

    BATCH = "batch"
    CHANNEL = "channel"
    # Places in no order that is known, such as tokens; each sees the whole picture.
    PLACE = "place"


@dataclass(frozen=True)
class Span:
    """What the places along one axis see of one side of the picture.

    All intervals are half open: from the first pixel to the one after the last.

    Attributes:
        side: which side, ``ROWS`` or ``COLS``.
        extent: pixels of the picture along it.
        stride: pixels between neighbouring places, None if unknown.
        window: were the picture endless, place i would see the pixels from
            ``stride * i + window[0]`` to ``stride * i + window[1]``; None if it would see all.
        starts, stops: the pixels that place i sees of this picture; an empty interval is
            written as (extent, 0).
    """

    side: int
    extent: int
    stride: int | None
    window: tuple[int, int] | None
    starts: tuple[int, ...]
    stops: tuple[int, ...]

    @classmethod
    def of_image(cls, side: int, extent: int) -> "Span":
        """Describe the picture itself: each pixel sees itself."""
        return cls(side, extent, 1, (0, 1), tuple(range(extent)), tuple(range(1, extent + 1)))

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def reach(self) -> int | None:
        """How many pixels a place sees, were the picture endless; None for all."""
        return None if self.window is None else self.window[1] - self.window[0]

    def whole(self, length: int, stride: int | None = None) -> "Span":
        """Describe places that each see the whole picture."""
        starts, stops = (0,) * length, (self.extent,) * length
        return Span(self.side, self.extent, stride, None, starts, stops)

    def slide(
        self, length: int, kernel: int, stride: int, padding: int, dilation: int = 1
    ) -> "Span":
        """Describe the result of a convolution or pooling window of this many places.

        Formulas: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
        Networks", Distill 2019, carried out for each place so that borders come out exactly.
        """
        reach = dilation * (kernel - 1) + 1
        taps = []
        for place in range(length):
            first = place * stride - padding
            # Padding is not part of the picture: step to the first tap inside.
            inside = first if first >= 0 else first % dilation
            taps.append(slice(inside, max(first + reach, 0), dilation))
        window = None
        if self.window is not None and self.stride is not None:
            start, stop = self.window
            window = (start - padding * self.stride, stop + (reach - 1 - padding) * self.stride)
        apart = None if self.stride is None else self.stride * stride
        return self._gather(taps, apart, window)

    def adapt(self, length: int) -> "Span":
        """Describe the result of adaptive pooling to a length.

        The window is fixed where the length divides this one; pooling to one place is meant to
        see everything, however large the picture.
        """
        old = len(self)
        if length > 1 and old % length == 0:
            return self.slide(length, old // length, old // length, 0)
        taps = [slice(i * old // length, -(-(i + 1) * old // length)) for i in range(length)]
        return self._gather(taps, None, None)

    def pick(self, places: slice) -> "Span":
        """Describe a slice of the places."""
        first, _, step = places.indices(len(self))
        stride, window = self.stride, self.window
        if stride is not None:
            if window is not None:
                window = (window[0] + first * stride, window[1] + first * stride)
            stride *= step
        return replace(
            self,
            stride=stride,
            window=window,
            starts=self.starts[places],
            stops=self.stops[places],
        )

    def join(self, other: "Span", length: int) -> "Span":
        """Describe places that see what either of two sees, the shorter one broadcast."""
        if self == other and len(self) == length:
            return self
        stride, window = self.stride, None
        if stride is None or other.stride is None:
            # What sees everything (such as a squeeze-and-excitation gate) has no stride to keep.
            stride = stride or other.stride
        elif stride != other.stride or len(self) != len(other):
            stride = None
        elif self.window is not None and other.window is not None:
            window = (
                min(self.window[0], other.window[0]),
                max(self.window[1], other.window[1]),
            )
        first, second = self._stretched(length), other._stretched(length)
        starts = tuple(map(min, first.starts, second.starts))
        stops = tuple(map(max, first.stops, second.stops))
        return Span(self.side, self.extent, stride, window, starts, stops)

    def _stretched(self, length: int) -> "Span":
        if len(self) == length:
            return self
        return replace(self, starts=self.starts * length, stops=self.stops * length)

    def _gather(
        self, taps: Iterable[slice], stride: int | None, window: tuple[int, int] | None
    ) -> "Span":
        """Describe places that each see what some of these places see."""
        taps = list(taps)
        starts = tuple(min(self.starts[each], default=self.extent) for each in taps)
        stops = tuple(max(self.stops[each], default=0) for each in taps)
        return Span(self.side, self.extent, stride, window, starts, stops)


Axis = AxisKind | Span
Axes = tuple[Axis, ...]


def of_image(height: int, width: int) -> Axes:
    """Describe an image tensor ``[N, 3, height, width]``."""
    sides = Span.of_image(ROWS, height), Span.of_image(COLS, width)
    return (AxisKind.BATCH, AxisKind.CHANNEL, *sides)


def unclear(axis: Axis, length: int) -> Axis:
    """Describe an axis after an operation that may mix all its places."""
    if not isinstance(axis, Span):
        return axis
    return axis.whole(length, axis.stride if len(axis) == length else None)


def unknown(inputs: Iterable[Axes], shape: Sequence[int]) -> Axes:
    """Describe the result of an operation of which nothing is known but its inputs and shape.

    Axes are taken from the first input with as many; else they follow the usual order ``[N, C]``,
    ``[N, T, C]``, ``[N, C, H, W]``.
    """
    for axes in inputs:
        if len(axes) == len(shape):
            return tuple(map(unclear, axes, shape))
    places = (AxisKind.PLACE,) * (len(shape) - 2)
    if len(shape) == 3:
        return (AxisKind.BATCH, *places, AxisKind.CHANNEL)
    return (AxisKind.BATCH, AxisKind.CHANNEL, *places)[: len(shape)]


def joined(inputs: Sequence[Axes], shape: Sequence[int]) -> Axes:
    """Describe the result of an elementwise operation on broadcast inputs."""
    if all(axes == inputs[0] for axes in inputs) and len(inputs[0]) == len(shape):
        return inputs[0]
    aligned = [((None,) * (len(shape) - len(axes))) + axes for axes in inputs]
    return tuple(
        _joined_axis(axes, length)
        for axes, length in zip(zip(*aligned, strict=True), shape, strict=True)
    )


def _joined_axis(axes: Sequence[Axis | None], length: int) -> Axis:
    """Join what several inputs see along one axis; an input without that axis sees everything."""
    spans = [axis for axis in axes if isinstance(axis, Span)]
    if not spans:
        return next(axis for axis in axes if axis is not None)
    first = max(spans, key=len)
    if any(not isinstance(axis, Span) or axis.side != first.side for axis in axes):
        return first.whole(length, first.stride)
    for span in spans:
        first = first.join(span, length)
    return first
