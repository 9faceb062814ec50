"""States of pages that a link alone does not reach, for ``benchmarks.accessibility``."""

import io
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from playwright.sync_api import Page

from benchmarks.server import Server
from core.datasets import samples

# Milliseconds until a worker has begun, and until a click has shown its effect.
BEGUN, SEEN = 120_000, 20_000
# Work that takes longer than it is looked at. Each state has its own.
LONG = "neuron?layer=relu2b&unit=7&size=512&steps=10000&seed="
# A film: frames, and the size of each in pixels.
FRAMES, FRAME = 3, (96, 72)


@dataclass(frozen=True)
class PageState:
    """A state of a page.

    Attributes:
        place: path and query of the page.
        prepare: brings the open page into the state.
    """

    place: str
    prepare: Callable[[Page, Server], None]


def film() -> bytes:
    """Return a short GIF in which a picture moves sideways."""
    picture = samples.picture("cat").resize((FRAME[0] + FRAMES, FRAME[1]))
    frames = [picture.crop((at, 0, at + FRAME[0], FRAME[1])) for at in range(FRAMES)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return buffer.getvalue()


def _open(name: str, page: Page, server: Server) -> None:
    """Click on a button that opens a popover."""
    page.get_by_role("button", name=name, exact=True).first.click(timeout=BEGUN)
    page.locator('[data-testid="stPopoverBody"]').wait_for(timeout=SEEN)


def _paint_film(page: Page, server: Server) -> None:
    _open("Your own picture", page, server)
    field = page.locator('[data-testid="stPopoverBody"] input[type="file"]').first
    field.set_input_files({"name": "clip.gif", "mimeType": "image/gif", "buffer": film()})
    page.locator(".st-key-film video").wait_for(timeout=BEGUN)


def _run(page: Page, server: Server) -> None:
    page.locator(".large-picture.preview").wait_for(timeout=BEGUN)


def _stop(page: Page, server: Server) -> None:
    _run(page, server)
    page.locator(".st-key-large-picture").get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Go on").wait_for(timeout=SEEN)


def _fail(page: Page, server: Server) -> None:
    """Kill the worker, as the system does when memory runs out."""
    _run(page, server)
    for pid in server.workers():
        os.kill(pid, signal.SIGKILL)
    page.get_by_role("progressbar").first.wait_for(state="detached", timeout=BEGUN)


def _refuse(page: Page, server: Server) -> None:
    """Add a file that has no weights."""
    field = page.locator('[data-testid="stForm"] input[type="file"]').last
    weights = {"name": "cat.safetensors", "mimeType": "text/plain", "buffer": b"no weights"}
    field.set_input_files(weights, timeout=BEGUN)
    page.get_by_text("cat.safetensors").wait_for(timeout=SEEN)
    page.locator('[data-testid="stFormSubmitButton"] button').first.click()
    page.get_by_role("alert").first.wait_for(timeout=SEEN)


def _open_card(page: Page, server: Server) -> None:
    page.locator(".card .open").first.click(timeout=BEGUN)
    page.get_by_role("button", name="Delete").wait_for(timeout=SEEN)


STATES: Mapping[str, PageState] = {
    "running": PageState(f"{LONG}1", _run),
    "stopped": PageState(f"{LONG}2", _stop),
    "failed": PageState(f"{LONG}3", _fail),
    "settings": PageState("dream", partial(_open, "More")),
    "own": PageState("dream", partial(_open, "Your own picture")),
    "variations": PageState("style", partial(_open, "Variations")),
    "draw": PageState("neuron?layer=relu2a&unit=3", partial(_open, "Draw it differently")),
    "python": PageState("neuron?layer=relu2a&unit=3", partial(_open, "Python")),
    "choice": PageState("circuits", partial(_open, "Choose a neuron")),
    "film": PageState("style?size=64&steps=3&frame_steps=2&style=dots", _paint_film),
    "refused": PageState("library", _refuse),
    "entry": PageState("gallery", _open_card),
}
