"""The choice of an input image: one of the samples, an uploaded file, or a photo from the camera.

The URL names the choice: a sample by its name, an uploaded image by the fingerprint of its pixels,
which is also its key in the store. So the link can be reloaded, and a visitor names no file of this
machine.

    picked = image_picker.pick_image("picture", "village", problems)
    picked.picture, picked.fingerprint, picked.title
    recipe = DreamRecipe(image=image_picker.store_input(picked), ...)
"""

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from PIL import Image

from core import paintings
from core.datasets import samples
from core.datasets.samples import SAMPLES, STYLES
from core.errors import BadPicture, unknown
from core.images import image_io
from core.paintings import PAINTINGS
from explorer import thumbnails
from explorer.paths import home
from explorer.text import formatting
from explorer.ui import server_state, urls
from explorer.ui.components.tiles import PictureTile, tile_grid
from explorer.ui.link_problems import collect

# Largest image that a browser may upload, in megabytes; checkpoints may be larger.
LARGEST_FILE = 20
# Longer side in pixels of stored images; a larger one is made smaller first.
LONGEST = 2048
TILE_PIXELS = 128
# Numbers of opened images and of small ones that stay in memory.
OPENED_AT_MOST, SMALL_AT_MOST = 24, 256
KINDS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
OWN = "your picture"
# Style images: the project's own paintings, and textures.
PAINTED: Mapping[str, str] = {
    **{name: it.title for name, it in PAINTINGS.items()},
    **{name: it.title for name, it in STYLES.items()},
}
PHOTOGRAPHS: Mapping[str, str] = {name: it.title for name, it in SAMPLES.items()}
TITLES = {**PHOTOGRAPHS, **PAINTED}


