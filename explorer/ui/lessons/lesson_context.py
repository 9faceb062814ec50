"""Code that all lessons share: their context, controls and rows of images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import streamlit as st
from torch import Tensor

from core.analysis.picture_sample import PictureSample
from core.images import image_io
from core.networks import Layer, Network, depth_sampling
from core.paintings import PAINTINGS
from core.recipes.recipe import Recipe
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.text.formatting import percent
from explorer.ui import (
    image_picker,
    incremental,
    job_requests,
    job_status,
    presenter,
    server_state,
    urls,
)
from explorer.ui.components.figure_row import CaptionedImage, captioned, figure_row
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.image_picker import PickedImage
from explorer.ui.layers import small_pictures
from explorer.ui.lessons.texts import Lesson

Name = TypeVar("Name")

DEPTHS = 5
THUMBNAIL_PIXELS = 320


@dataclass(frozen=True)
class LessonContext:
    """The lesson that a page shows.

    Attributes:
        lesson: the texts of the lesson.
        network: the network with which all experiments of the lesson are made.
        problems: problems of the link, in sentences; the lesson appends to the list.
        requests: the jobs that this run of the page has requested.
        slid: the layers of the sliders that this run of the page has shown.
    """

    lesson: Lesson
    network: Network
    problems: list[str]
    requests: job_requests.JobRequests = field(default_factory=job_requests.JobRequests)
    slid: list[Layer] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Text with the lesson's number and its network, for the keys of widgets."""
        return f"lesson {self.lesson.number} {self.network.name}"


def sample_layers(network: Network, count: int = DEPTHS) -> list[Layer]:
    """Return ``count`` layers, evenly spaced from shallow to deep.

    Layers without positions (height and width), such as logits, are left out if there are others.
    """
    able = [it for it in network.shown if it.size is not None] or list(network.shown)
    return depth_sampling.ends_of_equal_parts(able, count)


def layer_slider(context: LessonContext, layers: Sequence[Layer], first: int) -> Layer:
    """Show a slider over some layers, and return the layer that the URL names.

    Args:
        context: the lesson.
        layers: the layers to choose from.
        first: index of the default layer in ``layers``.
    """
    network = context.network
    names = [it.name for it in layers]
    name = urls.one_of("layer", names, names[first], context.problems, network.name)
    selected = layers[names.index(name)]

    def pick(layer: str) -> None:
        urls.update_query(layer=layer, unit=None)

    context.slid.extend(layers)
    if small_pictures.example_slider(network, layers, selected, f"slide {context.key}", pick):
        st.rerun()
    return selected


def layer_colour(layer: Layer) -> str:
    """Return the CSS colour that charts use for a layer, which depends on the layer's depth."""
    return depth_colours.depth_colour(layer.depth)


def pick_painting(context: LessonContext, default: str) -> PickedImage:
    """Show the choice of one of the project's paintings, and return the chosen painting."""
    picked = find_painting(default, "painting", context.problems)
    tiles = [
        PictureTile(
            name,
            painting.title,
            image_picker.thumbnail(name),
            caption=name,
            chosen=name == picked.name,
        )
        for name, painting in PAINTINGS.items()
    ]
    clicked = tile_grid(
        tiles,
        f"paintings {context.key}",
        "Paintings",
        lambda it: urls.update_query(painting=it),
        columns=len(tiles),
    )
    if clicked:
        st.rerun()
    return picked


def find_painting(default: str, name: str, problems: list[str]) -> PickedImage:
    """Return the painting that the URL names; the default if it names none or an unknown one.

    Args:
        default: name of the default painting.
        name: parameter of the URL's query with the name of the painting.
        problems: a sentence is appended if the URL names an unknown painting.
    """
    return image_picker.find_image(urls.one_of(name, PAINTINGS, default, problems))


def show_recipes(
    context: LessonContext,
    key: str,
    recipes: Sequence[Recipe],
    show: Callable[[job_status.Previews], None],
) -> bool:
    """Request some recipes, and show their progress.

    Args:
        context: the lesson.
        key: name of the part of the page, for widgets' keys.
        recipes: the recipes.
        show: shows the results; called with the previews of those that are unfinished.

    Returns:
        Whether the results of all recipes were finished when this run of the page began.
    """
    asked = context.requests.ask(recipes)
    job_status.show_while_running(
        f"{key} {context.key}", asked, lambda it: f"{percent(it)} made", show
    )
    return not asked


def show_result(
    context: LessonContext,
    key: str,
    recipe: Recipe,
    title: str,
    originals: Sequence[PickedImage],
    describe: Callable[[bytes | None], Sequence[Sequence[str]]],
    colour: str = "",
    size: tuple[int, int] | None = None,
) -> None:
    """Show the result of a recipe at the right of the original images.

    Args:
        context: the lesson.
        key: name of the result within the lesson, for widgets' keys.
        recipe: the recipe, of one image.
        title: title beneath the result.
        originals: the original images.
        describe: returns the lines of text beneath each original and, as the last item, those
            beneath the result. Called with the encoded result; None if it is not finished.
        colour: CSS colour of a dot before the title; "" for no dot.
        size: (height, width) of the images' frames; by default the size of the first original.
    """

    pixels = presenter.PICTURE_PIXELS if presenter.is_on() else THUMBNAIL_PIXELS

    def draw(
        image: bytes | None, preview: bytes | None, lines: Sequence[Sequence[str]] | None
    ) -> None:
        *beneath, last = lines or [()] * (len(originals) + 1)
        images = [
            CaptionedImage(it.title, image_picker.small_url(it, pixels), tuple(words))
            for it, words in zip(originals, beneath, strict=True)
        ]
        result = captioned(image, preview, pixels, title, tuple(last), colour)
        figure_row([*images, result], size or originals[0].size)

    def show(previews: job_status.Previews) -> None:
        image, preview = server_state.finished_image(recipe), previews.get((recipe.key, 0))
        name = f"{recipe.key} {image is not None}"
        incremental.draw_then_measure(name, partial(draw, image, preview), lambda: describe(image))

    show_recipes(context, key, [recipe], show)


def make_all(
    context: LessonContext, key: str, recipes: Mapping[Name, Recipe]
) -> dict[Name, bytes] | None:
    """Request some recipes of one image each, and show their progress.

    Returns:
        The encoded images, by the names of the recipes; None while one of them is not finished.
    """
    if not show_recipes(context, key, list(recipes.values()), lambda _: None):
        return None
    return {name: server_state.finished_image(it) or b"" for name, it in recipes.items()}


def picture_urls(pictures: PictureSample, pixels: int) -> list[str]:
    """Return the URL of each picture of a sample as the network sees it, enlarged to a square."""
    found = []
    for at in range(len(pictures)):
        picture = image_io.to_picture(pictures.images(slice(at, at + 1))[0])
        found.append(thumbnails.shrink(picture.resize((pixels, pixels)), pixels))
    return found


def image_tensor(image: bytes) -> Tensor:
    """Return an encoded image as a tensor, ``[1, 3, H, W]`` in ``[0, 1]``."""
    return image_io.to_tensor(image_io.open_picture(image))
