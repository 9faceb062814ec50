"""HTML and components that need no page."""

import io
from base64 import b64decode

import pytest
from PIL import Image

from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.text import formatting


def encoded(kind: str, size: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def test_depth_has_a_colour_from_shallow_to_deep() -> None:
    ends = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in depth_colours.DEPTH_COLOURS]
    assert [depth_colours.depth_colour(depth) for depth in (0.0, 0.5, 1.0)] == ends
    assert depth_colours.depth_colour(-1) == ends[0]
    assert depth_colours.depth_colour(2) == ends[-1]
    shallow = depth_colours.spread_colours([0.2, 0.1, 0.15, 0.1])
    assert [shallow[it] for it in (0.1, 0.15, 0.2)] == ends
    assert depth_colours.spread_colours([0.7]) == {0.7: ends[0]}


def test_words_on_every_depth_have_enough_contrast() -> None:
    def luminance(colour: str) -> float:
        channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in channels
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    colours = [depth_colours.depth_colour(depth / 50) for depth in range(51)]
    for colour in [*colours, "#757575", "#777777", "#ffffff", "#000000"]:
        ends = sorted((luminance(colour), luminance(depth_colours.ink_on(colour))))
        assert (ends[1] + 0.05) / (ends[0] + 0.05) >= 4.5, colour
    assert {depth_colours.ink_on(it) for it in colours} == {"#000000", "#ffffff"}


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_thumbnail_is_a_webp_of_the_size_it_is_shown_at(kind: str) -> None:
    url = thumbnails.thumbnail(encoded(kind), 96)
    head, _, data = url.partition(",")
    picture = Image.open(io.BytesIO(b64decode(data)))
    assert head == "data:image/webp;base64"
    assert (picture.format, picture.size) == ("WEBP", (96, 96))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "about 1 s"), (12.4, "about 12 s"), (89, "about 89 s"), (170, "about 3 min")],
)
def test_durations_are_written_as_a_person_would(seconds: float, words: str) -> None:
    assert formatting.about_seconds(seconds) == words
