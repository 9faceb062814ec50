"""The choice of an input image: one of the samples, an uploaded file, or a photo from the camera.

The URL has the name of the chosen image. For a sample it is the sample's name. For an uploaded
image it is the fingerprint of the pixels, which is also the key of the image in the store. So a
link can be opened again, and a URL cannot name a file of the server.

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
from core.errors import BadPicture, unknown
from core.images import image_io
from core.paintings import PAINTINGS
from explorer import paths, thumbnails
from explorer.library import disk_quota
from explorer.rendering.recipe_inputs import LONGEST_UPLOAD
from explorer.ui import link_problems, server_state, urls
from explorer.ui.components.tiles import PictureTile, tile_grid

# Largest image that a browser may upload, in megabytes; checkpoints may be larger.
LARGEST_FILE = 20
TILE_PIXELS = 128
# Number of opened images that stay in memory, and number of their thumbnails.
OPENED_AT_MOST, SMALL_AT_MOST = 24, 256
KINDS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
OWN = "your picture"
# Style images: the project's own paintings, and textures.
PAINTED: Mapping[str, str] = {
    **{name: it.title for name, it in PAINTINGS.items()},
    **{name: it.title for name, it in samples.STYLES.items()},
}
PHOTOGRAPHS: Mapping[str, str] = {name: it.title for name, it in samples.SAMPLES.items()}
TITLES = {**PHOTOGRAPHS, **PAINTED}


@dataclass(frozen=True)
class PickedImage:
    """An image that a visitor has chosen.

    Attributes:
        name: name of the image in the URL.
        title: title that visitors read.
        picture: the image, upright and RGB; pages share the object, so it must not be changed.
    """

    name: str
    title: str
    picture: Image.Image = field(compare=False, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """The (height, width) of the image in pixels."""
        return self.picture.height, self.picture.width

    @functools.cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the image's pixels, from ``image_io.fingerprint``."""
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
        name: name of the parameter in the URL's query, such as ``picture``; widgets' keys have it.
        default: name of the sample that is chosen if the URL names no image.
        problems: a sentence is appended if the image that the URL names does not exist.
        label: what the image is for, such as ``Content``; for screen readers.
        among: the samples to choose from: titles by name.
    """
    picked = picked_image(name, default, problems)
    _show_choice(name, picked, label, among, optional=False)
    return picked


def pick_optional_image(name: str, problems: list[str], label: str) -> PickedImage | None:
    """Show images to choose from as ``pick_image`` does, and a button to use none of them.

    Returns:
        The image that the URL names; None if it names none, or one that does not exist.
    """
    picked = optional_image(name, problems)
    _show_choice(name, picked, label, PHOTOGRAPHS, optional=True)
    return picked


def picked_image(name: str, default: str, problems: list[str]) -> PickedImage:
    """Return the image that the URL names; the default if it names none or an unknown one."""
    return optional_image(name, problems) or find_image(default)


def optional_image(name: str, problems: list[str]) -> PickedImage | None:
    """Return the image that the URL names; None if it names none or an unknown one."""
    picked = st.query_params.get(name)
    with link_problems.collect(problems):
        return find_image(picked) if picked else None
    return None


def find_image(name: str) -> PickedImage:
    """Find an image by its name in the URL.

    Raises:
        UnknownName: neither a sample nor an image in the store has this name.
    """
    return _opened(paths.home(), name)


def continue_with(key: str) -> None:
    """Write the result of a recipe into the URL as the input image of the next recipe.

    Args:
        key: key of the recipe; nothing happens if its result is not finished.
    """
    stored = server_state.store().picture(key, 0)
    if stored is not None:
        urls.update_query(picture=accept_upload(stored.image).name)


@functools.lru_cache(maxsize=OPENED_AT_MOST)
def _opened(folder: Path, name: str) -> PickedImage:
    """Open an image, cached because pages run often.

    Args:
        folder: data folder with the store; part of the cache's key only.
        name: name of the image in the URL.
    """
    if name in PAINTINGS:
        return PickedImage(name, TITLES[name], paintings.picture(name))
    if name in TITLES:
        return PickedImage(name, TITLES[name], samples.picture(name))
    stored = server_state.store().input(name)
    if stored is None:
        raise unknown("picture", name, TITLES)
    return PickedImage(name, OWN, image_io.open_picture(stored))


def small_url(picture: PickedImage, pixels: int) -> str:
    """Return a thumbnail of a chosen image as a URL; its shorter side has ``pixels`` pixels."""
    return _small(paths.home(), picture.name, pixels)


@functools.lru_cache(maxsize=SMALL_AT_MOST)
def _small(folder: Path, name: str, pixels: int) -> str:
    return thumbnails.thumbnail(image_io.encode_png(_opened(folder, name).picture), pixels)


def store_input(picture: PickedImage) -> str:
    """Write an image into the store, and return its fingerprint, by which recipes name it."""
    if server_state.store().input(picture.fingerprint) is None:
        server_state.store().put_upload(picture.fingerprint, image_io.encode_png(picture.picture))
    return picture.fingerprint


def accept_upload(content: bytes) -> PickedImage:
    """Open an uploaded file, and store its image, as ``store_image`` does.

    Raises:
        BadPicture: the file is no image, damaged or too large.
        DiskFull: there is no room for it.
    """
    if len(content) > LARGEST_FILE * 2**20:
        raise BadPicture(f"it has more than {LARGEST_FILE} MB")
    disk_quota.make_room(server_state.store(), len(content), server_state.visitor())
    return store_image(image_io.open_picture(content))


def store_image(opened: Image.Image) -> PickedImage:
    """Store an upright RGB image, reduced if its longer side exceeds ``LONGEST_UPLOAD``."""
    if max(opened.size) > LONGEST_UPLOAD:
        opened = image_io.resize_longer_side(opened, LONGEST_UPLOAD)
    own = PickedImage(image_io.fingerprint(opened), OWN, opened)
    store_input(own)
    return own


def _show_choice(
    name: str, picked: PickedImage | None, label: str, among: Mapping[str, str], optional: bool
) -> None:
    """Show the samples, the upload of a visitor's image, and the button "Use none" if optional."""
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
                    on_click=lambda: urls.update_query(**{name: None}),
                )
    if clicked:
        st.rerun()


