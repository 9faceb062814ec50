"""Rules for operations that change the number of positions, such as upsampling in a decoder."""

import functools
import math
from collections.abc import Sequence
from fractions import Fraction

from core.networks.receptive_fields.described_call import Call
from core.networks.receptive_fields.spans import Axes, AxisKind, Sources, Span
from core.networks.receptive_fields.window_rules import along_sides, pair

NEAREST, NEAREST_EXACT = "nearest", "nearest-exact"
# By mode of an interpolation: how many positions before and after a place it reads.
REACHES = {NEAREST: (0, 0), NEAREST_EXACT: (0, 0), "bilinear": (0, 1), "bicubic": (1, 2)}
# torch computes places between positions in float32. A place that is nearer to a position than this
# counts as on both sides of it, so that no field is too small.
ROUNDING = Fraction(1, 1000)


def transposed_convolution(call: Call) -> Axes:
    """Return the axes of a transposed convolution's result ``[N, C, H, W]``."""
    if len(call.shape) != 4:
        return call.unknown_axes()
    kernel = call.option("weight", 1).shape[2:]
    stride, padding = pair(call.option("stride", 3, 1)), pair(call.option("padding", 4, 0))
    dilation = pair(call.option("dilation", 7, 1))
    sides = [
        (functools.partial(_taps, *side), Fraction(1, side[1]))
        for side in zip(kernel, stride, padding, dilation, strict=True)
    ]
    return (AxisKind.BATCH, AxisKind.CHANNEL, *_resample(call, sides)[2:])


def _taps(kernel: int, stride: int, padding: int, dilation: int, position: int) -> list[int]:
    """Return the positions that a position of a transposed convolution's result reads."""
    # Position i is added to the positions i * stride - padding + dilation * tap of the result.
    reached = (position + padding - dilation * tap for tap in reversed(range(kernel)))
    return [at // stride for at in reached if at % stride == 0]


def interpolation(call: Call) -> Axes:
    """Return the axes after ``F.interpolate`` of a map, or ``nn.Upsample``."""
    mode, aligned = call.option("mode", 3, NEAREST), bool(call.option("align_corners", 4))
    if len(call.shape) != 4 or mode not in REACHES or call.option("antialias", 6, False):
        return call.unknown_axes()
    factors = call.option("scale_factor", 2)
    factors = factors if isinstance(factors, Sequence) else (factors, factors)
    sides = []
    for old, new, factor in zip(call.inputs[0].shape[2:], call.shape[2:], factors, strict=True):
        # Where the number of positions was rounded, torch uses another ratio than that of numbers.
        if factor is not None and old * factor != new:
            return call.unknown_axes()
        step = Fraction(old - 1, max(new - 1, 1)) if aligned else Fraction(old, new)
        sides.append((functools.partial(_places, mode, aligned, step), step))
    return _resample(call, sides)


def _places(mode: str, aligned: bool, step: Fraction, position: int) -> range:
    """Return the positions that a position of an interpolation's result reads."""
    place = position * step
    if mode == NEAREST_EXACT:
        place += step / 2
    elif mode != NEAREST and not aligned:
        place += (step - 1) / 2
    # Multiples of a power of two are exact.
    margin = ROUNDING if step.denominator & (step.denominator - 1) else 0
    before, after = REACHES[mode]
    return range(math.floor(place - margin) - before, math.floor(place + margin) + after + 1)


def pixel_shuffle(call: Call) -> Axes:
    """Return the axes of ``pixel_shuffle``, which puts channels beside each other."""
    if len(call.shape) != 4:
        return call.unknown_axes()
    step = Fraction(1, call.option("upscale_factor", 1))
    return _resample(call, [(functools.partial(_places, NEAREST, False, step), step)] * 2)


def _resample(call: Call, sides: Sequence[tuple[Sources, Fraction]]) -> Axes:
    """Return the axes after a change of rows and columns; see ``Span.resample``."""
    return along_sides(
        call, [functools.partial(Span.resample, sources=it, step=step) for it, step in sides]
    )
