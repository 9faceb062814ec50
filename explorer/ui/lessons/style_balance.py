"""Lessons 5 and 6: both costs at once, and which layers should speak for style."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from core.experiments import lesson_measures
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.style import transfer
from explorer.ui import image_picker, job_status, server_state, urls
from explorer.ui.image_picker import PickedImage
from explorer.ui.lessons import lesson_context
from explorer.ui.lessons.lesson_context import LessonContext, LessonPicture, MeasuredAnswer

SAMPLE, PAINTING = "astronaut", "swirls"
SIZE, SMALLEST, STEPS = 160, 80, 16
BALANCES = (0.002, 0.02, 0.2, 2.0)
USUAL, MORE = 0.02, 0.2
# A cost that differs less than by this share is about the same.
CLEARLY = 0.1
LESS_COST, SAME_COST, MORE_COST = "less", "about the same", "more"


def recipe(
    network: Network, picture: PickedImage, painting: PickedImage, **settings: Any
) -> StyleRecipe:
    """Write the recipe of a small transfer."""
    return transfer.plan(
        network,
        content=image_picker.store_input(picture),
        styles=(image_picker.store_input(painting),),
        size=SIZE,
        smallest=SMALLEST,
        steps=STEPS,
        **settings,
    )


def subjects(here: LessonContext) -> tuple[PickedImage, PickedImage]:
    """Let the reader choose a picture and a painting."""
    return lesson_context.pick_photograph(here, SAMPLE), lesson_context.pick_painting(
        here, PAINTING
    )


def chosen() -> tuple[PickedImage, PickedImage]:
    """Find what the reader has chosen."""
    picture = image_picker.picked_image("picture", SAMPLE, []) or image_picker.find_image(SAMPLE)
    return picture, lesson_context.painting_or_sample(PAINTING, "painting", [])


def balance_stage(here: LessonContext) -> None:
    """Show a photograph, a painting, and the picture that serves both."""
    picture, painting = subjects(here)
    balance = _balance(here)
    wanted = recipe(here.network, picture, painting, balance=balance)
    size = (picture.picture.height, picture.picture.width)

    def show(previews: job_status.Previews) -> None:
        image = lesson_context.finished_picture(wanted)
        found = measured(here.network, picture, painting, [] if image is None else [image])
        words = [_words(it) for it in relative(found)] + [()]
        lesson_context.picture_row(
            [
                LessonPicture(picture.title, lesson_context.input_picture(picture), words[0]),
                LessonPicture(painting.title, lesson_context.input_picture(painting), words[1]),
                lesson_context.recipe_picture(wanted, previews, "both at once", words[2]),
            ],
            size,
        )

    lesson_context.show_recipes(here, "both", [wanted], show)


def _balance(here: LessonContext) -> float:
    text = st.query_params.get("balance", f"{USUAL:g}")
    known = {f"{it:g}": it for it in BALANCES}
    if text not in known:
        here.problems.append(f"balance is {text}; it can be {', '.join(known)}")
    st.session_state["balance"] = known.get(text, USUAL)
    st.select_slider(
        "How much content has to say beside style",
        BALANCES,
        key="balance",
        format_func="{:g}".format,
        on_change=lambda: urls.update_query(balance=f"{st.session_state['balance']:g}"),
    )
    return known.get(text, USUAL)


def _words(cost: tuple[float, float]) -> tuple[str, ...]:
    return (f"content costs {cost[0]:.0%}, style {cost[1]:.0%}",)


def measured(
    network: Network, picture: PickedImage, painting: PickedImage, others: Sequence[bytes]
) -> list[dict[str, float]]:
    """Measure the usual costs of a photograph, a painting, and some other pictures."""
    judged = recipe(network, picture, painting)
    own = (image_picker.store_input(picture), image_picker.store_input(painting))
    return _measured(network, judged, (*own, *others))


@st.cache_data(max_entries=64, show_spinner=False)
def _measured(
    _network: Network, judged: StyleRecipe, shown: tuple[str | bytes, ...]
) -> list[dict[str, float]]:
    store = server_state.store()
    inputs = {it: store.input(it) or b"" for it in judged.inputs}
    tensors = [
        lesson_context.image_tensor(inputs[it] if isinstance(it, str) else it) for it in shown
    ]
    return lesson_measures.measure_losses(_network, judged, inputs, tensors)


def relative(found: Sequence[dict[str, float]]) -> list[tuple[float, float]]:
    """Give costs of content and style relative to what there is to lose.

    Args:
        found: the costs of a photograph, a painting, and others.
    """
    content, style = (
        lesson_measures.mean_loss("content", found[1]),
        lesson_measures.mean_loss("style", found[0]),
    )
    return [
        (
            lesson_measures.mean_loss("content", it) / content,
            lesson_measures.mean_loss("style", it) / style,
        )
        for it in found
    ]


def balance_options(here: LessonContext) -> Sequence[str]:
    """Offer less, the same and more."""
    return LESS_COST, SAME_COST, MORE_COST


def balance_answer(here: LessonContext) -> MeasuredAnswer | None:
    """Measure both costs at every balance."""
    picture, painting = chosen()
    recipes = [recipe(here.network, picture, painting, balance=it) for it in BALANCES]
    if not lesson_context.show_recipes(here, "balances", recipes, lambda _: None):
        return None
    images_made = [lesson_context.finished_picture(it) or b"" for it in recipes]
    costs = relative(measured(here.network, picture, painting, images_made))[2:]
    by = dict(zip(BALANCES, costs, strict=True))
    ratio = by[MORE][1] / by[USUAL][1]
    right = MORE_COST if ratio > 1 + CLEARLY else LESS_COST if ratio < 1 - CLEARLY else SAME_COST
    return MeasuredAnswer(
        right,
        f"Style then costs {ratio:.1f} times as much, and content {by[MORE][0]:.0%} instead of "
        f"{by[USUAL][0]:.0%}: what one wins the other loses.",
        {
            "style costs": {f"balance {at:g}": cost[1] for at, cost in by.items()},
            "content costs": {f"balance {at:g}": cost[0] for at, cost in by.items()},
        },
        "{:.0%}".format,
    )


def layers_stage(here: LessonContext) -> None:
    """Show a transfer in which one layer alone speaks for style."""
    picture, painting = subjects(here)
    layers = lesson_context.sample_layers(here.network)
    layer = lesson_context.layer_slider(here, layers, min(1, len(layers) - 1))
    wanted = recipe(here.network, picture, painting, style_layers=(layer.name,))
    size = (picture.picture.height, picture.picture.width)

    def show(previews: job_status.Previews) -> None:
        title = f"style by {layer.name} alone"
        lesson_context.picture_row(
            [
                LessonPicture(painting.title, lesson_context.input_picture(painting)),
                lesson_context.recipe_picture(
                    wanted, previews, title, (), lesson_context.layer_colour(layer)
                ),
            ],
            size,
        )

    lesson_context.show_recipes(here, "alone", [wanted], show)


def layers_options(here: LessonContext) -> Sequence[str]:
    """Name the layers."""
    return [it.name for it in lesson_context.sample_layers(here.network)]


def layers_answer(here: LessonContext) -> MeasuredAnswer | None:
    """Measure how much of the style each layer alone carries."""
    picture, painting = chosen()
    layers = lesson_context.sample_layers(here.network)
    recipes = [recipe(here.network, picture, painting, style_layers=(it.name,)) for it in layers]
    if not lesson_context.show_recipes(here, "each alone", recipes, lambda _: None):
        return None
    made = tuple(lesson_context.finished_picture(it) or b"" for it in recipes)
    values = carried(here.network, picture, painting, layers, made)
    right = max(values, key=lambda name: values[name])
    least = min(values, key=lambda name: values[name])
    return MeasuredAnswer(
        right,
        f"Alone it goes {values[right]:.0%} of the way to the painting, at all depths together; "
        f"{least} goes {values[least]:.0%}.",
        {"of the way to the painting": values},
        "{:.0%}".format,
    )


def carried(
    network: Network,
    picture: PickedImage,
    painting: PickedImage,
    layers: Sequence[Layer],
    made: tuple[bytes, ...],
) -> dict[str, float]:
    """Tell how much of a painting's style each layer alone has carried over, judged by all."""
    judged = recipe(network, picture, painting, style_layers=tuple(it.name for it in layers))
    before, *after = _measured(network, judged, (image_picker.store_input(picture), *made))
    return {
        layer.name: lesson_measures.style_transferred(before, cost)
        for layer, cost in zip(layers, after, strict=True)
    }
