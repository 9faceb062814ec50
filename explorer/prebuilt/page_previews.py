"""Make the pictures of the rooms, for the home page: ``python -m explorer.prebuilt.page_previews``.

All of them are SketchNet's, made by the same calls that the pages make. Run it again when the
weights or the ascent change.
"""

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from PIL import Image, ImageChops, ImageOps
from rich.console import Console
from rich.progress import track

from core import paintings
from core.analysis import attribution
from core.analysis.crops import DARKEST, network_input
from core.datasets import samples
from core.dreams import render_dreams
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.recipe import Recipe
from core.sketchworld.seeds import MEASURING_SEED
from core.sketchworld.world import CLASSES, draw
from core.style import transfer
from explorer.rendering import render_recipe
from explorer.store.results import Store
from explorer.ui.home import front_page

WIDTH, HEIGHT = 480, 320
QUALITY = 84
GAP = 4
# Neurons of relu4b, and of relu5b, with pictures that are told apart at a glance.
WALL = (125, 159, 143, 112, 122, 158, 114, 33, 56, 135, 155, 22)
# Fires at houses.
HOUSES = ("relu5b", 215)
STRIPS = ("relu2b", "relu3b", "relu5a")


def write_previews(folder: Path, names: Sequence[str] = ()) -> None:
    """Make the pictures of all rooms, or of some, into a folder."""
    network = registry.load(registry.SKETCHNET, device="cpu")
    folder.mkdir(parents=True, exist_ok=True)
    for name in track(names or list(MAKERS), "drawing", console=Console(stderr=True)):
        buffer = io.BytesIO()
        MAKERS[name](network).save(buffer, "WEBP", quality=QUALITY, method=6)
        (folder / f"{name}.webp").write_bytes(buffer.getvalue())


