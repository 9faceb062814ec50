"""Colours and drawing functions that the figures share."""

from PIL import Image, ImageDraw, ImageFont

from core.networks.layers import Layer

INK, PALE = "#222222", "#777777"


def blank_sheet(width: int, height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return a white image and a Pillow drawing object for it."""
    sheet = Image.new("RGB", (width, height), "white")
    return sheet, ImageDraw.Draw(sheet)


def draw_text(
    draw: ImageDraw.ImageDraw, position: tuple[int, int], text: str, size: int, colour: str = INK
) -> None:
    """Draw text with the upper left corner at ``position``, (left, top); ``size`` is in pixels."""
    draw.text(position, text, colour, ImageFont.load_default(size))


def field_text(layer: Layer) -> str:
    """Return a text on the size of a layer's local receptive field, such as "15 x 15 pixels"."""
    field = layer.local_field
    return "the whole picture" if field is None else f"{field[0]} x {field[1]} pixels"
