"""The component that accepts pictures which are dropped or pasted anywhere on a page."""

from explorer.ui import picture_upload
from explorer.ui.components.mount import mount_component


def drop_target(key: str) -> str | None:
    """Show an invisible component that accepts pictures dropped or pasted anywhere on the page.

    A single PNG that was made here is not uploaded: its recipe is returned. All other pictures are
    handed to the fields of ``picture_upload.drop_zone``, which upload them.

    Args:
        key: the widget's key.

    Returns:
        A JSON object about what was dropped just now: the ``name`` of the file, and either the PNG
        text chunks ``recipe`` and ``part`` or a ``problem``; None if nothing was dropped, or if it
        is being uploaded.
    """
    html = '<div class="drop" popover="manual" role="status"></div>'
    data = {
        "zones": picture_upload.DROPPED,
        "aside": picture_upload.ASIDE,
        "fallback": picture_upload.ANYWHERE,
        "kinds": picture_upload.KINDS,
        "largest": picture_upload.LARGEST_FILE,
        "most": picture_upload.AT_ONCE,
    }
    return mount_component("drop", html, key, data, "drop", None)
