"""The choice of an input image: one of the samples, or a picture of the visitor's own.

Pictures of one's own are uploaded, dropped or pasted on the page, or taken with the camera.

The URL has the name of the chosen image. For a sample it is the sample's name. For an uploaded
image it is the fingerprint of the pixels, which is also the key of the image in the store. So a
link can be opened again, and a URL cannot name a file of the server.

    picked = image_picker.pick_image("picture", "village", problems)
    picked.picture, picked.fingerprint, picked.title
    recipe = DreamRecipe(image=image_picker.store_input(picked), ...)
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import streamlit as st
from PIL import Image
from streamlit.runtime.uploaded_file_manager import UploadedFile

from core import paintings
from core.datasets import samples
from core.errors import BadPicture, ExplorerError, UnknownName, named, unknown
from core.images import image_io
from core.paintings import PAINTINGS
from explorer import paths, thumbnails
from explorer.library import disk_quota
from explorer.rendering import film_inputs
from explorer.rendering.film_inputs import Film
from explorer.rendering.recipe_inputs import LONGEST_UPLOAD
from explorer.text import formatting
from explorer.ui import film_upload, link_problems, picture_upload, server_state, urls
from explorer.ui.components.tiles import PictureTile, tile_grid

TILE_PIXELS = 128
# Number of opened images that stay in memory, and number of their thumbnails.
OPENED_AT_MOST, SMALL_AT_MOST = 24, 256
# The title of a picture of a visitor's own that has none.
OWN = "your picture"
# Number of a visitor's own pictures that can be chosen beside the samples, the latest first.
OWN_AT_MOST = 24
# Style images: the project's own paintings, and textures.
PAINTED: Mapping[str, str] = {
    **{name: it.title for name, it in PAINTINGS.items()},
    **{name: it.title for name, it in samples.STYLES.items()},
}
PHOTOGRAPHS: Mapping[str, str] = {name: it.title for name, it in samples.SAMPLES.items()}
TITLES = {**PHOTOGRAPHS, **PAINTED}
# What an image is for on pages with one choice, and what becomes of one that is dropped there.
PICTURE, DROPPED = "Picture", "It becomes the picture of this page."


@dataclass(frozen=True)
class PickedImage:
    """An image that a visitor has chosen.

    Attributes:
        name: name of the image in the URL.
        title: title that visitors read.
        picture: the image, upright and RGB; pages share the object, so it must not be changed. Of
            a film it is the first frame.
        film: the film that the image stands for; None for a picture.
    """

    name: str
    title: str
    picture: Image.Image = field(compare=False, repr=False)
    film: Film | None = None

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
    label: str = PICTURE,
    among: Mapping[str, str] = PHOTOGRAPHS,
    films: bool = False,
) -> PickedImage:
    """Show images to choose from, and return the one that the URL names.

    Args:
        name: name of the parameter in the URL's query, such as ``picture``; widgets' keys have it.
        default: name of the sample that is chosen if the URL names no image.
        problems: a sentence is appended if the image that the URL names does not exist.
        label: what the image is for, such as ``Content``; for screen readers.
        among: the samples to choose from: titles by name.
        films: whether an uploaded film is taken as one, and not its first frame alone.
    """
    picked = picked_image(name, default, problems)
    _show_choice(name, picked, label, among, optional=False, films=films)
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
    title = server_state.store().input_titles([name]).get(name, OWN)
    film = film_inputs.read_film(stored)
    return PickedImage(name, title, image_io.open_picture(stored), film)


def small_url(picture: PickedImage, pixels: int) -> str:
    """Return a thumbnail of a chosen image as a URL; its shorter side has ``pixels`` pixels."""
    return _small(paths.home(), picture.name, pixels)


@functools.lru_cache(maxsize=SMALL_AT_MOST)
def _small(folder: Path, name: str, pixels: int) -> str:
    return thumbnails.shrink(_opened(folder, name).picture, pixels)


def store_input(picture: PickedImage) -> str:
    """Write an image into the store, and return its fingerprint, by which recipes name it."""
    fingerprint, store = picture.fingerprint, server_state.store()
    title = "" if picture.title == OWN else picture.title
    if store.input(fingerprint) is None or (title and not store.input_titles([fingerprint])):
        store.put_upload(fingerprint, image_io.encode_png(picture.picture), title)
    return fingerprint


def accept_upload(content: bytes, file_name: str = "") -> PickedImage:
    """Open an uploaded file, and store its image, as ``store_image`` does.

    Args:
        content: the file.
        file_name: its name, of which the image's title is made.

    Raises:
        BadPicture: the file is no image, damaged or too large.
        DiskFull: there is no room for it.
    """
    _check_room(content)
    if film_upload.is_video(content):
        raise BadPicture("it is a film; the Style page paints films, as its content")
    return store_image(image_io.open_picture(content), formatting.picture_title(file_name) or OWN)


def store_image(opened: Image.Image, title: str = OWN) -> PickedImage:
    """Store an upright RGB image, reduced if its longer side exceeds ``LONGEST_UPLOAD``."""
    if max(opened.size) > LONGEST_UPLOAD:
        opened = image_io.resize_longer_side(opened, LONGEST_UPLOAD)
    own = PickedImage(image_io.fingerprint(opened), title, opened)
    store_input(own)
    return find_image(own.name)


def accept_film(content: bytes, file_name: str) -> PickedImage:
    """Read an uploaded film, and store its first frames and the picture that stands for it.

    Args, Raises: as for ``accept_upload``.
    """
    _check_room(content)
    pictures, rate = film_upload.read(content, file_name)
    title = formatting.picture_title(file_name) or OWN
    if len(pictures) == 1:
        return store_image(pictures[0], title)
    film = film_inputs.store_film(pictures, rate, server_state.store().put_uploads, title)
    return find_image(film.name)


def _check_room(content: bytes) -> None:
    """Check that an uploaded file is not too large, and that there is room for it."""
    if len(content) > picture_upload.LARGEST_FILE * 2**20:
        raise BadPicture(f"it has more than {picture_upload.LARGEST_FILE} MB")
    disk_quota.make_room(server_state.store(), len(content), server_state.visitor())


def accept_uploads(
    files: Sequence[UploadedFile], films: bool = False
) -> tuple[list[PickedImage], list[str]]:
    """Accept the first ``AT_ONCE`` of some uploaded files, and remember them as the visitor's own.

    Args:
        files: the files.
        films: whether films are taken as films, and not their first frames alone.

    Returns:
        The images, and a sentence on each file that cannot be used.
    """
    images, problems = [], []
    for file in files[: picture_upload.AT_ONCE]:
        try:
            content = file.getvalue()
            whole = films and film_upload.is_film(content)
            images.append((accept_film if whole else accept_upload)(content, file.name))
        except ExplorerError as error:
            which = "This picture" if len(files) == 1 else named(file.name)
            problems.append(f"{which} cannot be used: {error}")
    if len(files) > picture_upload.AT_ONCE:
        problems.append(f"at most {picture_upload.AT_ONCE} pictures are taken at once")
    names = [it.name for it in images]
    st.session_state[OWN] = list(dict.fromkeys([*names, *own_names()]))[:OWN_AT_MOST]
    return images, problems


def own_names() -> list[str]:
    """Return the names of the pictures that the visitor brought to this session, latest first."""
    names: list[str] = st.session_state.setdefault(OWN, [])
    return names


def _show_choice(
    name: str,
    picked: PickedImage | None,
    label: str,
    among: Mapping[str, str],
    optional: bool,
    films: bool = False,
) -> None:
    """Show the samples and the visitor's own pictures, their upload, and "Use none" if optional."""
    picked_name = "" if picked is None else picked.name
    own = dict.fromkeys(it for it in (picked_name, *own_names()) if it and it not in among)
    tiles = [*(_tile(it, picked_name) for it in among), *_own_tiles(own, picked_name)]
    with st.container(key=f"choose {name}"):
        clicked = tile_grid(
            tiles,
            f"{name} tiles",
            f"{label}: samples",
            lambda it: urls.update_query(**{name: it}),
            columns=len(among),
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            sent = picture_upload.upload_popover(name, label, films)
            if picked is not None and optional:
                st.button(
                    "Use none",
                    key=f"{name} none",
                    type="tertiary",
                    on_click=lambda: urls.update_query(**{name: None}),
                )
    what = DROPPED if label == PICTURE else label
    sent += picture_upload.drop_zone(name, what, aside=optional)
    if sent:
        _take(name, sent, films)
    picture_upload.show_problems(name)
    if clicked:
        st.rerun()


def _take(name: str, files: Sequence[UploadedFile], films: bool) -> None:
    """Choose the first of some uploaded files, keep the others to choose from, and rerun."""
    images, problems = accept_uploads(files, films)
    if images:
        urls.update_query(**{name: images[0].name})
    if len(images) > 1:
        st.toast(f"{len(images)} pictures are here, beside the samples. The first one is chosen.")
    picture_upload.finish(name, problems)


def _own_tiles(names: Iterable[str], picked: str) -> Iterator[PictureTile]:
    """Yield the tiles of images that are no samples of this choice, if they still exist."""
    titles = {**TITLES, **server_state.store().input_titles(names)}
    for name in names:
        title = titles.get(name, OWN)
        with suppress(UnknownName):
            url = _small(paths.home(), name, TILE_PIXELS)
            yield PictureTile(name, title, url, caption=title, chosen=name == picked)


def _tile(sample: str, picked: str) -> PictureTile:
    title = TITLES[sample]
    caption = sample if sample in PAINTED else title
    return PictureTile(sample, title, thumbnail(sample), caption=caption, chosen=sample == picked)


@functools.lru_cache(maxsize=len(TITLES))
def thumbnail(sample: str) -> str:
    """Return a thumbnail of a sample as a URL."""
    if sample in PAINTINGS:
        return _square(paintings.small_picture(sample, TILE_PIXELS))
    return _square(samples.picture(sample))


def _square(picture: Image.Image) -> str:
    """Return a thumbnail of the central square of an image as a URL."""
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    return thumbnails.shrink(picture.crop((left, top, left + side, top + side)), TILE_PIXELS)
