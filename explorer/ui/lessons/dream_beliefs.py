"""What people often believe about dreams: the measurements of lesson 7."""

from collections.abc import Mapping

from core.dreams import render_dreams
from core.experiments import belief_measures
from core.experiments.belief_measures import DreamChanges
from core.images import image_io
from core.networks.network import Network
from explorer.text.formatting import percent
from explorer.ui import image_picker, server_state
from explorer.ui.image_picker import PickedImage
from explorer.ui.lessons import dream_eyes, feedback, lesson_context
from explorer.ui.lessons.lesson_context import LessonContext
from explorer.ui.lessons.lesson_question import MeasuredAnswer
from explorer.ui.lessons.remembered import remembered

# Side of the small dream that is rendered to count what changes, and its steps.
DREAM_SIZE, DREAM_STEPS = 128, 10
OCTAVES = (1, 2, 3)
# Parts of drawings to guess from.
DRAWN_PARTS = ("window", "eye", "wheel", "leaf")
# Shares that differ by less than this count as the same.
CLEARLY = 0.02
AMOUNTS = NONE, SOME, ALL = "none", "some", "all"
TRENDS = WEAKER, EQUAL, STRONGER = "they get weaker", "they stay alike", "they get stronger"


def learning_answer(context: LessonContext) -> MeasuredAnswer:
    """Count the weights and the pixels that change while a small dream is rendered."""
    picked = image_picker.picked_image("picture", dream_eyes.SAMPLE, [])
    layer = dream_eyes.chosen_layer(context)
    found = dream_changes(context.network, picked, layer)
    right = NONE if found.weights == 0 else ALL if found.weights == found.of else SOME
    return MeasuredAnswer(
        right,
        f"{found.weights:,} of {found.of:,} weights changed, but {percent(found.pixels)} of the "
        f"pixels: the network stays as it is, and only the picture changes. {layer} then responds "
        f"{found.activation:.1f} times as strongly to it.",
        {"changed": {"weights": found.weights / found.of, "pixels": found.pixels}},
        percent,
        feedback.by_option(
            {
                NONE: "But some of them are different afterwards.",
                SOME: "But each of them has the same value as before.",
                ALL: "But each of them has the same value as before.",
            }
        ),
        "The reason: training follows the gradient of the weights, dreaming that of the pixels.",
    )


@server_state.cached(32, "Dreaming, and comparing all weights ...")
def dream_changes(network: Network, picked: PickedImage, layer: str) -> DreamChanges:
    """Return what changes while a small dream is rendered, cached."""
    recipe = render_dreams.plan(
        network, [layer], picked.fingerprint, size=DREAM_SIZE, steps=DREAM_STEPS, octaves=1
    )
    inputs = {picked.fingerprint: image_io.encode_png(picked.picture)}
    return belief_measures.count_changes(network, recipe, inputs)


def data_answer(context: LessonContext) -> MeasuredAnswer:
    """Measure in how many drawings of the kind that SketchNet learned from each part is visible."""
    shares = frequencies()
    right = max(shares, key=lambda part: shares[part])
    return MeasuredAnswer(
        right,
        f"{percent(shares[right])} of the drawings show it. A network has detectors for what was "
        "frequent in the pictures that it learned from, and a dream shows what they look for.",
        {"drawings with it": shares},
        percent,
        feedback.highest(
            right,
            {part: percent(share) for part, share in shares.items()},
            "the part {} is in {} of the drawings",
        ),
    )


@remembered(1, "Looking for parts in 144 drawings ...")
def frequencies() -> dict[str, float]:
    """Return by part the share of drawings in which it is visible, cached."""
    return belief_measures.part_frequencies(DRAWN_PARTS)


def sizes_answer(context: LessonContext) -> MeasuredAnswer | None:
    """Measure the share of large forms in dreams at one, two and three sizes."""
    picked = image_picker.picked_image("picture", dream_eyes.SAMPLE, [])
    layer = dream_eyes.chosen_layer(context)
    recipes = {it: dream_eyes.recipe(context.network, picked, layer, it) for it in OCTAVES}
    made = lesson_context.make_all(context, "sizes", recipes)
    if made is None:
        return None
    small = image_io.resize_longer_side(picked.picture, dream_eyes.SIZE)
    original = image_io.to_tensor(small)
    shares = {
        it: belief_measures.large_form_share(lesson_context.image_tensor(image) - original)
        for it, image in made.items()
    }
    first, last = shares[OCTAVES[0]], shares[OCTAVES[-1]]
    right = EQUAL
    if abs(last - first) > CLEARLY:
        right = STRONGER if last > first else WEAKER
    names: Mapping[int, str] = {it: f"{it} size{'s' if it > 1 else ''}" for it in OCTAVES}
    return MeasuredAnswer(
        right,
        f"Large forms have {percent(first)} of the contrast of what {layer} adds at one size, and "
        f"{percent(last)} at {OCTAVES[-1]} sizes.",
        {"large forms": {names[it]: share for it, share in shares.items()}},
        percent,
        feedback.by_option(
            {
                WEAKER: "But each further size adds forms, and the first ones stay.",
                EQUAL: "But what is dreamt in the small picture grows with it.",
                STRONGER: "But in this layer, the further sizes bring no larger forms.",
            }
        ),
        "The reason: a neuron sees a window of fixed size, which covers more of a small picture; "
        "when this is enlarged, the forms become large.",
    )
