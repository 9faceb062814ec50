"""Pictures that are always at hand: scenes of SketchWorld, and scikit-image's photographs.

What hangs together everywhere lends its style rather than its content: that is ``STYLES``, beside
the paintings of ``core.paintings``.

The photographs lie inside scikit-image, all of them free to use, so nothing is fetched.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import Image

from core.errors import unknown
from core.sketchworld.seeds import MEASURING_SEED
from core.sketchworld.world import CLASSES, draw

# Side of the scenes in pixels: large enough to dream in, and drawn in a few hundredths of a second.
SCENE_PIXELS = 512


@dataclass(frozen=True)
class SampleImage:
    """One picture.

    Attributes:
        title: what it shows, in a word or two.
        open: draws or reads it, upright RGB.
    """

    title: str
    open: Callable[[], Image.Image]


def _scene(subject: str, index: int) -> Callable[[], Image.Image]:
    """Draw one scene, from the world that no training draws from."""

    def paint() -> Image.Image:
        label = CLASSES.index(subject)
        return Image.fromarray(draw(MEASURING_SEED, index, SCENE_PIXELS, label).image)

    return paint


def _photograph(function: str) -> Callable[[], Image.Image]:
    """Read one photograph, by the name of scikit-image's function."""

    def read() -> Image.Image:
        import skimage.data

        return Image.fromarray(getattr(skimage.data, function)()).convert("RGB")

    return read


# By name, which never changes: links have it.
SAMPLES: Mapping[str, SampleImage] = {
    "village": SampleImage("village", _scene("village", 4)),
    "meadow": SampleImage("meadow", _scene("meadow", 3)),
    "sea": SampleImage("sea", _scene("sea", 1)),
    "astronaut": SampleImage("astronaut", _photograph("astronaut")),
    "cat": SampleImage("cat", _photograph("chelsea")),
    "coffee": SampleImage("coffee", _photograph("coffee")),
    "rocket": SampleImage("rocket", _photograph("rocket")),
    "galaxies": SampleImage("galaxies", _photograph("hubble_deep_field")),
}

STYLES: Mapping[str, SampleImage] = {
    "tissue": SampleImage("stained tissue", _photograph("immunohistochemistry")),
    "retina": SampleImage("veins of an eye", _photograph("retina")),
    "gravel": SampleImage("gravel", _photograph("gravel")),
}


@functools.lru_cache(maxsize=len(SAMPLES) + len(STYLES))
def picture(name: str) -> Image.Image:
    """Give a sample, upright RGB; it is shared, so nobody may change it.

    Raises:
        UnknownName: there is none of this name.
    """
    known = {**SAMPLES, **STYLES}
    if name not in known:
        raise unknown("sample", name, known)
    return known[name].open()
