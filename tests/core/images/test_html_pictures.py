"""Pictures as HTML for notebooks."""

import base64
import io
import re
from html.parser import HTMLParser

import pytest
import torch
from PIL import Image

from core.images import html_pictures
from core.images.html_pictures import CaptionedPicture, captioned, column_count, pictures_html


def opened(html: str) -> list[Image.Image]:
    """Return every picture in HTML."""
    found = re.findall(r'<img src="data:image/webp;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(it))) for it in found]


def tags(html: str) -> list[str]:
    """Return all tags in the order of their beginnings, after a check that each one ends."""
    names, unclosed = [], []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, _: names.append(tag) or unclosed.append(tag)  # type: ignore[func-returns-value,method-assign]
    parser.handle_endtag = lambda tag: unclosed.remove(tag)  # type: ignore[method-assign]
    parser.feed(html)
    assert set(unclosed) <= {"img"}
    return names


def test_a_picture_is_embedded_with_its_texts() -> None:
    image = torch.zeros(3, 20, 30)
    image[0] = 1
    html = pictures_html(captioned(image, "neuron 3", "activation 1.5"))
    (picture,) = opened(html)
    assert picture.size == (30, 20)
    red, green, blue = picture.convert("RGB").getpixel((15, 10))  # type: ignore[misc]
    assert red > 240 and green < 20 and blue < 20
    assert tags(html) == ["div", "figure", "img", "figcaption"]
    assert 'alt="neuron 3" title="activation 1.5"' in html and ">neuron 3<" in html


def test_what_others_named_is_escaped() -> None:
    hostile = "<script>alert(1)</script>\" onload='x"
    html = pictures_html([CaptionedPicture(Image.new("RGB", (4, 4)), hostile, hostile)])
    assert tags(html) == ["div", "figure", "img", "figcaption"]
    assert "<script" not in html and '" onload' not in html


def test_many_and_large_pictures_stay_within_bounds() -> None:
    noise = torch.rand(3, 700, 500, generator=torch.Generator().manual_seed(0))
    html = pictures_html([it for _ in range(80) for it in captioned(noise)])
    pictures = opened(html)
    assert len(pictures) == 64 and "and 16 more" in html
    # Noise is the largest that a picture can be.
    assert {it.size for it in pictures} == {(137, 192)} and len(html) < 5_000_000
    (single,) = opened(pictures_html(captioned(noise.repeat(1, 4, 4))))
    assert single.width * single.height <= html_pictures.PIXELS_AT_MOST
    # A column of five is 190 CSS pixels wide, and screens have up to two pixels for each.
    wide = Image.new("RGB", (900, 600))
    assert [it.width for it in opened(pictures_html([CaptionedPicture(wide)] * 5))] == [384] * 5


def test_each_channel_of_an_image_of_four_is_a_picture() -> None:
    image = torch.stack([torch.full((6, 8), value) for value in (0.0, 0.25, 0.5, 1.0)])
    html = pictures_html(captioned(image, "neuron 2"))
    assert [it.convert("L").getpixel((4, 3)) for it in opened(html)] == [0, 64, 128, 255]
    assert "neuron 2, channel 3" in html
    assert [it.caption for it in captioned(image)][:2] == ["channel 0", "channel 1"]


def test_nothing_is_shown_as_such() -> None:
    assert "no pictures" in pictures_html([])


@pytest.mark.parametrize(
    ("count", "columns"), [(1, 1), (5, 5), (8, 8), (9, 5), (10, 5), (12, 6), (16, 8), (21, 7)]
)
def test_the_last_row_is_as_full_as_it_can_be(count: int, columns: int) -> None:
    assert column_count(count) == columns
