"""A sheet of the neurons that raise or lower a logit, with where in the picture they do."""

from collections.abc import Mapping

from PIL import Image, ImageChops, ImageFont

from core.analysis.crops import heat_brightness
from core.analysis.explanation import ExplainingUnit, Explanation, contribution_map
from core.figures.layout import INK, PALE, blank_sheet, draw_text
from core.images import image_io
from core.networks.known_networks import title_of

# Sizes in pixels; TITLE and TEXT are font sizes.
TILE, GAP, MARGIN, TITLE, TEXT = 112, 12, 22, 24, 13
# Space for the name of a layer at the left, and for two lines beneath each picture.
NAMES, LINES = 110, 2 * (TEXT + 4) + 6
# Colours of what a logit gains and loses by a neuron.
GAIN, LOSS = "#2f7a55", "#b04a36"
# The highest probability that is written; 100% would say that there is no doubt.
MOST = 0.999
SIDES = ("raising", "lowering")

# Pictures of what neurons look for, by the layer's name and the unit's number.
NeuronPictures = Mapping[tuple[str, int], Image.Image]


def draw_explanation(
    explanation: Explanation, neurons: NeuronPictures | None = None
) -> Image.Image:
    """Draw a row for each layer: the neurons for the answer, then those against it.

    Each neuron is shown by the picture, which is dark where the neuron contributes nothing.

    Args:
        explanation: the explanation.
        neurons: pictures of what the neurons look for, which are drawn beside it.
    """
    layers = explanation.layers
    tile = 2 * TILE if neurons else TILE
    columns = [max((len(getattr(it, side)) for it in layers), default=0) for side in SIDES]
    gap = 3 * GAP if all(columns) else 0
    width = 2 * MARGIN + NAMES + sum(columns) * (tile + GAP) + gap
    top = MARGIN + TITLE + TEXT + 4 * GAP
    sheet, draw = blank_sheet(width, top + len(layers) * (TILE + LINES + GAP) + MARGIN)
    title = _title(explanation)
    draw_text(draw, (MARGIN, MARGIN), title, TITLE)
    left = MARGIN + int(ImageFont.load_default(TITLE).getlength(title)) + GAP
    share = min(explanation.probability, MOST)
    about = f"{title_of(explanation.network.name)}, {share:.1%}"
    draw_text(draw, (left, MARGIN + TITLE - TEXT), about, TEXT, PALE)
    against = f"for {explanation.against}" if explanation.against else "against it"
    right = MARGIN + NAMES + columns[0] * (tile + GAP) + gap
    heads = (f"for {explanation.wanted}", against)
    for left, head, colour in zip((MARGIN + NAMES, right), heads, (GAIN, LOSS), strict=True):
        draw_text(draw, (left, MARGIN + TITLE + 2 * GAP), head, TEXT, colour)
    for layer in layers:
        draw_text(draw, (MARGIN, top + TILE // 2 - TEXT), layer.layer, TEXT + 2)
        for left, side, colour in zip((MARGIN + NAMES, right), SIDES, (GAIN, LOSS), strict=True):
            for at, unit in enumerate(getattr(layer, side)):
                place = (left + at * (tile + GAP), top)
                own = (neurons or {}).get((layer.layer, unit.unit))
                sheet.paste(draw_evidence(explanation, layer.layer, unit, own), place)
                below = top + TILE + 4
                name = _shortened(f"{unit.unit} {unit.name}".strip(), tile)
                draw_text(draw, (place[0], below), name, TEXT, INK)
                draw_text(draw, (place[0], below + TEXT + 4), _words(unit), TEXT, colour)
        top += TILE + LINES + GAP
    return sheet


def _title(explanation: Explanation) -> str:
    versus = f" rather than {explanation.against}" if explanation.against else ""
    return f"Why {explanation.wanted}{versus}?"


def _words(unit: ExplainingUnit) -> str:
    """Return what a neuron contributes, with its share: ``+1.2 (14%)``.

    The minus is the ASCII one, as the font has no other.
    """
    return f"{unit.contribution:+.2g} ({unit.share:.0%})"


def _shortened(text: str, width: int) -> str:
    """Return a text that is at most so many pixels wide, with an ellipsis if it is cut."""
    font = ImageFont.load_default(TEXT)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}...") > width:
        text = text[:-1]
    return f"{text.rstrip()}..."


def draw_evidence(
    explanation: Explanation, layer: str, unit: ExplainingUnit, own: Image.Image | None
) -> Image.Image:
    """Draw what a neuron looks for, if given, beside the picture where it contributes.

    The picture is dark where the neuron contributes nothing of the sign of its sum.

    Args:
        explanation: the explanation.
        layer, unit: the neuron.
        own: the picture of what the neuron looks for.
    """
    height, width = explanation.image.shape[2:]
    where = contribution_map(explanation.found[layer], unit.unit, (height, width))
    heat = heat_brightness(where)
    square = (TILE, TILE)
    seen = image_io.to_picture(explanation.image).resize(square, Image.Resampling.LANCZOS)
    lit = ImageChops.multiply(seen, heat.resize(square, Image.Resampling.BICUBIC))
    if own is None:
        return lit
    both = Image.new("RGB", (2 * TILE, TILE))
    both.paste(own.convert("RGB").resize(square, Image.Resampling.LANCZOS), (0, 0))
    both.paste(lit, (TILE, 0))
    return both
