"""Drops and pastes of files on a page, as a visitor does them."""

import base64
from typing import Any

DROP = """([files, across, kinds, onto]) => {
  const data = new DataTransfer();
  for (const [name, content] of files) {
    const bytes = Uint8Array.from(atob(content), (it) => it.charCodeAt(0));
    data.items.add(new File([bytes], name, { type: "image/png" }));
  }
  for (const kind of kinds) {
    const settings = { bubbles: true, cancelable: true, composed: true };
    const place = { clientX: across * window.innerWidth, clientY: 300 };
    const event = kind === "paste"
      ? new ClipboardEvent(kind, { ...settings, clipboardData: data })
      : new DragEvent(kind, { ...settings, ...place, dataTransfer: data });
    document.querySelector(onto).dispatchEvent(event);
  }
}"""


def drop(page: Any, files: dict[str, bytes], across: float = 0.2, onto: str = "body") -> None:
    """Drop files, contents by name, at a fraction of the window's width, onto an element."""
    _dispatch(page, files, across, ["dragenter", "dragover", "drop"], onto)


def drag(page: Any, files: dict[str, bytes], across: float = 0.2) -> None:
    """Hold files above the page."""
    _dispatch(page, files, across, ["dragenter", "dragover"])


def paste(page: Any, files: dict[str, bytes]) -> None:
    """Paste files."""
    _dispatch(page, files, 0.0, ["paste"])


def _dispatch(
    page: Any, files: dict[str, bytes], across: float, kinds: list[str], onto: str = "body"
) -> None:
    page.locator(".drop").wait_for(state="attached", timeout=60_000)
    encoded = [[name, base64.b64encode(it).decode()] for name, it in files.items()]
    page.evaluate(DROP, [encoded, across, kinds, onto])


def hold_uploads(page: Any) -> list[Any]:
    """Keep back what the page sends; return the list in which it will be."""
    held: list[Any] = []
    page.route("**/upload_file/**", lambda route: held.append(route))
    return held


def close_and_send(page: Any, held: list[Any]) -> None:
    """Close the open popover, and only then let the first upload go on."""
    page.keyboard.press("Escape")
    page.locator('[data-testid="stPopoverBody"]').wait_for(state="detached")
    while not held:
        page.wait_for_timeout(50)
    held[0].continue_()
