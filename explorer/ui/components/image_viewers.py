"""Components of one large image: to choose a position in it, or to compare it with another."""

from collections.abc import Callable

from explorer.ui.components.mount import mount_component


def point_picker(
    picture: str,
    size: tuple[int, int],
    key: str,
    label: str,
    on_pick: Callable[[str], None],
    place: tuple[float, float] | None = None,
    field: tuple[float, float, float, float] | None = None,
) -> str | None:
    """Show an image in which a position can be chosen with a click.

    Args:
        picture: a URL.
        size: its (height, width); only their proportion matters.
        key: the widget's key.
        label: what a screen reader says.
        on_pick: called with the returned value before the page runs again.
        place: the chosen (row, col), as fractions of the height and width.
        field: a box that is outlined: (top, left, bottom, right), as such fractions.

    Returns:
        The row and the column of the position that was chosen just now, as fractions, parted by a
        space; None if none was.
    """
    html = (
        '<div class="pick" tabindex="0" role="application"><img alt="" draggable="false">'
        '<span class="field" hidden></span><span class="place" hidden></span></div>'
    )
    data = {
        "picture": picture,
        "proportion": f"{size[1]} / {size[0]}",
        "label": label,
        "place": place,
        "field": field,
    }
    return mount_component("point_picker", html, key, data, "pick", on_pick)


def image_compare(
    before: str,
    after: str | None,
    size: tuple[int, int],
    key: str,
    label: str,
    place: str,
    word: str = "dream",
    above: float = 24.75,
) -> None:
    """Show an original on top of its result; a slider uncovers one or the other.

    Args:
        before, after: URLs; without a result, None, the original is shown alone.
        size: the (height, width); only their proportion matters.
        key: the widget's key.
        label: what a screen reader says of the result.
        place: names both images: under another name the slider starts anew.
        word: shown on the result.
        above: height of what is above and beneath, in rem, so that the image fits into the window.
    """
    html = (
        '<div class="compare"><img class="after" alt="" draggable="false">'
        '<img class="before" alt="" draggable="false"><span class="line"></span>'
        '<span class="tag left">before</span><span class="tag right"></span>'
        '<input type="range" min="0" max="100" aria-label="Before and after"></div>'
    )
    height, width = size
    data = {
        "set": place,
        "word": word,
        "before": before,
        "after": after,
        "label": label,
        "proportion": f"{width} / {height}",
        "widest": f"calc(max(20rem, 100dvh - {above}rem) * {width / height:.4f})",
    }
    mount_component("image_compare", html, key, data, "nothing", None)
