"""Lesson 7: the depth of the layers whose dreams contain eyes."""

from collections.abc import Sequence

from core.analysis import unit_labels
from core.dreams import render_dreams
from core.experiments import concept_growth, style_grid_measures
from core.images import image_io
from core.networks import SKETCHNET, Layer, Network
from core.recipes.dream import DreamRecipe
from explorer.ui import image_picker, page_list, server_state, urls
from explorer.ui.image_picker import PickedImage
from explorer.ui.lessons import feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import MeasuredAnswer

SAMPLE = "coffee"
SIZE, OCTAVES = 256, 3
# Place of the layer at which the slider begins.
FIRST = 2


def recipe(
    network: Network, picture: PickedImage, layer: str, octaves: int = OCTAVES
) -> DreamRecipe:
    """Return the recipe of a small dream of one layer.

    Args:
        network: the network that dreams.
        picture: the image that the dream starts from.
        layer: name of the layer whose activation is maximised.
        octaves: number of sizes at which the dream is rendered.
    """
    return render_dreams.plan(
        network, [layer], image_picker.store_input(picture), size=SIZE, octaves=octaves
    )


def chosen_layer(context: LessonContext) -> str:
    """Return the name of the layer that the URL names; by default that of the slider."""
    names = [it.name for it in layers_of(context.network)]
    return urls.one_of("layer", names, names[min(FIRST, len(names) - 1)], [])


def layers_of(network: Network) -> list[Layer]:
    """Return the layers to choose from: about every second one, but at least ``DEPTHS``."""
    count = max(lesson_context.DEPTHS, len(network.shown) // 2)
    return lesson_context.sample_layers(network, count)


def stage(context: LessonContext) -> None:
    """Show an image, and the dream of the chosen layer that starts from it."""
    network = context.network
    picture = image_picker.pick_image("picture", SAMPLE, context.problems)
    layers = layers_of(network)
    layer = lesson_context.layer_slider(context, layers, min(FIRST, len(layers) - 1))

    def describe(image: bytes | None) -> tuple[Sequence[str], ...]:
        if image is None:
            return (), ("\N{NO-BREAK SPACE}",)
        value = grown(network, picture, {layer.name: image})[layer.name]
        return (), (f"neurons of eyes respond {value:.1f} times as strongly as before",)

    dream, title = recipe(network, picture, layer.name), f"dreamt by {layer.name}"
    colour = lesson_context.layer_colour(layer)
    lesson_context.show_result(context, "dreamt", dream, title, [picture], describe, colour)
    query = {"network": network.name, "layer": layer.name, "picture": picture.name}
    page_list.page_link(urls.DREAM, "Open this layer on the Dream page", **query)


def choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all layers that the lesson offers."""
    return [{"layer": it.name} for it in layers_of(network)]


def options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: the names of the layers."""
    return [it.name for it in layers_of(context.network)]


def answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure for each layer how much its dream raises the response of units with eye labels.

    Responses to the dream are compared with responses to the original picture (``grown``).

    Returns:
        The answer; None while dreams are being made.
    """
    picture = image_picker.picked_image("picture", SAMPLE, [])
    recipes = {it: recipe(context.network, picture, it) for it in options(context)}
    made = lesson_context.make_all(context, "all dreamt", recipes)
    if made is None:
        return None
    values = grown(context.network, picture, made)
    right = max(values, key=lambda name: values[name])
    deepest = list(values)[-1]
    return MeasuredAnswer(
        right,
        f"To the dream of {right}, neurons of eyes respond {values[right]:.1f} times as strongly "
        f"as to the picture; to that of {deepest}, {values[deepest]:.1f} times.",
        {"activation of eye neurons, times": values},
        "{:.1f}".format,
        feedback.highest(
            right,
            {name: f"{value:.1f}" for name, value in values.items()},
            "to the dream of {} it is {} times",
        ),
        "The reason: an eye is a dot in a ring, small and frequent. It needs few layers, and "
        "neurons of deeper layers respond to larger things."
        if right != deepest
        else "",
    )


@server_state.cached(64)
def grown(network: Network, picture: PickedImage, made: dict[str, bytes]) -> dict[str, float]:
    """Return by layer how much more SketchNet's units with eye labels respond to its dream.

    A value of 2 means: twice as much as to the original image, relative to other units.

    Args:
        network: the network that dreams.
        picture: the original image.
        made: the encoded dream of each layer.
    """
    judge = server_state.network(SKETCHNET)
    labels = unit_labels.clear_labels(judge)
    named = sorted({it.layer for it in labels})
    small = image_io.to_tensor(image_io.resize_longer_side(picture.picture, SIZE))
    before = concept_growth.respond(judge, small, named)
    found = {}
    for layer, image in made.items():
        own = layer if network.fingerprint == judge.fingerprint else ""
        asked = [it for it in labels if it.layer != own]
        after = concept_growth.respond(judge, lesson_context.image_tensor(image), named)
        value = style_grid_measures.eye_growth(before, after, asked)
        found[layer] = 2 ** (value or 0.0)
    return found
