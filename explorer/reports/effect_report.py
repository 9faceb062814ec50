"""Report on what units do: which answers change when they are multiplied, as one HTML file."""

from collections.abc import Sequence
from html import escape

from PIL import Image

from core.analysis.unit_effects import AnswerChange, ClassChange, UnitEffect
from core.datasets.image_source import ImageSource, printable
from core.errors import BadPicture
from core.networks.known_networks import title_of
from core.networks.layers import Layer
from core.networks.network import Network
from explorer.reports import html_report
from explorer.text import formatting, recipe_summary

# Classes that fall and that rise, and pictures, in a report.
CLASSES, PICTURES = 10, 12
PIXELS = 160
# What "ahead" means.
AHEAD = "Ahead: by how much the logit of the answer exceeds the second highest."
# Length of the longest bar, in CSS pixels.
BAR = 220


def effect_report(
    network: Network,
    layer: Layer,
    units: Sequence[int],
    factor: float,
    effect: UnitEffect,
    source: ImageSource,
) -> str:
    """Write the report of an effect as HTML.

    Args:
        network, layer, units: the units that were multiplied.
        factor: the factor.
        effect: what changed.
        source: the collection of the pictures.
    """
    words = what_was_done(layer, units, factor)
    falling, rising = effect.falling(CLASSES), effect.rising(CLASSES)
    changed = effect.most_changed(PICTURES)
    note = (
        f"{len(effect.pictures):,} pictures of {printable(source.text)}; "
        f"{effect.other_answers:,} of them get another answer. "
        "\N{PLUS-MINUS SIGN} is the 95% interval of the mean."
    )
    body = [
        "<h2>Classes that fall</h2>",
        _changes_table(falling),
        "<h2>Classes that rise</h2>",
        _changes_table(rising),
        "<h2>The answers that change most</h2>",
        f'<p class="note">{AHEAD}</p>',
        f'<div class="grid">{"".join(_picture(source, it) for it in changed)}</div>',
        html_report.code(_script(network, layer, units, factor, source)),
    ]
    numbers = [
        {"class": it.label, "change": round(it.mean, 6), "margin": round(it.margin, 6)}
        for it in effect.changes()
    ]
    title = f"{title_of(network.name)} with {words}"
    return html_report.html_page(title, note, layer, body, numbers)


def what_was_done(layer: Layer, units: Sequence[int], factor: float) -> str:
    """Return in words what was multiplied, such as ``neuron 3 of relu5b turned off``."""
    noun = "neuron" if len(units) == 1 else "neurons"
    who = f"{noun} {recipe_summary.spans(units)} of {layer.name}"
    return f"{who} turned off" if factor == 0 else f"{who} \N{MULTIPLICATION SIGN} {factor:g}"


def answer_texts(change: AnswerChange) -> tuple[str, str]:
    """Return the answers for a picture before and after, as texts that differ.

    They are like ``bird 94.1%`` and ``sea 61.0%``. If both answers and their probabilities read the
    same, the texts have the lead of the answer: ``bird, 9.52 ahead`` and ``8.1 ahead``.
    """
    before = f"{change.before} {formatting.probability(change.before_share)}"
    after = f"{change.after} {formatting.probability(change.after_share)}"
    if before != after:
        return before, after
    return (
        f"{change.before}, {formatting.number(change.lead_before)} ahead",
        f"{formatting.number(change.lead_after)} ahead",
    )


def _changes_table(changes: Sequence[ClassChange]) -> str:
    """Return HTML of a table with a bar for each class."""
    if not changes:
        return '<p class="note">no class</p>'
    most = max(abs(it.mean) for it in changes)
    rows = []
    for it in changes:
        width = round(BAR * abs(it.mean) / most)
        colour = "#c45a45" if it.mean < 0 else "#3f9d6b"
        bar = (
            f'<span style="display:inline-block;width:{width}px;height:.6rem;'
            f'border-radius:.25rem;background:{colour}"></span>'
        )
        margin = formatting.number(it.margin, 2)
        rows.append(
            f"<tr><td>{escape(it.label)}</td><td>{bar}</td>"
            f"<td>{formatting.signed(it.mean)} \N{PLUS-MINUS SIGN} {margin}</td></tr>"
        )
    return f"<table>{''.join(rows)}</table>"


def _picture(source: ImageSource, change: AnswerChange) -> str:
    """Return HTML of a picture with both answers; "" if it is gone."""
    try:
        opened, _ = source.open(source.find(change.picture))
    except BadPicture:
        return ""
    opened = opened.convert("RGB")
    side = min(opened.size)
    left, top = (opened.width - side) // 2, (opened.height - side) // 2
    square = opened.resize(
        (PIXELS, PIXELS), Image.Resampling.LANCZOS, (left, top, left + side, top + side)
    )
    before, after = answer_texts(change)
    caption = f"{before} \N{RIGHTWARDS ARROW} {after}"
    return html_report.figure(html_report.encode_png_url(square), caption, False)


def _script(
    network: Network, layer: Layer, units: Sequence[int], factor: float, source: ImageSource
) -> str:
    """Return the lines of Python that measure the same."""
    factors = ", ".join(f"{it}: {factor!r}" for it in units)
    return (
        "from core import networks\n"
        "from core.analysis.picture_sample import sample_pictures\n"
        "from core.analysis.unit_effects import EffectMeter\n"
        "from core.datasets.sources import find_source\n\n"
        f"network = networks.load({network.name!r})\n"
        f"pictures = sample_pictures(network, find_source({source.text!r}))\n"
        f"meter = EffectMeter(network, network.layer({layer.name!r}), pictures)\n"
        f"effect = meter.measure({{{factors}}})\n"
        "print(effect.falling(10), effect.rising(10))\n"
    )
