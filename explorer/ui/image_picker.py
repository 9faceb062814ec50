"""Choosing a picture: one of the samples, a file of one's own, or one from the camera.

The URL names the choice: a sample by its name, a picture of one's own by the fingerprint of its
pixels, under which the store keeps it. So the link can be reloaded, and a visitor names no file of
this machine.

    chosen = choosing.choose("picture", "village", problems)
    chosen.picture, chosen.fingerprint, chosen.title
    recipe = DreamRecipe(image=choosing.keep(chosen), ...)
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
from core.errors import BadPicture, ExplorerError, unknown
from core.images import image_io
from core.paintings import PAINTINGS
from explorer import thumbnails
from explorer.paths import home
from explorer.text import formatting
from explorer.ui import server_state, urls
from explorer.ui.components.tiles import PictureTile, tile_grid

# What a browser may send, in megabytes; the server would take more, for checkpoints.
LARGEST_FILE = 20
# Longer side in pixels of what is kept; a larger picture of one's own is made smaller first.
LONGEST = 2048
TILE_PIXELS = 128
# Opened pictures stay in memory until so many others are asked for; small ones cost hardly any.
OPENED_AT_MOST, SMALL_AT_MOST = 24, 256
KINDS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff")
OWN = "your picture"
# What lends its style: paintings of our own, and what looks the same everywhere.
PAINTED: Mapping[str, str] = {
    **{name: it.title for name, it in PAINTINGS.items()},
    **{name: it.title for name, it in STYLES.items()},
}
PHOTOGRAPHS: Mapping[str, str] = {name: it.title for name, it in SAMPLES.items()}
TITLES = {**PHOTOGRAPHS, **PAINTED}


@dataclass(frozen=True)
class PickedImage:
    """A picture that was chosen.

    Attributes:
        name: what the URL calls it.
        title: what people call it.
        picture: upright RGB; it may be shared, so nobody may change it.
    """

    name: str
    title: str
    picture: Image.Image = field(compare=False, repr=False)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Of its pixels, as ``core.images.image_io`` takes it."""
        return image_io.fingerprint(self.picture)


def pick_image(
    name: str,
    default: str,
    problems: list[str],
    label: str = "Picture",
    among: Mapping[str, str] = PHOTOGRAPHS,
) -> PickedImage | None:
    """Show what can be chosen, and give what the URL says was.

    Args:
        name: the name in the URL's query, and the widgets' key.
        default: the sample that is chosen where the URL names none; "" for none at all, and then
            what was chosen can be given up again.
        problems: gets a sentence where the URL names no picture.
        label: what the picture is for.
        among: the samples to choose from, with their titles.

    Returns:
        The picture; None only where the default is none.
    """
    found = picked_image(name, default, problems)
    here = "" if found is None else found.name
    tiles = [_tile(it, here) for it in among]
    if found is not None and here not in among:
        tiles.append(_own(found))
    with st.container(key=f"choose {name}"):
        clicked = tile_grid(
            tiles,
            f"{name} tiles",
            f"{label}: samples",
            lambda it: urls.update_query(**{name: it}),
            columns=len(tiles),
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            _take(name, label)
            if found is not None and not default:
                st.button(
                    "Use none",
                    key=f"{name} none",
                    type="tertiary",
                    on_click=urls.update_query,
                    kwargs={name: None},
                )
    if clicked:
        st.rerun()
    return found


def picked_image(name: str, default: str, problems: list[str]) -> PickedImage | None:
    """Read from the URL which picture is chosen; the default where there is none such."""
    wanted = st.query_params.get(name, default)
    try:
        return find_image(wanted) if wanted else None
    except ExplorerError as error:
        problems.append(str(error))
    return find_image(default) if default else None


def find_image(name: str) -> PickedImage:
    """Find a picture by what the URL calls it.

    Raises:
        UnknownName: there is neither a sample nor a picture in the store of this name.
    """
    return _opened(home(), name)


@functools.lru_cache(maxsize=OPENED_AT_MOST)
def _opened(folder: Path, name: str) -> PickedImage:
    """Open a picture once for the pages that run again and again; its store is in the folder."""
    if name in PAINTINGS:
        return PickedImage(name, TITLES[name], paintings.picture(name))
    if name in TITLES:
        return PickedImage(name, TITLES[name], samples.picture(name))
    stored = server_state.store().input(name)
    if stored is None:
        raise unknown("picture", name, TITLES)
    return PickedImage(name, OWN, image_io.open_picture(stored))


def small_url(picture: PickedImage, pixels: int) -> str:
    """Give a chosen picture as a URL, its shorter side of so many pixels."""
    return _small(home(), picture.name, pixels)


@functools.lru_cache(maxsize=SMALL_AT_MOST)
def _small(folder: Path, name: str, pixels: int) -> str:
    return thumbnails.thumbnail(image_io.encode_png(_opened(folder, name).picture), pixels)


def store_input(picture: PickedImage) -> str:
    """Keep a picture in the store, for work that starts from it, and give its fingerprint."""
    if server_state.store().input(picture.fingerprint) is None:
        server_state.store().put_upload(picture.fingerprint, image_io.encode_png(picture.picture))
    return picture.fingerprint


def accept_upload(content: bytes) -> PickedImage:
    """Open and keep a picture that a visitor sent, made smaller where it is very large.

    Raises:
        BadPicture: it is no picture, damaged or too large.
    """
    if len(content) > LARGEST_FILE * 2**20:
        raise BadPicture(f"it has more than {LARGEST_FILE} MB")
    return store_image(image_io.open_picture(content))


def store_image(opened: Image.Image) -> PickedImage:
    """Keep a picture, upright RGB, made smaller where it is very large."""
    if max(opened.size) > LONGEST:
        opened = image_io.resize_longer_side(opened, LONGEST)
    own = PickedImage(image_io.fingerprint(opened), OWN, opened)
    store_input(own)
    return own


def _take(name: str, label: str) -> None:
    """Take a picture of one's own."""
    # With a new number the place for files is closed and empty again.
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


def _tile(sample: str, here: str) -> PictureTile:
    title = TITLES[sample]
    caption = sample if sample in PAINTED else title
    return PictureTile(sample, title, thumbnail(sample), caption=caption, chosen=sample == here)


def _own(own: PickedImage) -> PictureTile:
    return PictureTile(own.name, own.title, _square(own.picture), caption=own.title, chosen=True)


@functools.lru_cache(maxsize=len(TITLES))
def thumbnail(sample: str) -> str:
    """Give a sample's small picture as a URL."""
    if sample in paintings.STORED:
        return _square(image_io.resize_longer_side(paintings.picture(sample), TILE_PIXELS))
    if sample in PAINTINGS:  # Quickly drawn where it need not be large.
        return _square(paintings.picture(sample, size=TILE_PIXELS))
    return _square(samples.picture(sample))


def _square(picture: Image.Image) -> str:
    """Cut a square from the middle, as a small picture's URL."""
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    buffer = io.BytesIO()
    picture.crop((left, top, left + side, top + side)).save(buffer, "PNG")
    return thumbnails.thumbnail(buffer.getvalue(), TILE_PIXELS)
