"""Fields through which visitors' pictures arrive: files, photos from the camera, drops and pastes.

Every field is empty again after its pictures were taken: ``finish`` gives it another key.
"""

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from explorer.text import formatting

# Largest image that a browser may upload, in megabytes; checkpoints may be larger.
LARGEST_FILE = 20
# Number of images that are taken at once; of more, the first ones.
AT_ONCE = 12
KINDS = ("jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "mp4")
# Beginning of the keys of the invisible fields, by which ``drop.js`` finds them, and the name of
# the field of pages that have no choice of a picture.
DROPPED, ANYWHERE = "drop-", "anywhere"
# What the names of fields begin with that take nothing that is dropped on the page.
ASIDE = "aside-"


def upload_popover(name: str, label: str, films: bool = False) -> list[UploadedFile]:
    """Show a button that opens an upload, and the camera.

    Args:
        name: name of the parameter in the URL's query that the pictures are for.
        label: what the picture is for, such as ``Content``.
        films: whether films are taken as films, and not their first frames alone.

    Returns:
        The files that arrived just now.
    """
    number = _number(name)
    with st.popover("Your own picture", icon=":material/add_a_photo:", key=f"{name} own {number}"):
        sent = _field(f"{label}: files of at most {LARGEST_FILE} MB", f"{name} file {number}")
        st.caption("Or drop pictures anywhere on the page, or paste one (Ctrl+V).")
        if films:
            st.caption("A short film (MP4 or GIF) becomes a painted film.")
        if st.toggle("Use the camera", key=f"{name} camera {number}"):
            photo = st.camera_input(
                "Camera", key=f"{name} photo {number}", label_visibility="collapsed"
            )
            sent = [photo] if photo else sent
        return sent


def opener_popover(name: str, button: str, label: str, caption: str) -> list[UploadedFile]:
    """Show a button that opens an upload of one PNG that was saved from the app.

    Args:
        name: beginning of the keys of the fields.
        button: the button's words.
        label: what the file is.
        caption: what else there is to say, beneath the field.

    Returns:
        The file that arrived just now; [] if there is none.
    """
    number = _number(name)
    with st.popover(
        button, icon=":material/image_search:", width="stretch", key=f"{name} own {number}"
    ):
        sent = _field(f"{label} of at most {LARGEST_FILE} MB", f"{name} file {number}", ("png",))
        st.caption(caption)
    return (sent + drop_zone(name, label, aside=True))[:1]


def drop_zone(name: str, label: str, aside: bool = False) -> list[UploadedFile]:
    """Show the invisible field that takes pictures that are dropped or pasted on the page.

    What arrives in the popover goes through this field, too, as the popover may close meanwhile.

    Args, Returns: as for ``upload_popover``; the label is shown while a file is dragged.
        aside: whether only what arrives in the popover is taken.
    """
    with st.container(key=f"{DROPPED}{ASIDE if aside else ''}{name}"):
        return _field(label, f"{name} dropped {_number(name)}")


def finish(name: str, problems: Sequence[str]) -> None:
    """Empty the fields of a parameter, and run the page again.

    Args:
        name: as for ``upload_popover``.
        problems: why files cannot be used, for ``show_problems``.
    """
    st.session_state[f"{name} taken"] = _number(name) + 1
    st.session_state[f"{name} refused"] = (st.query_params.to_dict(), "; ".join(problems))
    st.rerun()


def show_problems(name: str) -> None:
    """Show why the last files for a parameter cannot be used, until the URL's query changes."""
    query, words = st.session_state.get(f"{name} refused", ({}, ""))
    if words and query == st.query_params.to_dict():
        st.error(formatting.escape_markdown(words))


def _number(name: str) -> int:
    number: int = st.session_state.setdefault(f"{name} taken", 0)
    return number


def _field(label: str, key: str, kinds: Sequence[str] = KINDS) -> list[UploadedFile]:
    files: Sequence[UploadedFile] = st.file_uploader(
        label, kinds, accept_multiple_files=True, key=key, max_upload_size=LARGEST_FILE
    )
    return list(files)
