"""SketchWorld: generated drawings, each with the class of its main subject as the label.

A world is the sequence of all drawings with one seed. `draw(seed, index)` is deterministic: each
drawing has its own random generator. A drawing shows the same scene at every size, because all
random choices are in scene coordinates; only the noise of the pixels depends on the size. The
scenes are the same on every platform, too. If a platform rounds sines differently, a pixel may
differ by one of 255 levels. `python -m core.sketchworld.world --sheet F.png` writes a contact sheet
with all classes.
"""

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import ExplorerError
from core.files import replacing
from core.sketchworld import background, composition
from core.sketchworld.annotation import Annotation, Mask, colours, edges
from core.sketchworld.classes import CLASSES, SUBJECTS
from core.sketchworld.marks import Painter
from core.sketchworld.palette import random_palette

__all__ = ["CLASSES", "LARGEST", "SIZE", "SMALLEST", "Drawing", "batch", "draw"]

SIZE = 64  # side in pixels of the drawings for SketchNet
SMALLEST, LARGEST = 8, 2048  # bounds of the side in pixels

# Contact sheet: drawings of each class, number of columns of classes, and sizes in pixels.
EXAMPLES, COLUMNS = 3, 4
TEXT, SLIT, GAP = 14, 2, 12


@dataclass(frozen=True)
class Drawing:
    """A drawing and its ground truth.

    Attributes:
        image: uint8 [size, size, 3], RGB.
        label: index in `CLASSES` of the class of the main subject.
        masks: masks bool [size, size] by concept, for all visible edges, textures, shapes, parts,
            objects and scenes in `concepts.CONCEPTS`. Masks may overlap. Empty unless requested.
        colours: masks bool [size, size] by name of the colour; each pixel is in exactly one. Empty
            unless requested.
    """

    image: npt.NDArray[np.uint8]
    label: int
    masks: Mapping[str, Mask] = field(default_factory=dict)
    colours: Mapping[str, Mask] = field(default_factory=dict)


def draw(
    seed: int, index: int, size: int = SIZE, label: int | None = None, masks: bool = False
) -> Drawing:
    """Draw image number `index` of the world with seed `seed`.

    Args:
        seed: seed of the world, 0 or more.
        index: number of the drawing, 0 or more.
        size: side of the image in pixels.
        label: class of the main subject, an index into `CLASSES`; None for a random class.
        masks: whether the drawing has masks. Drawing then takes a few times as long.

    Raises:
        ExplorerError: one of the numbers is out of range.
    """
    if not SMALLEST <= size <= LARGEST:
        raise ExplorerError(f"a drawing of {size} px; the size must be {SMALLEST} to {LARGEST}")
    if seed < 0 or index < 0:
        raise ExplorerError(f"drawing {index} of world {seed}; both numbers must be 0 or more")
    if label is not None and not 0 <= label < len(CLASSES):
        raise ExplorerError(f"no class {label} in SketchWorld; there are 0 to {len(CLASSES) - 1}")
    rng = np.random.Generator(np.random.PCG64([seed, index]))
    random_label = int(rng.integers(len(CLASSES)))
    label = random_label if label is None else label
    subject = SUBJECTS[label]
    truth = Annotation(size) if masks else None
    painter = Painter(
        size,
        rng,
        random_palette(rng),
        background.random_light(rng),
        background.random_pose(rng, subject),
        truth,
    )
    background.draw_background(painter, subject)
    composition.draw_subjects(painter, subject)
    image = _finish(painter)
    if truth is None:
        return Drawing(image, label)
    return Drawing(image, label, {**edges(image), **truth.masks()}, colours(image))


def class_of(seed: int, index: int) -> int:
    """Return the class of a drawing, as `draw` chooses it, without drawing."""
    rng = np.random.Generator(np.random.PCG64([seed, index]))
    return int(rng.integers(len(CLASSES)))


def batch(
    seed: int, indices: Sequence[int], size: int = SIZE
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Draw several images of the world with seed `seed`.

    Returns images uint8 [N, size, size, 3] and their labels, int64 [N].
    """
    images = np.empty((len(indices), size, size, 3), dtype=np.uint8)
    labels = np.empty(len(indices), dtype=np.int64)
    for row, index in enumerate(indices):
        drawing = draw(seed, int(index), size)
        images[row], labels[row] = drawing.image, drawing.label
    return images, labels


def _finish(painter: Painter) -> npt.NDArray[np.uint8]:
    """Return the image as uint8 [size, size, 3], after adding a brightness gradient and noise."""
    rng, image = painter.rng, painter.image
    gain = painter.axis * np.float32(rng.uniform(-0.08, 0.08)) + np.float32(rng.uniform(0.92, 1.04))
    image *= gain[None, :, None]
    noise = np.float32(rng.uniform(0.0, 0.022)) if rng.random() < 0.6 else np.float32(0.0)
    if noise > 0.0:
        image += noise * rng.standard_normal(image.shape, dtype=np.float32)
    np.clip(image, 0.0, 1.0, out=image)
    return np.ascontiguousarray(
        (image * np.float32(255.0) + np.float32(0.5)).astype(np.uint8).transpose(1, 2, 0)
    )


def contact_sheet(path: Path, seed: int = 0, examples: int = EXAMPLES, size: int = SIZE) -> None:
    """Write a PNG with several drawings of each class below the name of the class."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(TEXT)
    width, height = examples * (size + SLIT) + GAP, TEXT + 2 * SLIT + size + GAP
    rows = math.ceil(len(CLASSES) / COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width + GAP, rows * height + GAP), "white")
    text_draw = ImageDraw.Draw(sheet)
    for label, name in enumerate(CLASSES):
        left, top = GAP + (label // rows) * width, GAP + (label % rows) * height
        text_draw.text((left, top), name, "#222222", font)
        for example in range(examples):
            drawing = draw(seed, label * examples + example, size, label)
            corner = (left + example * (size + SLIT), top + TEXT + 2 * SLIT)
            sheet.paste(Image.fromarray(drawing.image), corner)
    with replacing(path) as partial:
        sheet.save(partial, optimize=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a contact sheet of SketchWorld."""
    parser = argparse.ArgumentParser(
        prog="python -m core.sketchworld.world", description=main.__doc__
    )
    parser.add_argument("--sheet", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--seed", type=int, default=0, help="which world")
    parser.add_argument("--examples", type=int, default=EXAMPLES, help="pictures of each class")
    parser.add_argument("--size", type=int, default=SIZE, help="side of a picture in pixels")
    chosen = parser.parse_args(arguments)
    contact_sheet(chosen.sheet, chosen.seed, chosen.examples, chosen.size)


if __name__ == "__main__":
    main()
