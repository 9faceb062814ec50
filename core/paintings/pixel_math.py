"""What all manners of painting share: planes, places, and mixtures of colours."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def plane(side: int) -> tuple[Array, Array]:
    """Give each pixel its row and its column, in sides: ``[S, S]`` both."""
    at = (np.arange(side) + 0.5) / side
    row, col = np.meshgrid(at, at, indexing="ij")
    return row, col


def spread(chance: np.random.Generator, count: int) -> Array:
    """Choose places that keep their distance: the farthest of twenty, one after the other."""
    found = [chance.random(2)]
    while len(found) < count:
        tries = chance.uniform(-0.05, 1.05, (20, 2))
        apart = np.min([np.linalg.norm(tries - it, axis=1) for it in found], axis=0)
        found.append(tries[apart.argmax()])
    return np.stack(found)


def ramp(at: Array, stops: list[tuple[float, tuple[float, float, float]]]) -> Array:
    """Interpolate colours between stops: ``[P]`` to ``[P, 3]``."""
    where = [it for it, _ in stops]
    return np.stack([np.interp(at, where, [rgb[c] for _, rgb in stops]) for c in range(3)], -1)


def between(one: Array, other: Array, share: Array) -> Array:
    """Mix two values: the one where the share is 0, the other where it is 1."""
    return one + (other - one) * share


def smooth(values: Array, low: float | Array, high: float | Array) -> Array:
    """Rise from 0 to 1 between two values, without a kink."""
    at = ((values - low) / (np.asarray(high) - low)).clip(0, 1)
    risen: Array = at * at * (3 - 2 * at)
    return risen


def blurred(values: Array, times: int) -> Array:
    """Blur by a mean of three by three pixels, some times over."""
    for _ in range(times):
        for axis in (0, 1):
            values = (np.roll(values, 1, axis) + values + np.roll(values, -1, axis)) / 3
    return values


def rgb(shade: Array) -> tuple[int, int, int]:
    """Turn a colour ``[3]`` in ``[0, 1]`` into three whole numbers to 255."""
    red, green, blue = (int(it) for it in shade.clip(0, 1) * 255 + 0.5)
    return red, green, blue
