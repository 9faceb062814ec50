"""Reports on a layer or a neuron as one self-contained HTML file.

The file contains its pictures as PNG, and its numbers in tables and as JSON. It runs no script, so
it can be mailed, archived and printed. It follows the browser's setting for light or dark colours.
"""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from html import escape

from PIL import Image

from core.analysis import unit_labels
from core.errors import ExplorerError
from core.index.reader import Index
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.recipe import Recipe
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.library import indexes
from explorer.reports import crop_images, python_script
from explorer.store.results import StoredPicture
from explorer.text import formatting, layer_summary, neuron_names
from explorer.text.formatting import name_html

# Side of the pictures in a layer's report, in pixels. In a neuron's report, the picture is not
# scaled.
PIXELS = 128
STYLE = """
:root { color-scheme: light dark; --paper: #fbfaf7; --ink: #26282d; --line: #dcd7cd; }
@media (prefers-color-scheme: dark) { :root { --paper: #15171b; --ink: #e7e5e0; --line: #343941; } }
body { max-width: 60rem; margin: 3rem auto; padding: 0 1.25rem; background: var(--paper);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1, h2 { font-family: Georgia, serif; line-height: 1.25; text-wrap: balance; }
h1 i { display: inline-block; width: .7em; height: .7em; margin-right: .4em; border-radius: 50%; }
p.note, figcaption, footer { opacity: .7; font-size: .875rem; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: .6rem; }
figure { margin: 0; } img { display: block; width: 100%; border-radius: .5rem; }
.large { max-width: 28rem; } .silent img { filter: grayscale(1) contrast(.5); opacity: .3; }
figcaption { margin-top: .2rem; overflow-wrap: anywhere; line-height: 1.3; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line); text-align: left; }
pre { padding: .9rem 1rem; overflow: auto; border: 1px solid var(--line); border-radius: .5rem;
  font-size: .8125rem; } footer { margin-top: 3rem; }
"""


def layer_report(
    network: Network, layer: Layer, recipe: Recipe, pictures: Mapping[int, StoredPicture]
) -> str:
    """Write the report of a layer as HTML.

    Args:
        network, layer: the layer, and the network that contains it.
        recipe: the recipe that rendered the pictures.
        pictures: the pictures of the layer's neurons, by unit.

    Raises:
        ExplorerError: ``pictures`` is empty.
    """
    if not pictures:
        raise ExplorerError(f"no neuron of {layer.name} is drawn yet")
    figures, rows = [], []
    for unit, picture in sorted(pictures.items()):
        name = unit_labels.unit_name(network, layer, unit)
        silent, activation = picture.silent, float(picture.facts["activation"])
        figures.append(
            figure(small_png_url(picture.image), neuron_names.short_name(unit, name), silent)
        )
        label = unit_labels.clear_label(network, layer.name, unit)
        overlap = "" if label is None else f"{label.iou:.2f}"
        rows.append(
            (
                str(unit),
                name,
                overlap,
                "no response" if silent else formatting.number(activation, 4),
            )
        )
    title = f"{layer.name} of {network.name}"
    body = [
        f'<div class="grid">{"".join(figures)}</div>',
        "<h2>Numbers</h2>",
        table(("neuron", "stands for", "IoU", "activation"), rows),
    ]
    numbers = [_numbers(unit, picture) for unit, picture in sorted(pictures.items())]
    note = f"{layer_summary.describe_layer(layer)}. Each picture was computed to excite one neuron."
    return _recipe_page(title, note, layer, body, recipe, numbers)


