"""A sheet of the neurons that speak for an answer, with where in the picture they do."""

from PIL import Image, ImageChops

from core.analysis.attribution import enlarge
from core.analysis.crops import heat_brightness
from core.analysis.explanation import ExplainingUnit, Explanation
from core.figures.layout import INK, blank_sheet, draw_text
from core.images import image_io

# Sizes in pixels; TITLE and TEXT are font sizes.
TILE, GAP, MARGIN, TITLE, TEXT = 128, 10, 22, 24, 14
# Space for the name of a layer at the left, and for two lines beneath each picture.
NAMES, LINES = 110, 2 * (TEXT + 4) + 6
# Colours of what a logit gains and loses by a neuron.
GAIN, LOSS = "#2f7a55", "#b04a36"
MINUS = "\N{MINUS SIGN}"
SIDES = ("speaking_for", "against")


def draw_explanation(explanation: Explanation) -> Image.Image:
    """Draw a row for each layer: the neurons for the answer, then those against it.

    Each neuron is shown by the picture, which is dark where the neuron contributes nothing.
    """
    layers = explanation.layers
    columns = [max((len(getattr(it, side)) for it in layers), default=0) for side in SIDES]
    gap = 3 * GAP if all(columns) else 0
    width = 2 * MARGIN + NAMES + sum(columns) * (TILE + GAP) + gap
    top = MARGIN + TITLE + TEXT + 4 * GAP
    sheet, draw = blank_sheet(width, top + len(layers) * (TILE + LINES + GAP) + MARGIN)
    versus = f", rather than {explanation.against}" if explanation.against else ""
    draw_text(draw, (MARGIN, MARGIN), f"Why {explanation.wanted}{versus}?", TITLE)
    heads = ("speaks for it", "speaks against it")
    right = MARGIN + NAMES + columns[0] * (TILE + GAP) + gap
    for left, head, colour in zip((MARGIN + NAMES, right), heads, (GAIN, LOSS), strict=True):
        draw_text(draw, (left, MARGIN + TITLE + 2 * GAP), head, TEXT, colour)
    picture = image_io.to_picture(explanation.image).resize((TILE, TILE), Image.Resampling.LANCZOS)
    for layer in layers:
        draw_text(draw, (MARGIN, top + TILE // 2 - TEXT), layer.layer, TEXT + 2)
        for left, side, colour in zip((MARGIN + NAMES, right), SIDES, (GAIN, LOSS), strict=True):
            for at, unit in enumerate(getattr(layer, side)):
                place = (left + at * (TILE + GAP), top)
                sheet.paste(_lit(explanation, layer.layer, unit, picture), place)
                below = top + TILE + 4
                name = f"{unit.unit} {unit.name}".strip()
                draw_text(draw, (place[0], below), name, TEXT, INK)
                draw_text(draw, (place[0], below + TEXT + 4), _words(unit), TEXT, colour)
        top += TILE + LINES + GAP
    return sheet


def _words(unit: ExplainingUnit) -> str:
    """Return what a neuron contributes, with its share: ``+1.2 (14%)``."""
    return f"{unit.contribution:+.2g} ({unit.share:.0%})".replace("-", MINUS)


def _lit(
    explanation: Explanation, layer: str, unit: ExplainingUnit, picture: Image.Image
) -> Image.Image:
    """Return the picture, dark where a neuron contributes nothing of the sign of its sum."""
    found = explanation.found[layer]
    places = found.places[unit.unit] * (1 if unit.contribution > 0 else -1)
    height, width = explanation.image.shape[2:]
    heat = heat_brightness(enlarge(found.layer, places, (height, width)))
    return ImageChops.multiply(picture, heat.resize(picture.size, Image.Resampling.BICUBIC))
