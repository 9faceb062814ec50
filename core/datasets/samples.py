"""Sample images that are part of the installation: SketchWorld scenes and photographs.

The photographs are part of scikit-image and free to use, so nothing is downloaded. ``STYLES``
contains textures, which are used as style images and not as content images. Paintings, which are
also used as style images, are in ``core.paintings``.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from core.errors import unknown
from core.sketchworld.seeds import MEASURING_SEED
from core.sketchworld.world import CLASSES, draw

# Side of the scenes in pixels: large enough for dreams, and drawn in a few hundredths of a second.
SCENE_PIXELS = 512


@dataclass(frozen=True)
class SampleImage:
    """One sample image.

    Attributes:
        title: what the image shows, in a few words.
        open: function that draws or reads the image, and returns it as upright RGB.
    """

    title: str
    open: Callable[[], Image.Image]


def _scene(subject: str, index: int) -> Callable[[], Image.Image]:
    """Return a function that draws a scene of the SketchWorld that is not used for training."""

    def draw_scene() -> Image.Image:
        label = CLASSES.index(subject)
        return Image.fromarray(draw(MEASURING_SEED, index, SCENE_PIXELS, label).image)

    return draw_scene


def _photograph(file: str) -> Callable[[], Image.Image]:
    """Return a function that reads a photograph, given the name of scikit-image's file.

    scikit-image's own functions read the same files, but import much more.
    """

    def read() -> Image.Image:
        from skimage.data import data_dir

        return Image.open(Path(data_dir) / file).convert("RGB")

    return read


# Samples by name. Links contain the names, so they must not change.
SAMPLES: Mapping[str, SampleImage] = {
    "village": SampleImage("village", _scene("village", 4)),
    "meadow": SampleImage("meadow", _scene("meadow", 3)),
    "sea": SampleImage("sea", _scene("sea", 1)),
    "astronaut": SampleImage("astronaut", _photograph("astronaut.png")),
    "cat": SampleImage("cat", _photograph("chelsea.png")),
    "coffee": SampleImage("coffee", _photograph("coffee.png")),
    "rocket": SampleImage("rocket", _photograph("rocket.jpg")),
    "galaxies": SampleImage("galaxies", _photograph("hubble_deep_field.jpg")),
}

# The samples that are drawings and no photographs.
DRAWN = ("village", "meadow", "sea")

STYLES: Mapping[str, SampleImage] = {
    "tissue": SampleImage("stained tissue", _photograph("ihc.png")),
    "retina": SampleImage("veins of an eye", _photograph("retina.jpg")),
    "gravel": SampleImage("gravel", _photograph("gravel.png")),
}


@functools.lru_cache(maxsize=len(SAMPLES) + len(STYLES))
def picture(name: str) -> Image.Image:
    """Return a sample as upright RGB. The image is cached, so callers must not change it.

    Raises:
        UnknownName: no sample has this name.
    """
    known = {**SAMPLES, **STYLES}
    if name not in known:
        raise unknown("sample", name, known)
    return known[name].open()
