"""The result of a recipe on top of the image that it starts from, with progress and buttons.

Results are dreams and style transfers.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ExplorerError
from core.images import image_io
from core.recipes.dream import DreamRecipe
from core.recipes.style import StyleRecipe
from explorer import thumbnails
from explorer.store.results import StoredPicture
from explorer.text.formatting import percent
from explorer.ui import download_buttons, job_requests, job_status, server_state
from explorer.ui.components import image_viewers
from explorer.ui.image_picker import PickedImage

# Longer side in pixels of images on the page, at most; saved files keep their full size.
LARGE_PIXELS = 1024


@dataclass(frozen=True)
class ResultView:
    """How the result of a recipe is shown.

    Attributes:
        recipe: a recipe of one image.
        original: the image that the recipe starts from.
        label: description of the result for screen readers.
        place: name of the pair of original and result; if it changes, the slider between both
            images returns to its first position.
        done: what is done with the original, beside the progress: ``dreamt``.
        file_name: name of the saved file, without an ending.
        word: word that is shown on the result.
        above: height in rem of the parts of the page above and beneath the images.
    """

    recipe: DreamRecipe | StyleRecipe
    original: PickedImage
    label: str
    place: str
    done: str
    file_name: str
    word: str = "dream"
    above: float = 27.25

    def show(
        self, job: job_requests.Requested, seconds: float, tools: Callable[[StoredPicture], None]
    ) -> StoredPicture | None:
        """Show the result on top of the original, and update it while it is made.

        Args:
            job: result of ``job_requests.request_exclusive`` for the recipe.
            seconds: seconds after which the job is read again while it is open.
            tools: shows the buttons beneath a finished result.

        Returns:
            The result, if it was finished when this run of the page began; else None.
        """
        before = original_url(self.original.fingerprint, self.recipe.size)

        def show(
            found: StoredPicture | None, preview: bytes | None, now: job_requests.Requested
        ) -> None:
            after = thumbnails.data_url(preview) if preview else None
            after = picture_url(found.image) if found else after
            label = self.label if found else f"{self.label}, unfinished"
            image_viewers.image_compare(
                before,
                after,
                self.original.size,
                "compare",
                label,
                self.place,
                self.word,
                self.above,
            )
            job_status.show_status(
                now,
                lambda fraction: f"{percent(fraction)} {self.done}",
                self.recipe.kind,
                lambda: self.save_button(preview, "Save it as it is") if preview else None,
                lambda: tools(found) if found else None,
            )

        return job_status.follow_picture(self.recipe.key, job, seconds, show)

    def save_button(self, image: bytes, label: str = "") -> None:
        """Show a button that saves the encoded result, or its preview, as a file."""
        download_buttons.save_button(image, self.file_name, label)


@functools.lru_cache(maxsize=64)
def original_url(fingerprint: str, pixels: int) -> str:
    """Return an input image in the store as a URL.

    Args:
        fingerprint: fingerprint of the image.
        pixels: longer side, at most; larger values than ``LARGE_PIXELS`` are reduced to it.
    """
    stored = server_state.store().input(fingerprint)
    if stored is None:
        raise ExplorerError(f"the picture {fingerprint} is not here any more")
    return picture_url(stored, min(pixels, LARGE_PIXELS))


def picture_url(image: bytes, pixels: int = LARGE_PIXELS) -> str:
    """Return an encoded image as a URL; its longer side has at most ``pixels`` pixels."""
    picture = image_io.open_picture(image)
    scale = min(1.0, pixels / max(picture.size))
    return thumbnails.thumbnail(image, max(1, round(min(picture.size) * scale)))
