"""Report on why a network gives an answer, as one HTML file: neurons for it and against it."""

from collections.abc import Mapping
from html import escape

from PIL import Image

from core.analysis.explanation import ExplainingUnit, Explanation
from core.figures.explanation_sheet import draw_evidence
from core.files import is_there
from core.images import image_io
from core.networks.known_networks import title_of
from core.paintings import PAINTINGS
from explorer.reports import html_report
from explorer.text import formatting

# Wide enough for a neuron's own picture beside the picture that is explained.
GRID = (
    "<style>.grid.pairs { grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); }</style>"
)


def explanation_report(
    found: Explanation, image: str, neurons: Mapping[tuple[str, int], Image.Image]
) -> str:
    """Write the report of an explanation as HTML.

    Args:
        found: the explanation.
        image: the path of the picture, or its name if it ships with the project.
        neurons: pictures of what the neurons look for, by layer and unit, as far as there are any.
    """
    versus = f" rather than {found.against}" if found.against else ""
    logit = "difference of both logits" if found.against else "logit"
    note = (
        f"{title_of(found.network.name)}, {formatting.probability(found.probability)} for "
        f"{found.wanted}. A number is the gradient of the {logit} times the activation, summed "
        f"over positions, with its share of the layer; then how the {logit} really changes "
        "without the neuron. Beside the picture of a neuron, the image is bright where the neuron "
        "counts."
    )
    seen = html_report.encode_png_url(image_io.to_picture(found.image))
    body = [GRID, f'<div class="large">{html_report.figure(seen, image, False)}</div>']
    against = f"for {found.against}" if found.against else f"against {found.wanted}"
    for it in found.layers:
        for words, units in ((f"for {found.wanted}", it.raising), (against, it.lowering)):
            if units:
                figures = "".join(_figure(found, it.layer, one, neurons) for one in units)
                body += [
                    f"<h2>{escape(f'{it.layer}: {words}')}</h2>",
                    f'<div class="grid pairs">{figures}</div>',
                ]
    body.append(html_report.code(_script(found, image)))
    numbers = [
        {"layer": it.layer, **vars(one)}
        for it in found.layers
        for one in (*it.raising, *it.lowering)
    ]
    layer = found.network.class_layer or found.network.shown[-1]
    return html_report.html_page(f"Why {found.wanted}{versus}?", note, layer, body, numbers)


def _figure(
    found: Explanation,
    layer: str,
    unit: ExplainingUnit,
    neurons: Mapping[tuple[str, int], Image.Image],
) -> str:
    """Return HTML of a neuron: its picture, where it counts, and how much."""
    picture = draw_evidence(found, layer, unit, neurons.get((layer, unit.unit)))
    caption = (
        f"{unit.name or 'neuron'} {unit.unit}: {formatting.signed(unit.contribution)} "
        f"({formatting.percent(unit.share)}); without it {formatting.signed(-unit.effect)}"
    )
    return html_report.figure(html_report.encode_png_url(picture), caption, False)


def _script(found: Explanation, image: str) -> str:
    """Return the lines of Python that explain the same."""
    layers = [it.layer for it in found.layers]
    module, opened = "core.images import image_io", "image_io.open_picture"
    if not is_there(image):
        ours = image in PAINTINGS
        module = "core import paintings" if ours else "core.datasets import samples"
        opened = "paintings.picture" if ours else "samples.picture"
    return (
        "from core import networks\n"
        "from core.analysis.explanation import explain\n"
        f"from {module}\n\n"
        f"network = networks.load({found.network.name!r})\n"
        f"picture = {opened}({image!r})\n"
        f"found = explain(network, picture, {found.wanted!r}, {found.against!r}, {layers!r})\n"
        "for layer in found.layers:\n"
        "    print(layer.layer, layer.raising, layer.lowering)\n"
    )
