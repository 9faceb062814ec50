"""The command that renders the previews of pages for the home page.

It is run as ``python -m explorer.prebuilt.page_previews``. Each function in ``PREVIEW_FUNCTIONS``
draws the preview of one page with SketchNet, by the same calls of ``core`` as the page. Run the
command again when the weights or the gradient ascent change.
"""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image, ImageChops, ImageDraw, ImageOps
from rich.console import Console
from rich.progress import track

from core import paintings
from core.analysis import attribution
from core.analysis.circuit_meter import CircuitMeter, pictures_for
from core.analysis.crops import heat_brightness, network_input
from core.analysis.picture_sample import sample_pictures
from core.datasets import samples
from core.dreams import render_dreams
from core.files import write_file
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.recipe import Recipe
from core.sketchworld.seeds import MEASURING_SEED
from core.sketchworld.world import CLASSES, draw
from core.style import transfer
from explorer.charts import graph_layout, kernel_pictures
from explorer.library import unit_places
from explorer.prebuilt.pictures import known_words
from explorer.rendering import render_recipe
from explorer.store.results import Store
from explorer.ui.home import front_page

WIDTH, HEIGHT = 480, 320
QUALITY = 84
GAP = 4
# Lines are drawn so many times as large, so that they are smooth.
LARGER = 4
# Units whose pictures differ clearly, by layer.
UNITS = {
    "relu2b": (35, 22, 9, 33, 8, 24),
    "relu3b": (79, 78, 41, 81, 62, 30),
    "relu4b": (125, 159, 143, 112, 122, 158),
    "relu5b": (16, 18, 105, 26, 191, 43),
}
# The layer and the number of a unit that responds to houses.
HOUSE_UNIT = ("relu5b", 215)
# One that responds to spokes: it feeds the classes of wheels.
SPOKE_UNIT = ("relu5b", 79)
# The layers whose pictures are shown side by side.
STRIP_LAYERS = ("relu2b", "relu3b", "relu5a")


def write_previews(folder: Path, names: Sequence[str] = ()) -> None:
    """Draw the previews of some pages, by default of all, and write them into a folder as WebP."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    folder.mkdir(parents=True, exist_ok=True)
    for name in track(names or list(PREVIEW_FUNCTIONS), "drawing", console=Console(stderr=True)):
        buffer = io.BytesIO()
        PREVIEW_FUNCTIONS[name](network).save(buffer, "WEBP", quality=QUALITY, method=6)
        write_file(folder / f"{name}.webp", buffer.getvalue())


def _fit(picture: Image.Image, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Crop the middle of a picture to the aspect ratio of a preview, and scale it."""
    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def _side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Draw a vertical strip of each picture, side by side.

    A strip shows the part of its picture that has the same position. For example, the first of
    three strips shows the left third of the first picture.
    """
    width = (WIDTH - GAP * (len(pictures) - 1)) // len(pictures)
    paper = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    for at, picture in enumerate(pictures):
        left = at * (width + GAP)
        paper.paste(_fit(picture).crop((left, 0, left + width, HEIGHT)), (left, 0))
    return paper


def _render(recipe: Recipe, *inputs: Image.Image) -> Image.Image:
    """Render the first picture of a recipe, given the recipe's input pictures."""
    encoded = {image_io.fingerprint(it): image_io.encode_png(it) for it in inputs}
    for update in render_recipe.render_updates(recipe, None, encoded, "cpu"):
        if update.pictures:
            return image_io.open_picture(update.pictures[0].image)
    raise RuntimeError("the recipe made no picture")


