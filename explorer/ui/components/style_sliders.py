"""The component with two sliders that choose the style layers and the content layer."""

from collections.abc import Callable, Sequence

from explorer.ui.components import layer_pickers
from explorer.ui.components.mount import mount_component


def style_sliders(
    stops: Sequence[layer_pickers.SliderStop],
    content: int,
    style: tuple[int, int],
    key: str,
    label: str,
    on_pick: Callable[[str], None],
) -> str | None:
    """Show two sliders over the layers of a network: of the style layers, and of the content layer.

    Args:
        stops: the layers, from the image.
        content: index of the content layer.
        style: indices of the first and the last style layer.
        key: the widget's key.
        label: the network's name.
        on_pick: called with the returned value before the page runs again.

    Returns:
        The choice made just now: ``content`` and the name of a layer, or ``style`` and the names of
        two, parted by spaces; or None.
    """
    ranges = {"style": ("first", "last"), "content": ("only",)}
    rows = "".join(
        f'<div class="layers {part}"><b>{part}</b><span class="layer-names"></span>'
        '<div class="track"><span class="band"></span>'
        + "".join(f'<input type="range" min="0" step="1" class="{end}">' for end in ends)
        + "</div></div>"
        for part, ends in ranges.items()
    )
    html = f'<div class="style-sliders"><div class="examples" aria-hidden="true"></div>{rows}</div>'
    data = {
        "set": label,
        "content": content,
        "style": list(style),
        "stops": [vars(stop) for stop in stops],
    }
    return mount_component("style_sliders", html, key, data, "pick", on_pick)
