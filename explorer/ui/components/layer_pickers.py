"""Components with which a visitor chooses a layer: a list, or a slider with example images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.networks.layers import Layer
from explorer import thumbnails
from explorer.charts import depth_colours
from explorer.ui.components.mount import mount_component

THUMBNAIL_PIXELS = 128


@dataclass(frozen=True)
class LayerRow:
    """One row of the list of layers.

    Attributes:
        name: name of the layer, which ``layer_list`` returns after a click.
        count: number of units and their spacing in pixels: ``96 neurons, step 4``.
        sees: receptive field of the layer in words.
        colour: ``depth_colour(layer.depth)``.
        pictures: URLs of the feature visualizations of up to four units.
    """

    name: str
    count: str
    sees: str
    colour: str
    pictures: tuple[str, ...] = ()


@dataclass(frozen=True)
class SliderStop:
    """One layer on the slider of depths.

    Attributes:
        name: name of the layer.
        words: description of the layer for screen readers.
        colour: ``depth_colour(layer.depth)``.
        example: whether an example image, or a frame for it, is above the slider at this layer.
        picture: URL of the example image; None while it is not made.
    """

    name: str
    words: str
    colour: str
    example: bool = True
    picture: str | None = None


def slider_stop(
    layer: Layer, image: bytes | None, example: bool = True, pixels: int = THUMBNAIL_PIXELS
) -> SliderStop:
    """Return the stop of a layer on a slider.

    Args:
        layer: the layer.
        image: the encoded example image of the layer; None if it is not made.
        example: whether the slider shows an example of this layer.
        pixels: height and width of the example.
    """
    colour = depth_colours.depth_colour(layer.depth)
    picture = None if image is None else thumbnails.thumbnail(image, pixels)
    return SliderStop(
        layer.name, f"{layer.name}, depth {layer.depth:.0%}", colour, example, picture
    )


def layer_list(
    rows: Sequence[LayerRow],
    selected: str,
    key: str,
    label: str,
    on_pick: Callable[[str], None] | None = None,
) -> str | None:
    """Show the layers of a network from image to logits, each with a few of its units.

    Args:
        rows: the layers, in the order from the image to the logits.
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
    data = {"set": label, "selected": selected, "rows": [vars(row) for row in rows]}
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
        '<div class="ends" aria-hidden="true"><span>shallow</span><span>deep</span></div></div>'
    )
    data = {"set": label, "selected": selected, "stops": [vars(stop) for stop in stops]}
    return mount_component("depth_slider", html, key, data, "pick", on_pick)
