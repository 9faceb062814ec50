"""Lessons 5 and 6: the balance of content and style loss, and the choice of the style layers."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.experiments import lesson_measures
from core.images import image_io
from core.networks.network import Network
from core.recipes.style import StyleRecipe
from core.style import transfer
from explorer.text.formatting import percent
from explorer.ui import image_picker, server_state, url_controls, urls
from explorer.ui.image_picker import PickedImage
from explorer.ui.lessons import feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import MeasuredAnswer

# The photograph of both lessons, and the painting of each. With the mosaic, the person stays
# visible at the usual balance; with the swirls, the layers differ more.
SAMPLE, BALANCE_PAINTING, LAYER_PAINTING = "astronaut", "mosaic", "swirls"
SIZE, SMALLEST, STEPS = 160, 80, 16
BALANCES = (0.002, 0.02, 0.2, 2.0)
USUAL, MORE = 0.02, 0.2
# If the ratio of two losses differs from 1 by less than this, they count as about the same.
CLEARLY = 0.1
LESS_COST, SAME_COST, MORE_COST = "less", "about the same", "more"


def recipe(
    network: Network, picture: PickedImage, painting: PickedImage, **settings: Any
) -> StyleRecipe:
    """Return the recipe of a small style transfer.

    Args:
        network: the network.
        picture: the content image.
        painting: the style image.
        settings: other settings, as for ``transfer.plan``.
    """
    return transfer.plan(
        network,
        content=image_picker.store_input(picture),
        styles=(image_picker.store_input(painting),),
        size=SIZE,
        smallest=SMALLEST,
        steps=STEPS,
        **settings,
    )


def pick_both(context: LessonContext, default: str) -> tuple[PickedImage, PickedImage]:
    """Show the choice of a photograph and a painting, and return the chosen ones.

    Args:
        context: the lesson.
        default: name of the painting that is chosen by default.
    """
    picture = image_picker.pick_image("picture", SAMPLE, context.problems)
    return picture, lesson_context.pick_painting(context, default)


def picked_both(default: str) -> tuple[PickedImage, PickedImage]:
    """Return the photograph and the painting that the URL names, or the defaults."""
    picture = image_picker.picked_image("picture", SAMPLE, [])
    return picture, lesson_context.find_painting(default, "painting", [])


def balance_stage(context: LessonContext) -> None:
    """Show a photograph, a painting, and a style transfer of both with the chosen balance."""
    network = context.network
    picture, painting = pick_both(context, BALANCE_PAINTING)
    both = recipe(network, picture, painting, balance=_balance(context))

    def describe(image: bytes | None) -> Sequence[Sequence[str]]:
        losses = relative(measured(network, picture, painting, [] if image is None else [image]))
        lines = [
            (f"content loss {percent(content)}, style loss {percent(style)}",)
            for content, style in losses
        ]
        return [*lines, ()][:3]

    originals = [picture, painting]
    lesson_context.show_result(context, "both", both, "the result", originals, describe)


def _balance(context: LessonContext) -> float:
    text = st.query_params.get("balance", f"{USUAL:g}")
    known = {f"{it:g}": it for it in BALANCES}
    if text not in known:
        context.problems.append(f"balance is {text}; it can be {', '.join(known)}")
    balance = known.get(text, USUAL)
    st.select_slider(
        f"Balance: how much the content counts, from little to much; {USUAL:g} is usual",
        BALANCES,
        format_func="{:g}".format,
        **url_controls.bind("balance", balance, lambda it: urls.update_query(balance=f"{it:g}")),
    )
    return balance


@server_state.cached(64)
def measured(
    network: Network,
    picture: PickedImage,
    painting: PickedImage,
    others: Sequence[bytes],
    **settings: Any,
) -> list[dict[str, float]]:
    """Return the losses of a photograph, a painting and other images, in this order.

    Args:
        network: the network; the losses use its default layers.
        picture: the photograph, which is the content image.
        painting: the painting, which is the style image.
        others: the other images, encoded.
        settings: other settings of the losses, as for ``recipe``.
    """
    own = [image_io.encode_png(it.picture) for it in (picture, painting)]
    inputs = dict(zip((picture.fingerprint, painting.fingerprint), own, strict=True))
    tensors = [lesson_context.image_tensor(it) for it in (*own, *others)]
    judged = recipe(network, picture, painting, **settings)
    return lesson_measures.measure_losses(network, judged, inputs, tensors)


def relative(losses: Sequence[dict[str, float]]) -> list[tuple[float, float]]:
    """Return the relative content loss and the relative style loss of each image.

    The content loss is divided by that of the painting, the style loss by that of the photograph.

    Args:
        losses: result of ``measured``: losses of a photograph, a painting and other images.
    """
    mean = lesson_measures.mean_loss
    content, style = mean("content", losses[1]), mean("style", losses[0])
    return [(mean("content", it) / content, mean("style", it) / style) for it in losses]


def balance_choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all balances."""
    return [{"balance": f"{it:g}"} for it in BALANCES]


