"""Films of drawings that move in a known way: exact motion, and exactly what is visible.

A scene has layers, each a drawing of SketchWorld that moves as a whole: the background, and objects
in front of it that are cut out by their own masks. So it is known for each pixel of a frame which
layer it shows, where the same point of this layer was in the frame before, and whether another
layer, or the border, hid it there.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.sketchworld.classes import CLASSES
from core.sketchworld.world import draw

# Side of the frames in pixels, and that of a background, which moves behind the frame.
SIZE, GROUND = 256, 448
# A pixel is a layer's own from this share of it on; others show the colours of two layers.
OPAQUE = 0.98
# Name of a function of the number of a frame that returns where a point of the layer is in the
# frame, as rows [down, right, 1] of a 2 x 3 matrix, in pixels from the centres.
Path = Callable[[int], Tensor]


@dataclass(frozen=True)
class Layer:
    """A drawing that moves as a whole.

    Attributes:
        image: ``[1, 3, h, w]`` in ``[0, 1]``.
        mask: where the layer has colours, ``[1, 1, h, w]`` in ``[0, 1]``.
        path: where the drawing is in each frame: a 2 x 3 matrix that maps a point of the layer,
            (down, right, 1) in pixels from its centre, to one of the frame.
    """

    image: Tensor
    mask: Tensor
    path: Path


@dataclass(frozen=True)
class Scene:
    """A film with a known motion.

    Attributes:
        name: what it shows.
        layers: its layers, the background first.
    """

    name: str
    layers: tuple[Layer, ...]

    def frame(self, number: int) -> Tensor:
        """Draw a frame, ``[1, 3, SIZE, SIZE]`` in ``[0, 1]``."""
        image = torch.zeros(1, 3, SIZE, SIZE)
        for layer in self.layers:
            positions = _grid(layer, _backwards(layer.path(number)))
            colours = _sampled(layer.image, positions, "bicubic")
            image = image.lerp(colours, _sampled(layer.mask, positions))
        return image.clamp(0, 1)

    def motion(self, number: int, apart: int = 1) -> tuple[Tensor, Tensor]:
        """Compute where each pixel of a frame was in an earlier frame.

        Args:
            number: number of the frame.
            apart: number of frames between both.

        Returns:
            The places for ``grid_sample``, ``[1, SIZE, SIZE, 2]``, and True where the same was
            visible, ``[1, 1, SIZE, SIZE]``.
        """
        places = torch.zeros(1, SIZE, SIZE, 2)
        visible = torch.zeros(1, 1, SIZE, SIZE, dtype=torch.bool)
        now, before = (self._tops(it) for it in (number, number - apart))
        for at, layer in enumerate(self.layers):
            there = layer.path(number - apart) @ _homogeneous(_backwards(layer.path(number)))
            moved = _places(there)
            seen = _sampled(before[at], moved) >= OPAQUE
            inside = (moved.abs() <= 1 - 1 / SIZE).all(3)[:, None]
            own = now[at] >= OPAQUE
            places = torch.where(own[:, 0, :, :, None], moved, places)
            visible |= own & seen & inside
        return places, visible

    def _tops(self, number: int) -> list[Tensor]:
        """Return for each layer the share of each pixel that shows it, [1, 1, SIZE, SIZE]."""
        masks = [_sampled(it.mask, _grid(it, _backwards(it.path(number)))) for it in self.layers]
        left, tops = torch.ones_like(masks[0]), list[Tensor]()
        for mask in reversed(masks):
            tops.append(left * mask)
            left = left * (1 - mask)
        return tops[::-1]


def scenes() -> tuple[Scene, ...]:
    """Return the scenes of the benchmark."""
    return (
        Scene("pan", (_ground("village", 5, _path((0.6, -2.4))),)),
        Scene("turn", (_ground("meadow", 8, _path(turn=1.2, grow=1.006)),)),
        Scene(
            "object in front",
            (
                _ground("forest", 3, _path((0.0, 1.3))),
                _cut_out("car", 11, _path((-0.4, -3.2), start=(36.0, 58.0))),
            ),
        ),
        Scene(
            "turning object",
            (
                _ground("bricks", 2, _path((0.7, 0.5))),
                _cut_out("wheel", 6, _path((0.0, 2.2), turn=4.0, start=(6.0, -44.0))),
            ),
        ),
    )


def _path(
    step: tuple[float, float] = (0.0, 0.0),
    turn: float = 0.0,
    grow: float = 1.0,
    start: tuple[float, float] = (0.0, 0.0),
) -> Path:
    """Return a steady motion.

    Args:
        step: pixels down and right from frame to frame.
        turn: degrees, counter-clockwise, from frame to frame.
        grow: factor of the size from frame to frame.
        start: where the layer's centre is in frame 0, in pixels down and right of the centre.
    """

    def place(number: int) -> Tensor:
        angle, size = math.radians(turn * number), grow**number
        cosine, sine = size * math.cos(angle), size * math.sin(angle)
        down, right = (begin + number * it for begin, it in zip(start, step, strict=True))
        return torch.tensor([[cosine, -sine, down], [sine, cosine, right]], dtype=torch.float64)

    return place


def _ground(name: str, index: int, path: Path) -> Layer:
    image = _drawn(name, index, GROUND)[0]
    return Layer(image, torch.ones_like(image[:, :1]), path)


def _cut_out(name: str, index: int, path: Path) -> Layer:
    """Return the main object of a drawing; its edge is smooth."""
    image, mask = _drawn(name, index, SIZE // 2)
    return Layer(image, mask, path)


def _drawn(name: str, index: int, size: int) -> tuple[Tensor, Tensor]:
    """Return a drawing, ``[1, 3, size, size]``, and the mask of its object or scene."""
    drawing = draw(0, index, size, CLASSES.index(name), masks=True)
    pixels = torch.from_numpy(drawing.image.copy()).permute(2, 0, 1)[None].float() / 255
    mask = drawing.masks.get(name, np.ones((size, size), dtype=bool))
    return pixels, torch.from_numpy(mask.copy()).float()[None, None]


def _homogeneous(matrix: Tensor) -> Tensor:
    return torch.cat([matrix, matrix.new_tensor([[0.0, 0.0, 1.0]])])


def _backwards(matrix: Tensor) -> Tensor:
    """Return the inverse of a 2 x 3 matrix of ``Layer.path``, as such a matrix."""
    return torch.linalg.inv(_homogeneous(matrix))[:2]


def _places(matrix: Tensor, size: Sequence[int] = (SIZE, SIZE)) -> Tensor:
    """Return where pixels of a frame are by a matrix, (x, y) from -1 to 1 of an image of a size."""
    axis = torch.arange(SIZE, dtype=torch.float64) - (SIZE - 1) / 2
    rows, cols = torch.meshgrid(axis, axis, indexing="ij")
    points = torch.stack([rows, cols, torch.ones_like(rows)], -1) @ matrix.T  # [SIZE, SIZE, 2]
    scaled = points * 2 / torch.tensor(size, dtype=torch.float64)
    return scaled.flip(-1)[None].float()


def _grid(layer: Layer, matrix: Tensor) -> Tensor:
    return _places(matrix, layer.image.shape[2:])


def _sampled(image: Tensor, places: Tensor, mode: str = "bilinear") -> Tensor:
    """Sample an image at places; beyond its border is 0."""
    return F.grid_sample(image, places, mode, padding_mode="zeros", align_corners=False)
