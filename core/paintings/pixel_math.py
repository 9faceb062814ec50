"""Functions that several paintings share: pixel coordinates, random points and colour mixing."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def pixel_grid(side: int) -> tuple[Array, Array]:
    """Return two arrays ``[S, S]``: row and column of the centre of each pixel, from 0 to 1."""
    at = (np.arange(side) + 0.5) / side
    row, col = np.meshgrid(at, at, indexing="ij")
    return row, col


def spaced_points(rng: np.random.Generator, count: int) -> Array:
    """Return random points ``[count, 2]`` with large distances between them.

    For each new point, twenty random candidates are drawn. The candidate with the largest distance
    to the nearest previous point is used.
    """
    points = [rng.random(2)]
    while len(points) < count:
        candidates = rng.uniform(-0.05, 1.05, (20, 2))
        distance = np.min([np.linalg.norm(candidates - it, axis=1) for it in points], axis=0)
        points.append(candidates[distance.argmax()])
    return np.stack(points)


def ramp(at: Array, stops: list[tuple[float, tuple[float, float, float]]]) -> Array:
    """Return the colours ``[P, 3]`` of a colour gradient at the positions ``at`` ``[P]``.

    ``stops`` holds pairs of a position and the colour there; between them colours are interpolated.
    """
    positions = [it for it, _ in stops]
    channels = [[colour[c] for _, colour in stops] for c in range(3)]
    return np.stack([np.interp(at, positions, channel) for channel in channels], -1)


def mix(one: npt.ArrayLike, other: npt.ArrayLike, share: Array) -> Array:
    """Interpolate colours ``[..., 3]``: ``one`` where ``share`` ``[...]`` is 0, ``other`` at 1."""
    first, second = np.asarray(one), np.asarray(other)
    mixed: Array = first + (second - first) * share[..., None]
    return mixed


def smoothstep(values: Array, low: float | Array, high: float | Array) -> Array:
    """Return the cubic smoothstep of ``values``: 0 for values up to ``low``, 1 from ``high`` on."""
    at = ((values - low) / (np.asarray(high) - low)).clip(0, 1)
    result: Array = at * at * (3 - 2 * at)
    return result


def blur(values: Array, times: int) -> Array:
    """Return ``values`` ``[S, S]``, replaced ``times`` times by the mean of 3 x 3 pixels."""
    for _ in range(times):
        for axis in (0, 1):
            values = (np.roll(values, 1, axis) + values + np.roll(values, -1, axis)) / 3
    return values


def rgb(colour: Array) -> tuple[int, int, int]:
    """Return a colour ``[3]`` in ``[0, 1]`` as three integers from 0 to 255."""
    red, green, blue = (int(it) for it in colour.clip(0, 1) * 255 + 0.5)
    return red, green, blue