def balance_options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: less, about the same, or more."""
    return LESS_COST, SAME_COST, MORE_COST


def balance_answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure the content and the style loss of a result for each of the ``BALANCES``.

    Returns:
        The answer; None while images are being made.
    """
    picture, painting = picked_both(BALANCE_PAINTING)
    recipes = {it: recipe(context.network, picture, painting, balance=it) for it in BALANCES}
    made = lesson_context.make_all(context, "balances", recipes)
    if made is None:
        return None
    costs = relative(measured(context.network, picture, painting, list(made.values())))[2:]
    by = dict(zip(made, costs, strict=True))
    ratio = by[MORE][1] / by[USUAL][1]
    right = MORE_COST if ratio > 1 + CLEARLY else LESS_COST if ratio < 1 - CLEARLY else SAME_COST
    return MeasuredAnswer(
        right,
        f"The style loss becomes {ratio:.1f} times as large, and the content loss goes from "
        f"{percent(by[USUAL][0])} to {percent(by[MORE][0])}: what one gains the other loses.",
        {
            "style loss": {f"balance {at:g}": cost[1] for at, cost in by.items()},
            "content loss": {f"balance {at:g}": cost[0] for at, cost in by.items()},
        },
        percent,
        feedback.by_option(
            {
                LESS_COST: "But the picture stays nearer to the photograph, and that is what lacks "
                "the painting's style.",
                SAME_COST: "But the same pixels have to serve both, so a change for one costs the "
                "other.",
                MORE_COST: "But with this network, the two hardly compete.",
            }
        ),
        "The reason: only the sum of both losses is made small. If content counts ten times as "
        "much, changes that help the style and harm the content are taken back."
        if right == MORE_COST
        else "",
    )


def layers_stage(context: LessonContext) -> None:
    """Show a style transfer whose style loss uses the chosen layer only."""
    picture, painting = pick_both(context, LAYER_PAINTING)
    layers = lesson_context.sample_layers(context.network)
    layer = lesson_context.layer_slider(context, layers, min(1, len(layers) - 1))
    alone = recipe(context.network, picture, painting, style_layers=(layer.name,))
    title, colour = f"style from {layer.name} only", lesson_context.layer_colour(layer)
    lesson_context.show_result(
        context, "alone", alone, title, [picture, painting], lambda _: ((), (), ()), colour
    )


def layers_choices(network: Network) -> list[dict[str, str]]:
    """Return the queries of all layers that the lesson offers."""
    return [{"layer": it.name} for it in lesson_context.sample_layers(network)]


def layers_options(context: LessonContext) -> Sequence[str]:
    """Return the possible answers: the names of the layers."""
    return [it.name for it in lesson_context.sample_layers(context.network)]


def layers_answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure how much of the painting's style is transferred with each layer alone.

    Returns:
        The answer; None while images are being made.
    """
    picture, painting = picked_both(LAYER_PAINTING)
    recipes = {
        it: recipe(context.network, picture, painting, style_layers=(it,))
        for it in layers_options(context)
    }
    made = lesson_context.make_all(context, "single layers", recipes)
    if made is None:
        return None
    values = carried(context.network, picture, painting, made)
    right = max(values, key=lambda name: values[name])
    least = min(values, key=lambda name: values[name])
    return MeasuredAnswer(
        right,
        f"Used alone, it brings the picture {percent(values[right])} of the way to the painting's "
        f"style; {least} brings it {percent(values[least])}.",
        {"share of the painting's style": values},
        percent,
        feedback.highest(
            right,
            {name: percent(value) for name, value in values.items()},
            "{} brings the picture {} of the way",
        ),
        "The reason: shallow layers respond to colours and dots, deep ones to things. A style is "
        "mostly strokes, which lie between."
        if right in list(made)[1:-1]
        else "",
    )


def carried(
    network: Network,
    picture: PickedImage,
    painting: PickedImage,
    made: Mapping[str, bytes],
) -> dict[str, float]:
    """Return by layer the share of a painting's style that a transfer with it alone achieves.

    The share is the reduction of the style loss relative to the photograph's, averaged over all
    layers in ``made``: 1 for the style of the painting, 0 for that of the photograph.

    Args:
        network: the network.
        picture: the photograph.
        painting: the painting.
        made: by layer, the encoded result with it as the only style layer.
    """
    images, layers = list(made.values()), tuple(made)
    before, _, *after = measured(network, picture, painting, images, style_layers=layers)
    return {
        layer: lesson_measures.style_transferred(before, loss)
        for layer, loss in zip(made, after, strict=True)
    }
