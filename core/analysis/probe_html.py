"""What a network makes of one image as HTML for notebooks: the image, and its likeliest classes."""

from collections.abc import Sequence
from html import escape

from torch import Tensor

from core.html_parts import html_bar, html_table, pale
from core.images.html_pictures import COLUMN, captioned, pictures_html

# Length of the bar of a probability of 1, and largest width of the image, in CSS pixels.
BAR, WIDTH = 160, 160


def probe_html(image: Tensor, classes: Sequence[tuple[str, float]], note: str) -> str:
    """Return an image ``[1, C, H, W]`` beside its classes with their probabilities, as bars.

    ``note`` is a sentence on the classes; it may be empty.
    """
    rows = [
        (escape(name), html_bar(max(1, BAR * share), f"{share:.0%}")) for name, share in classes
    ]
    width = max(COLUMN, min(WIDTH, image.shape[3]))
    beside = f"{html_table(rows)}{pale(escape(note))}" if rows else ""
    return (
        '<div style="display: flex; flex-wrap: wrap; gap: 24px; align-items: center">'
        f'<div style="width: {width}px">{pictures_html(captioned(image[0]))}</div>'
        f'<div style="max-width: 480px">{beside}</div></div>'
    )