def _upload(name: str, label: str) -> None:
    """Show the upload of a visitor's image, or of a photo from the camera."""
    # The number increases after every upload: the widgets get new keys, so they are empty again.
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
        with link_problems.show_errors("This picture cannot be used"):
            urls.update_query(**{name: accept_upload(sent.getvalue()).name})
            st.session_state[f"{name} taken"] = number + 1
            st.rerun()


def _tile(sample: str, picked: str) -> PictureTile:
    title = TITLES[sample]
    caption = sample if sample in PAINTED else title
    return PictureTile(sample, title, thumbnail(sample), caption=caption, chosen=sample == picked)


@functools.lru_cache(maxsize=len(TITLES))
def thumbnail(sample: str) -> str:
    """Return a thumbnail of a sample as a URL."""
    if sample in paintings.STORED:
        return _square(image_io.resize_longer_side(paintings.picture(sample), TILE_PIXELS))
    # All other paintings are drawn by code, which is fast at a small size.
    if sample in PAINTINGS:
        return _square(paintings.picture(sample, size=TILE_PIXELS))
    return _square(samples.picture(sample))


def _square(picture: Image.Image) -> str:
    """Return a thumbnail of the central square of an image as a URL."""
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    buffer = io.BytesIO()
    picture.crop((left, top, left + side, top + side)).save(buffer, "PNG")
    return thumbnails.thumbnail(buffer.getvalue(), TILE_PIXELS)