def neuron_report(
    network: Network,
    layer: Layer,
    unit: int,
    recipe: Recipe,
    picture: StoredPicture,
    index: Index | None = None,
) -> str:
    """Write the report of a neuron as HTML.

    Args:
        network, layer, unit: the neuron, given by network, layer and unit number.
        recipe: the recipe that rendered ``picture``.
        picture: the neuron's feature visualization.
        index: the report shows the neuron's top dataset examples from this index; None for a report
            without dataset examples.

    Raises:
        ExplorerError: an image of the index no longer exists.
    """
    name = unit_labels.unit_name(network, layer, unit)
    title = f"{neuron_names.title(unit, name)} of {layer.name}"
    label = unit_labels.clear_label(network, layer.name, unit)
    rows = [
        ("Network", network.name),
        ("Layer", f"{layer.name}; {layer_summary.describe_layer(layer)}"),
    ]
    if label is not None:
        rows.append(("Picks out", f"{label.concept} ({label.kind}), IoU {label.iou:.2f}"))
    rows += [(key.capitalize(), str(_round(it))) for key, it in picture.facts.items()]
    large = figure(_png_url(picture.image), "computed to excite it", picture.silent)
    body = [f'<div class="large">{large}</div>', table(("", ""), rows)]
    numbers = [_numbers(unit, picture)]
    if index is not None and layer.name in [it.name for it in index.plan.layers]:
        sheet = base64.b64decode(crop_images.crop_sheet(index, layer.name, unit).partition(",")[2])
        hits = index.top(layer.name, unit)
        shown = hits[: crop_images.CROPS_PER_SHEET]
        examples = [(hit.picture, formatting.number(hit.value, 4)) for hit in shown]
        body += [
            f"<h2>What excites it most in {escape(indexes.describe_index(index))}</h2>",
            f'<div class="large">{figure(_png_url(sheet), "cut to what it saw", False)}</div>',
            table(("picture", "activation"), examples),
        ]
        numbers += [{"picture": hit.picture, "activation": hit.value} for hit in hits]
    note = "A picture that began as noise, and was changed until the neuron answered strongly."
    return _recipe_page(title, note, layer, body, recipe, numbers)


def _recipe_page(
    title: str,
    note: str,
    layer: Layer,
    body: Sequence[str],
    recipe: Recipe,
    numbers: Sequence[Mapping[str, object]],
) -> str:
    settings = f"<h2>Recipe</h2><pre>{escape(_recipe_lines(recipe))}</pre>"
    return html_page(
        title, note, layer, [*body, code(python_script.python_script(recipe)), settings], numbers
    )


def code(script: str) -> str:
    """Return HTML of a Python script that makes the same."""
    return f"<h2>The same in Python</h2><pre>{escape(script)}</pre>"


def html_page(
    title: str,
    note: str,
    layer: Layer,
    body: Sequence[str],
    numbers: Sequence[Mapping[str, object]],
) -> str:
    """Return a whole report as HTML.

    Args:
        title: the title.
        note: a sentence beneath it.
        layer: the layer whose colour the title has.
        body: the sections, as HTML.
        numbers: the numbers, which the file has as JSON too.
    """
    made = datetime.now(timezone.utc).isoformat(timespec="minutes")
    dot = f'<i style="background:{depth_colours.depth_colour(layer.depth)}"></i>'
    # The text "</" could end the script element.
    data = json.dumps(list(numbers), indent=1).replace("</", "<\\/")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<h1>{dot}{name_html(title)}</h1><p class="note">{escape(note)}</p>{"".join(body)}'
        f'<script type="application/json" id="numbers">{data}</script>'
        f"<footer>Neuron explorer, {made}</footer></body></html>\n"
    )


def _recipe_lines(recipe: Recipe) -> str:
    content = json.loads(recipe.to_json())
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in content.items())


def figure(url: str, caption: str, silent: bool) -> str:
    """Return HTML of a picture with its caption; pale if its neuron is silent."""
    kind = ' class="silent"' if silent else ""
    words = f"<figcaption>{name_html(caption)}</figcaption>"
    return f'<figure{kind}><img src="{url}" alt="{escape(caption)}">{words}</figure>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return HTML of a table; without a head if all its texts are empty."""
    top = "".join(f"<th>{escape(it)}</th>" for it in head) if any(head) else ""
    lines = ("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{''.join(lines)}</table>"


def _numbers(unit: int, picture: StoredPicture) -> dict[str, object]:
    return {"neuron": unit, **{name: _round(it) for name, it in picture.facts.items()}}


def _round(value: float | bool | str) -> float | bool | str:
    return round(value, 6) if isinstance(value, float) else value


def small_png_url(image: bytes, pixels: int = PIXELS) -> str:
    """Return an encoded picture as the URL of a square PNG of some pixels."""
    picture = Image.open(io.BytesIO(image)).convert("RGB")
    return encode_png_url(picture.resize((pixels, pixels), Image.Resampling.LANCZOS))


def _png_url(image: bytes) -> str:
    return encode_png_url(Image.open(io.BytesIO(image)).convert("RGBA"))


def encode_png_url(picture: Image.Image) -> str:
    """Return a picture as the ``data:`` URL of a PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return thumbnails.data_url(buffer.getvalue(), "png")
