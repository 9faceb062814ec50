"""Components with which a visitor chooses a layer: a list, or a slider with example images."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from core.networks.layers import Layer
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.store.results import StoredPicture
from explorer.text import layer_summary
from explorer.text.formatting import percent
from explorer.ui.components.mount import mount_component

THUMBNAIL_PIXELS = 128
# Side in pixels of the pictures in the list: enough for a screen of high resolution.
SAMPLE_PIXELS = 64

# One layer on a slider, as the JavaScript reads it.
SliderStop: TypeAlias = Mapping[str, object]


def slider_stop(
    layer: Layer, image: bytes | None, example: bool = True, pixels: int = THUMBNAIL_PIXELS
) -> SliderStop:
    """Return the stop of a layer on a slider.

    Args:
        layer: the layer.
        image: the encoded example image of the layer; None if it is not made.
        example: whether an example image, or a frame for it, is above the slider at this layer.
        pixels: height and width of the example.
    """
    return {
        "name": layer.name,
        "words": f"{layer.name}, depth {percent(layer.depth)}",
        "colour": depth_colours.depth_colour(layer.depth),
        "example": example,
        "picture": None if image is None else thumbnails.thumbnail(image, pixels),
    }


def layer_list(
    layers: Mapping[Layer, Sequence[StoredPicture]],
    selected: str,
    key: str,
    label: str,
    on_pick: Callable[[str], None] | None = None,
) -> str | None:
    """Show the layers of a network from image to logits, each with a few of its units.

    Args:
        layers: the layers, in the order from the image to the logits, with the feature
            visualizations of up to four units.
        selected: name of the selected layer.
        key: the widget's key.
        label: the network's name.
        on_pick: called with the name of a clicked layer before the page runs again.

    Returns:
        The name of the layer that was clicked just now, or None.
    """
    html = (
        '<nav class="layer-list" aria-label="Layers">'
        '<span class="end">the picture goes in</span>'
        '<span class="end bottom">the answer comes out</span></nav>'
    )
    rows = [
        {
            "name": layer.name,
            "count": layer_summary.describe_count(layer),
            "sees": layer_summary.describe_field(layer),
            "colour": depth_colours.depth_colour(layer.depth),
            "pictures": [thumbnails.thumbnail(it.image, SAMPLE_PIXELS) for it in found],
        }
        for layer, found in layers.items()
    ]
    data = {"set": label, "selected": selected, "rows": rows}
    return mount_component("layer_list", html, key, data, "pick", on_pick)


def depth_slider(
    stops: Sequence[SliderStop], selected: int, key: str, label: str, on_pick: Callable[[str], None]
) -> str | None:
    """Show a slider over the layers of a network, with example images of some layers above it.

    Args:
        stops: the layers, in the order from the image to the logits.
        selected: index of the chosen layer in ``stops``.
        key: the widget's key.
        label: the network's name.
        on_pick: called with the name of the layer that was chosen before the page runs again.

    Returns:
        The name of the layer that was chosen just now, or None.
    """
    html = (
        '<div class="depth"><div class="examples" aria-hidden="true"></div><div class="track">'
        '<input type="range" min="0" step="1" aria-label="Depth"></div>'
        '<div class="ends" aria-hidden="true"><span>shallow</span><b></b><span>deep</span></div>'
        "</div>"
    )
    data = {"set": label, "selected": selected, "stops": stops}
    return mount_component("depth_slider", html, key, data, "pick", on_pick)
