"""The row of pictures beneath a lesson's claim in presenter mode, made before."""

from collections.abc import Callable, Iterable, Mapping
from html import escape

from core.networks.network import Network
from core.paintings import PAINTINGS
from explorer import thumbnails
from explorer.ui import image_picker, server_state
from explorer.ui.dream import dream_view
from explorer.ui.image_picker import PHOTOGRAPHS
from explorer.ui.layers.small_pictures import clearest_picture
from explorer.ui.lessons import lesson_context, stripes_off

PIXELS = 256
# Most pictures of layers in a row.
AT_MOST = 8

# The titles and the URLs of pictures.
Strip = dict[str, str]


def neurons(network: Network) -> Strip:
    """Return a picture of one neuron of each layer, from shallow to deep."""
    layers = lesson_context.sample_layers(network, AT_MOST)
    return _drawn((it.name, clearest_picture(network, it)) for it in layers)


def dreams(network: Network) -> Strip:
    """Return small dreams of a sample by several layers, from shallow to deep."""
    sample = image_picker.find_image(dream_view.SAMPLE)
    layers = dream_view.example_layers(network)[-AT_MOST:]
    recipes = {it.name: dream_view.example(network, it, sample) for it in layers}
    return _drawn((name, server_state.finished_image(it)) for name, it in recipes.items())


def paintings(_network: Network) -> Strip:
    """Return the project's paintings."""
    return _picked(PAINTINGS)


def photographs(_network: Network) -> Strip:
    """Return the samples."""
    return _picked(PHOTOGRAPHS)


def drawings(network: Network) -> Strip:
    """Return drawings with stripes, and some without."""
    return dict(stripes_off.shown_drawings(network))


def _drawn(images: Iterable[tuple[str, bytes | None]]) -> Strip:
    return {name: thumbnails.thumbnail(it, PIXELS) for name, it in images if it is not None}


def _picked(names: Iterable[str]) -> Strip:
    return {it: image_picker.small_url(image_picker.find_image(it), PIXELS) for it in names}


# The pictures of each lesson, by its number.
STRIPS: Mapping[int, Callable[[Network], Strip]] = {
    1: neurons,
    2: neurons,
    3: photographs,
    4: paintings,
    5: paintings,
    6: paintings,
    7: dreams,
    8: drawings,
    9: neurons,
}


def strip_html(number: int, network: Network) -> str:
    """Return HTML of the row of pictures of a lesson; "" if none of them is there.

    Args:
        number: number of the lesson.
        network: the network of the lesson.
    """
    images = "".join(
        f'<img src="{url}" alt="{escape(title)}" title="{escape(title)}">'
        for title, url in STRIPS[number](network).items()
    )
    return f'<div class="strip">{images}</div>' if images else ""
