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
    """Show a slider that chooses the range of the style layers, and one for the content layer.

    Args:
        stops: the layers, in the order from the image to the logits.
        content: index of the content layer in ``stops``.
        style: indices of the first and the last style layer in ``stops``.
        key: the widget's key.
        label: the network's name.
        on_pick: called with the returned text before the page runs again.

    Returns:
        The choice made just now, such as ``content relu3b``, or ``style relu1a relu4a`` with the
        first and the last style layer; None if nothing was chosen.
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
    data = {"set": label, "content": content, "style": list(style), "stops": stops}
    return mount_component("style_sliders", html, key, data, "pick", on_pick)