def _fitted(picture: Image.Image, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Cut the middle of a picture out in the proportion of a room's, and scale it."""
    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def _side_by_side(pictures: Sequence[Image.Image]) -> Image.Image:
    """Lay narrow parts of some pictures side by side, from left to right of what they show."""
    width = (WIDTH - GAP * (len(pictures) - 1)) // len(pictures)
    paper = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    for at, picture in enumerate(pictures):
        left = at * (width + GAP)
        paper.paste(_fitted(picture).crop((left, 0, left + width, HEIGHT)), (left, 0))
    return paper


def _made(recipe: Recipe, *inputs: Image.Image) -> Image.Image:
    """Make the picture of a recipe that begins with some pictures."""
    known = {image_io.fingerprint(it): image_io.encode_png(it) for it in inputs}
    for update in render_recipe.render_updates(recipe, None, known, "cpu"):
        if update.pictures:
            return image_io.open_picture(update.pictures[0].image)
    raise RuntimeError("the recipe made nothing")


def _wall(pictures: Sequence[Image.Image], columns: int) -> Image.Image:
    """Hang square pictures in rows of so many."""
    side = WIDTH // columns
    paper = Image.new("RGBA", (WIDTH, HEIGHT), (0, 0, 0, 0))
    for at, picture in enumerate(pictures):
        row, col = divmod(at, columns)
        shown = picture.resize((side - GAP, side - GAP), Image.Resampling.LANCZOS)
        paper.paste(shown, (col * side + GAP // 2, row * side + GAP // 2))
    return paper


def layers(network: Network) -> Image.Image:
    """Some of the neurons that ship."""
    store = Store()
    found = store.shipped_units(network.name, "relu4b", WALL[:6])
    found += store.shipped_units(network.name, "relu3b", (79, 78, 41, 81, 62, 30))
    found += store.shipped_units(network.name, "relu2b", (35, 22, 9, 33, 8, 24))
    found += store.shipped_units(network.name, "relu5b", (16, 18, 105, 26, 191, 43))
    store.close()
    shown = [image_io.open_picture(it) for it in found]
    return _wall(shown[12:18] + shown[6:12] + shown[:6] + shown[18:], 6)


def neuron(network: Network) -> Image.Image:
    """One neuron, drawn large."""
    recipe = render_neurons.plan(network, "relu4b", [56], size=224, steps=192)
    *_, last = render_neurons.render(network, recipe)
    return _fitted(image_io.to_picture(last.pictures[0].image))


def probe(network: Network) -> Image.Image:
    """A scene, bright where a neuron that knows it fires."""
    picture = samples.picture("village")
    frame = CenterCrop((picture.height, picture.width), network.input_size)
    image = network_input(picture, frame)
    heat = attribution.heatmap(network, image, *HOUSES).clamp(min=0)
    heat = DARKEST + (1 - DARKEST) * heat / heat.max().clamp(min=torch.finfo().tiny)
    light = image_io.to_picture(heat.expand(3, -1, -1)).resize(
        picture.size, Image.Resampling.BICUBIC
    )
    return _fitted(ImageChops.multiply(picture, light))


def _dreams(network: Network, name: str, chosen: Sequence[str]) -> list[Image.Image]:
    picture = image_io.resize_longer_side(samples.picture(name), 640)
    fingerprint = image_io.fingerprint(picture)
    recipes = [render_dreams.plan(network, [it], fingerprint, size=512) for it in chosen]
    return [_made(it, picture) for it in recipes]


def dream(network: Network) -> Image.Image:
    """A dream."""
    return _fitted(_dreams(network, "cat", ["relu4b"])[0])


def depths(network: Network) -> Image.Image:
    """Three dreams of one picture, side by side."""
    return _side_by_side(_dreams(network, "coffee", STRIPS))


def _painted(
    network: Network, name: str, style: str, chosen: Sequence[tuple[str, ...]]
) -> list[Image.Image]:
    picture, painting = (
        image_io.resize_longer_side(samples.picture(name), 640),
        paintings.picture(style),
    )
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
    return [_made(it, picture, painting) for it in recipes]


def style(network: Network) -> Image.Image:
    """A photograph, painted."""
    return _fitted(_painted(network, "astronaut", "swirls", [()])[0])


def style_depths(network: Network) -> Image.Image:
    """A photograph, painted by the style of three layers, side by side."""
    return _side_by_side(_painted(network, "rocket", "glass", [(it,) for it in STRIPS]))


def lessons(network: Network) -> Image.Image:
    """A picture, and what a shallow and a deep layer still know of it."""
    picture = image_io.resize_longer_side(samples.picture("cat"), 480)
    fingerprint = image_io.fingerprint(picture)
    known = [
        _made(
            transfer.plan(
                network, content=fingerprint, content_layers=(layer,), init="noise", size=480
            ),
            picture,
        )
        for layer in ("relu3b", "relu5a")
    ]
    return _side_by_side([picture, *known])


def gallery(network: Network) -> Image.Image:
    """Pictures of several kinds."""
    some = [MAKERS[name](network) for name in ("dream", "style", "neuron", "probe", "depths")]
    class_picture = render_neurons.plan(network, network.shown[-1].name, [38], size=128, steps=192)
    *_, last = render_neurons.render(network, class_picture)
    shown = [*some, image_io.to_picture(last.pictures[0].image)]
    return _wall([_fitted(it, HEIGHT, HEIGHT) for it in shown], 3)


def library(network: Network) -> Image.Image:
    """Drawings of SketchWorld, as a collection has them."""
    subjects = (
        "cat", "wheel", "village", "heart", "spiral", "owl", "zigzag", "car", "sun", "fish",
        "flower", "castle", "eye", "plaid", "rocket", "boat", "forest", "ladybird", "rings", "face",
        "clock", "dots", "balloon", "apple",
    )  # fmt: skip
    labels = [CLASSES.index("concentric rings" if it == "rings" else it) for it in subjects]
    return _wall(
        [Image.fromarray(draw(MEASURING_SEED, 11 + it, 160, it).image) for it in labels], 6
    )


# In the order in which they are made.
MAKERS: dict[str, Callable[[Network], Image.Image]] = {
    "layers": layers,
    "neuron": neuron,
    "probe": probe,
    "dream": dream,
    "depths": depths,
    "style": style,
    "style_depths": style_depths,
    "lessons": lessons,
    "library": library,
    "gallery": gallery,
}


def main() -> None:
    """Make the pictures of all rooms, or of those that are named."""
    parser = argparse.ArgumentParser(
        prog="python -m explorer.prebuilt.page_previews", description=main.__doc__
    )
    parser.add_argument("rooms", nargs="*", choices=[[], *MAKERS], help="which rooms")
    parser.add_argument("--out", type=Path, default=front_page.PREVIEWS, help="a folder")
    given = parser.parse_args()
    write_previews(given.out, given.rooms)


if __name__ == "__main__":
    main()
