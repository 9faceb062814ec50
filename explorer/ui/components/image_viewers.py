"""Components with large images: choose a position in an image, or compare two images."""

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
        picture: URL of the image.
        size: (height, width) of the image; only their proportion matters.
        key: the widget's key.
        label: description for screen readers.
        on_pick: called with the returned text, if a position was chosen, before the page runs
            again.
        place: the chosen (row, col), as fractions of the image's height and width; None for none.
        field: a box to outline, (top, left, bottom, right), as fractions of the height and width.

    Returns:
        The position that was chosen just now, row and column as fractions: ``0.25 0.5``; None if
        no position was chosen.
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
    """Show an original on top of its result; a slider uncovers more of one or of the other.

    Args:
        before: URL of the original.
        after: URL of the result; None if there is none yet, so that only the original is shown.
        size: (height, width) of both images; only their proportion matters.
        key: the widget's key.
        label: description of the result for screen readers.
        place: name of the pair of images; if it changes, the slider returns to its first position.
        word: word that is shown on the result.
        above: height in rem of the parts of the page above and beneath the images, which then fit
            into the rest of the window.
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
