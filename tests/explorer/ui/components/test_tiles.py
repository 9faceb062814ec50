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