@dataclass(frozen=True)
class PickedImage:
    """An image that a visitor has chosen.

    Attributes:
        name: in the URL.
        title: shown to visitors.
        picture: upright RGB; the object is shared between pages, so it must not be changed.
    """

    name: str
    title: str
    picture: Image.Image = field(compare=False, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Its (height, width) in pixels."""
        return self.picture.height, self.picture.width

    @functools.cached_property
    def fingerprint(self) -> str:
        """The fingerprint of its pixels, by ``core.images.image_io``."""
        return image_io.fingerprint(self.picture)


def pick_image(
    name: str,
    default: str,
    problems: list[str],
    label: str = "Picture",
    among: Mapping[str, str] = PHOTOGRAPHS,
) -> PickedImage:
    """Show images to choose from, and return the one that the URL names.

    Args:
        name: the name in the URL's query, and the widgets' key.
        default: the sample that is chosen where the URL names none.
        problems: gets a sentence where the URL names no image.
        label: what the image is for.
        among: the samples to choose from, with their titles.
    """
    picked = picked_image(name, default, problems)
    _show_choice(name, picked, label, among, optional=False)
    return picked


def pick_optional_image(name: str, problems: list[str], label: str) -> PickedImage | None:
    """Show images to choose from, or none of them, as ``pick_image`` does; None is the default."""
    picked = optional_image(name, problems)
    _show_choice(name, picked, label, PHOTOGRAPHS, optional=True)
    return picked


def picked_image(name: str, default: str, problems: list[str]) -> PickedImage:
    """Return the image that the URL names; the default where there is none such."""
    return optional_image(name, problems) or find_image(default)


def optional_image(name: str, problems: list[str]) -> PickedImage | None:
    """Return the image that the URL names, None where there is none such."""
    picked = st.query_params.get(name)
    with collect(problems):
        return find_image(picked) if picked else None
    return None


def find_image(name: str) -> PickedImage:
    """Find an image by its name in the URL.

    Raises:
        UnknownName: there is neither a sample nor an image in the store of this name.
    """
    return _opened(home(), name)


def continue_with(key: str) -> None:
    """Put the finished image of a recipe, given by its key, into the URL as the next original."""
    stored = server_state.store().picture(key, 0)
    if stored is not None:
        urls.update_query(picture=accept_upload(stored.image).name)


@functools.lru_cache(maxsize=OPENED_AT_MOST)
def _opened(folder: Path, name: str) -> PickedImage:
    """Open an image, cached as pages run often; its store is in the folder."""
    if name in PAINTINGS:
        return PickedImage(name, TITLES[name], paintings.picture(name))
    if name in TITLES:
        return PickedImage(name, TITLES[name], samples.picture(name))
    stored = server_state.store().input(name)
    if stored is None:
        raise unknown("picture", name, TITLES)
    return PickedImage(name, OWN, image_io.open_picture(stored))


def small_url(picture: PickedImage, pixels: int) -> str:
    """Return a chosen image as a URL, its shorter side of ``pixels`` pixels."""
    return _small(home(), picture.name, pixels)


@functools.lru_cache(maxsize=SMALL_AT_MOST)
def _small(folder: Path, name: str, pixels: int) -> str:
    return thumbnails.thumbnail(image_io.encode_png(_opened(folder, name).picture), pixels)


def store_input(picture: PickedImage) -> str:
    """Write an image into the store, for recipes that name it, and return its fingerprint."""
    if server_state.store().input(picture.fingerprint) is None:
        server_state.store().put_upload(picture.fingerprint, image_io.encode_png(picture.picture))
    return picture.fingerprint


def accept_upload(content: bytes) -> PickedImage:
    """Open and store an uploaded image, made smaller where it is very large.

    Raises:
        BadPicture: it is no image, damaged or too large.
    """
    if len(content) > LARGEST_FILE * 2**20:
        raise BadPicture(f"it has more than {LARGEST_FILE} MB")
    return store_image(image_io.open_picture(content))


def store_image(opened: Image.Image) -> PickedImage:
    """Store an image, upright RGB, made smaller where it is very large."""
    if max(opened.size) > LONGEST:
        opened = image_io.resize_longer_side(opened, LONGEST)
    own = PickedImage(image_io.fingerprint(opened), OWN, opened)
    store_input(own)
    return own


def _show_choice(
    name: str, picked: PickedImage | None, label: str, among: Mapping[str, str], optional: bool
) -> None:
    """Show the samples, an upload of one's own, and where that is possible "Use none"."""
    picked_name = "" if picked is None else picked.name
    tiles = [_tile(it, picked_name) for it in among]
    if picked is not None and picked_name not in among:
        url = _square(picked.picture)
        tiles.append(PictureTile(picked_name, picked.title, url, caption=picked.title, chosen=True))
    with st.container(key=f"choose {name}"):
        clicked = tile_grid(
            tiles,
            f"{name} tiles",
            f"{label}: samples",
            lambda it: urls.update_query(**{name: it}),
            columns=len(tiles),
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            _upload(name, label)
            if picked is not None and optional:
                st.button(
                    "Use none",
                    key=f"{name} none",
                    type="tertiary",
                    on_click=urls.update_query,
                    kwargs={name: None},
                )
    if clicked:
        st.rerun()


def _upload(name: str, label: str) -> None:
    """Show the upload of an image of one's own, or of a photo from the camera."""
    # Under a new number, and so a new key, the upload is closed and empty again.
    number: int = st.session_state.setdefault(f"{name} taken", 0)
    with st.popover("Your own picture", icon=":material/add_a_photo:", key=f"{name} own {number}"):
        sent = st.file_uploader(
            f"{label}: a file of at most {LARGEST_FILE} MB",
            KINDS,
            key=f"{name} file {number}",
            max_upload_size=LARGEST_FILE,
        )
        if st.toggle("Use the camera", key=f"{name} camera {number}"):
            photo = st.camera_input(
                "Camera", key=f"{name} photo {number}", label_visibility="collapsed"
            )
            sent = photo or sent
        if sent is None:
            return
        try:
            own = accept_upload(sent.getvalue())
        except BadPicture as error:
            st.error(f"This picture cannot be used: {formatting.escape_markdown(str(error))}")
            return
    st.session_state[f"{name} taken"] = number + 1
    urls.update_query(**{name: own.name})
    st.rerun()


def _tile(sample: str, picked: str) -> PictureTile:
    title = TITLES[sample]
    caption = sample if sample in PAINTED else title
    return PictureTile(sample, title, thumbnail(sample), caption=caption, chosen=sample == picked)


@functools.lru_cache(maxsize=len(TITLES))
def thumbnail(sample: str) -> str:
    """Return the small image of a sample as a URL."""
    if sample in paintings.STORED:
        return _square(image_io.resize_longer_side(paintings.picture(sample), TILE_PIXELS))
    # The others are drawn quickly where they need not be large.
    if sample in PAINTINGS:
        return _square(paintings.picture(sample, size=TILE_PIXELS))
    return _square(samples.picture(sample))


def _square(picture: Image.Image) -> str:
    """Return the central square of an image as a small image's URL."""
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    buffer = io.BytesIO()
    picture.crop((left, top, left + side, top + side)).save(buffer, "PNG")
    return thumbnails.thumbnail(buffer.getvalue(), TILE_PIXELS)
