"""What notebooks add: progress of a rendering as a bar and as pictures, and pictures in a row."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from PIL import Image
from torch import Tensor

from core.images.html_pictures import CaptionedPicture, captioned, pictures_html
from core.progress import Picture, Pictures, Progress, details

BAR = "{percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
# Seconds from one update of the pictures to the next, at least; and the same as a multiple of the
# time that the update takes, so that many pictures do not slow the rendering down.
PAUSE, PAUSE_FACTOR = 0.5, 10


def watch(steps: Iterable[Progress]) -> Pictures:
    """Show the progress of a rendering, and return its finished pictures.

    In a notebook, a bar and the pictures in their present state are shown until all are finished;
    elsewhere only the bar is. Without tqdm there is no bar.

    Args:
        steps: what ``neurons.render``, ``dreams.render`` or ``style.render`` returns.
    """
    finished: list[Picture] = []
    preview, due = _Preview() if _in_notebook() else None, 0.0
    for step in _with_bar(steps):
        finished += step.pictures
        begun = time.monotonic()
        if preview is not None and begun >= due:
            done = Progress(step.done, step.total, step.previews, tuple(finished))
            preview.update(done._repr_html_())
            now = time.monotonic()
            due = now + max(PAUSE, PAUSE_FACTOR * (now - begun))
    if preview is not None:
        preview.update("")
    return Pictures(finished)


class Row:
    """Pictures side by side, which notebooks show with their captions.

    Attributes:
        pictures: pictures by caption: as Pillow has them, tensors ``[C, H, W]`` or ``[1, C, H, W]``
            in ``[0, 1]``, or finished pictures of a recipe.
    """

    def __init__(self, pictures: Mapping[str, Image.Image | Tensor | Picture]) -> None:
        self.pictures = dict(pictures)

    def _repr_html_(self) -> str:
        shown = [
            it for caption, picture in self.pictures.items() for it in _shown(picture, caption)
        ]
        return pictures_html(shown)


def _shown(picture: Image.Image | Tensor | Picture, caption: str) -> list[CaptionedPicture]:
    if isinstance(picture, Image.Image):
        return [CaptionedPicture(picture, caption)]
    if isinstance(picture, Tensor):
        return captioned(picture[0] if picture.ndim == 4 else picture, caption)
    return captioned(picture.image, caption, details(picture))


def _with_bar(steps: Iterable[Progress]) -> Iterator[Progress]:
    """Yield the steps, and count them in a bar, which is removed at the end."""
    if find_spec("tqdm") is None:
        yield from steps
        return
    from tqdm.auto import tqdm

    with tqdm(bar_format=BAR, leave=False) as bar:
        for step in steps:
            if bar.total is None:
                bar.reset(step.total)
            bar.update(step.done - bar.n)
            yield step


def _in_notebook() -> bool:
    """Whether the code runs in the kernel of a notebook, which can show HTML."""
    if "IPython" not in sys.modules:
        return False
    from IPython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


class _Preview:
    """An output of a notebook's cell whose HTML is replaced."""

    def __init__(self) -> None:
        from IPython.display import HTML, display

        self._html: Any = HTML
        self._handle: Any = display(HTML(""), display_id=True)

    def update(self, html: str) -> None:
        """Show other HTML."""
        self._handle.update(self._html(html))
