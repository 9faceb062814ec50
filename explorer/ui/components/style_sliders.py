"""The sliders that choose style layers, the content layer and the balance."""

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
    """Show two sliders over the layers of a network: which speak for style, which for content.

    Args:
        stops: the layers, from the image.
        content: which of them speaks for content.
        style: the first and the last that speak for style.
        key: the widget's key.
        label: the network's name.
        on_pick: called with what is returned, before the page runs again.

    Returns:
        What was chosen just now: ``content`` and the name of a layer, or ``style`` and the names of
        two, parted by spaces; or None.
    """
    ranges = {"style": ("first", "last"), "content": ("only",)}
    rows = "".join(
        f'<div class="voice {voice}"><b>{voice}</b><span class="said"></span><div class="track">'
        '<span class="band"></span>'
        + "".join(f'<input type="range" min="0" step="1" class="{end}">' for end in ends)
        + "</div></div>"
        for voice, ends in ranges.items()
    )
    html = f'<div class="voices"><div class="examples" aria-hidden="true"></div>{rows}</div>'
    data = {
        "set": label,
        "content": content,
        "style": list(style),
        "stops": [vars(stop) for stop in stops],
    }
    return mount_component("style_sliders", html, key, data, "pick", on_pick)
