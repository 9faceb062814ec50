"""The square with a cell for each pair of neurons."""

import base64
import io

import numpy as np
from PIL import Image, ImageColor

from explorer.charts.cosine_matrix import COLOUR_SCALE
from explorer.ui.components import pair_matrix


def test_the_picture_has_a_pixel_of_the_right_colour_for_each_cell() -> None:
    last = len(COLOUR_SCALE) - 1
    cosines = np.array([[1.0, 2 / last, 2.5 / last], [0.0, 1.0, 0.5], [0.25, 0.5, 1.0]], np.float32)
    kind, _, code = pair_matrix.picture_url(cosines).partition(",")
    assert kind == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(code)))
    assert picture.size == (3, 3)
    colours = [ImageColor.getrgb(it) for it in COLOUR_SCALE]
    assert picture.getpixel((0, 1)) == colours[0]
    assert picture.getpixel((0, 0)) == colours[-1]
    assert picture.getpixel((1, 0)) == colours[2]
    # Half way between two colours of the scale.
    between = np.mean([colours[2], colours[3]], 0)
    assert np.abs(np.array(picture.getpixel((2, 0))) - between).max() <= 0.5