def _grid(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """Draw square pictures as a grid with some number of columns."""
    side = WIDTH // columns
    paper = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    for at, picture in enumerate(pictures):
        row, col = divmod(at, columns)
        shown = picture.resize((side - GAP, side - GAP), Image.Resampling.LANCZOS)
        paper.paste(shown, (col * side + GAP // 2, row * side + GAP // 2))
    return paper


def layers(network: Network) -> Image.Image:
    """Draw the shipped pictures of some units as a grid, with one row for each layer."""
    store = Store()
    images: list[bytes] = []
    for layer, units in UNITS.items():
        images += store.shipped_units(network.name, layer, units)
    store.close()
    return _grid([image_io.open_picture(it) for it in images], 6)


def neuron(network: Network) -> Image.Image:
    """Draw the feature visualization of one unit."""
    return _fit(_render_unit(network, "relu4b", 56, 224))


def _render_unit(network: Network, layer: str, unit: int, size: int) -> Image.Image:
    recipe = render_neurons.plan(network, layer, [unit], size=size, steps=96)
    *_, last = render_neurons.render(network, recipe)
    return image_io.to_picture(last.pictures[0].image)


def probe(network: Network) -> Image.Image:
    """Draw a picture of a village; the parts that activate ``HOUSE_UNIT`` are brighter."""
    picture = samples.picture("village")
    frame = CenterCrop((picture.height, picture.width), network.input_size)
    image = network_input(picture, frame)
    light = heat_brightness(attribution.heatmap(network, image, *HOUSE_UNIT))
    light = light.resize(picture.size, Image.Resampling.BICUBIC)
    return _fit(ImageChops.multiply(picture, light))


def circuits(network: Network) -> Image.Image:
    """Draw a unit that responds to spokes with the units that it reads and that it feeds."""
    layer, unit = network.layer(SPOKE_UNIT[0]), SPOKE_UNIT[1]
    sample = sample_pictures(network, unit_places.drawings(), pictures_for(network))
    circuit = CircuitMeter(network, sample).circuit(layer, unit, depth=1, measured=False)
    names = {it.ref: f"{it.layer} {it.unit}" for it in circuit.nodes}
    ends = [(names[it.source], names[it.target]) for it in circuit.edges]
    places = graph_layout.lay_out(list(names.values()), ends).places
    columns = 1 + max(column for column, _ in places.values())
    rows = max(abs(row) for _, row in places.values())
    side = int(HEIGHT / (2 * rows + 1)) - 4 * GAP
    across = (WIDTH - side - 8 * GAP) / max(columns - 1, 1)

    def middle(name: str) -> tuple[float, float]:
        column, row = places[name]
        return side / 2 + 4 * GAP + column * across, HEIGHT / 2 + row * (side + 4 * GAP)

    paper = Image.new("RGBA", (LARGER * WIDTH, LARGER * HEIGHT), (0, 0, 0, 0))
    drawn = ImageDraw.Draw(paper)
    most = max(abs(it.share) for it in circuit.edges)
    for edge, (source, target) in zip(circuit.edges, ends, strict=True):
        points = [tuple(LARGER * it for it in middle(name)) for name in (source, target)]
        colour = kernel_pictures.EXCITES if edge.share > 0 else kernel_pictures.INHIBITS
        drawn.line(points, colour, round(LARGER * max(1.0, 6 * abs(edge.share) / most)))
    paper = paper.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    store = Store()
    for ref, name in names.items():
        (image,) = store.shipped_units(network.name, ref.layer, [ref.unit])
        x, y = (round(it - side / 2) for it in middle(name))
        paper.paste(_fit(image_io.open_picture(image), side, side), (x, y))
    store.close()
    return paper


def _render_dreams(network: Network, name: str, chosen: Sequence[str]) -> list[Image.Image]:
    picture = image_io.resize_longer_side(samples.picture(name), 640)
    fingerprint = image_io.fingerprint(picture)
    recipes = [render_dreams.plan(network, [it], fingerprint, size=512) for it in chosen]
    return [_render(it, picture) for it in recipes]


def dream(network: Network) -> Image.Image:
    """Draw a dream that starts from the photograph of a cat."""
    return _fit(_render_dreams(network, "cat", ["relu4b"])[0])


def depths(network: Network) -> Image.Image:
    """Draw dreams of one photograph at three layers, side by side."""
    return _side_by_side(_render_dreams(network, "coffee", STRIP_LAYERS))


def _render_styles(
    network: Network, name: str, style: str, chosen: Sequence[tuple[str, ...]]
) -> list[Image.Image]:
    picture = image_io.resize_longer_side(samples.picture(name), 640)
    painting = paintings.picture(style)
    recipes = [
        transfer.plan(
            network,
            content=image_io.fingerprint(picture),
            styles=(image_io.fingerprint(painting),),
            size=480,
            style_layers=it or None,
        )
        for it in chosen
    ]
    return [_render(it, picture, painting) for it in recipes]


def style(network: Network) -> Image.Image:
    """Draw a photograph in the style of a painting."""
    return _fit(_render_styles(network, "astronaut", "swirls", [()])[0])


def style_depths(network: Network) -> Image.Image:
    """Draw a photograph in the style of a painting at three layers, side by side."""
    return _side_by_side(_render_styles(network, "rocket", "glass", [(it,) for it in STRIP_LAYERS]))


def lessons(network: Network) -> Image.Image:
    """Draw a picture and its reconstructions from a shallow and a deep layer, side by side."""
    picture = image_io.resize_longer_side(samples.picture("cat"), 480)
    fingerprint = image_io.fingerprint(picture)
    recipes = [
        transfer.plan(network, content=fingerprint, content_layers=(it,), init="noise", size=480)
        for it in ("relu3b", "relu5a")
    ]
    return _side_by_side([picture, *(_render(it, picture) for it in recipes)])


def gallery(network: Network) -> Image.Image:
    """Draw pictures of several pages and the picture of a class as a grid."""
    previews = [draw_page(network) for draw_page in (dream, style, neuron, probe, depths)]
    class_picture = _render_unit(network, network.shown[-1].name, 38, 128)
    return _grid([_fit(it, HEIGHT, HEIGHT) for it in (*previews, class_picture)], 3)


def library(network: Network) -> Image.Image:
    """Draw a grid of SketchWorld drawings, as an example of a collection."""
    subjects = (
        "cat", "wheel", "village", "heart", "spiral", "owl", "zigzag", "car", "sun", "fish",
        "flower", "castle", "eye", "plaid", "rocket", "boat", "forest", "ladybird", "rings", "face",
        "clock", "dots", "balloon", "apple",
    )  # fmt: skip
    labels = [CLASSES.index("concentric rings" if it == "rings" else it) for it in subjects]
    return _grid(
        [Image.fromarray(draw(MEASURING_SEED, 11 + it, 160, it).image) for it in labels], 6
    )


def glossary(network: Network) -> Image.Image:
    """Draw a picture, where a unit responds to it, and the picture of that unit, side by side."""
    return _side_by_side(
        [samples.picture("village"), probe(network), _render_unit(network, *HOUSE_UNIT, 224)]
    )


# The function that draws the preview of each page.
PREVIEW_FUNCTIONS: dict[str, Callable[[Network], Image.Image]] = {
    "layers": layers,
    "neuron": neuron,
    "probe": probe,
    "circuits": circuits,
    "dream": dream,
    "depths": depths,
    "style": style,
    "style_depths": style_depths,
    "lessons": lessons,
    "library": library,
    "gallery": gallery,
    "glossary": glossary,
}


def main(
    pages: Annotated[
        list[str] | None,
        typer.Argument(help=f"Of: {', '.join(PREVIEW_FUNCTIONS)}; by default all."),
    ] = None,
    out: Annotated[Path, typer.Option(help="A folder.")] = front_page.PREVIEWS,
) -> None:
    """Render the previews of all pages, or of the named ones."""
    write_previews(out, known_words(pages, tuple(PREVIEW_FUNCTIONS)))


if __name__ == "__main__":
    typer.run(main)
