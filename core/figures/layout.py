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
    """Draw text of a size in pixels, its upper left corner at (left, top)."""
    draw.text(position, text, colour, ImageFont.load_default(size))


def field_text(layer: Layer) -> str:
    """Return the size of a layer's receptive field in words."""
    field = layer.receptive_field
    return "the whole picture" if field is None else f"{field[0]} x {field[1]} pixels"
