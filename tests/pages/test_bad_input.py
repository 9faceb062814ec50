"""Invalid links and files: each gives one clear sentence, and a page that can be used."""

import io
import os
import pickle
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import save

from core.networks.known_networks import SKETCHNET
from core.networks.network import Network
from core.style import defaults, grid
from explorer import recipe_fields
from explorer.ui import server_state
from explorer.ui.style import style_view
from tests.conftest import tiny_module
from tests.explorer.library.test_catalogue import SMALL, checkpoint
from tests.pages.app import html, open_at
from tests.pages.collection import index_of
from tests.pages.stand_in import StandIn, open_stand_in

NO_NAMES = ("../../etc/passwd", "<script>alert(1)</script>", "x" * 5000)
NO_COUNTS = ("-1", "9" * 5000, "\N{FULLWIDTH DIGIT ONE}")
NO_NUMBERS = ("nan", "9" * 5000)
NETWORK = {"network": NO_NAMES}
LAYER = {"layer": (*NO_NAMES, "4\N{FULLWIDTH DIGIT ONE}")}
PICTURE = {"picture": (*NO_NAMES, "0" * 32)}
STYLE = {"style": (*NO_NAMES, "0" * 32), **PICTURE}
HOW = {"seed": NO_COUNTS, "size": NO_COUNTS, "steps": NO_COUNTS}
# The parameters of a link to each page, with invalid values.
LINKS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "layers": {**NETWORK, **LAYER, "page": (*NO_COUNTS, "0"), "show": NO_NAMES, "index": NO_NAMES},
    "neuron": {
        **NETWORK, **LAYER, **HOW,
        "unit": NO_COUNTS, "view": NO_NAMES, "canvas": NO_NAMES, "index": NO_NAMES,
        "pictures": NO_NAMES, "evidence": NO_NAMES,
    },
    "probe": {
        **NETWORK, **LAYER, **PICTURE, "row": NO_COUNTS, "unit": NO_COUNTS, "index": NO_NAMES,
        "ask": NO_NAMES, "class": NO_NAMES, "against": NO_NAMES,
    },
    "circuits": {**NETWORK, **LAYER, "unit": NO_COUNTS, "edge": NO_NAMES, "index": NO_NAMES},
    "dream": {
        **NETWORK, **LAYER, **PICTURE, **HOW,
        "unit": (*NO_COUNTS, "1,,2", ","), "guide": (*NO_NAMES, "0" * 32),
        "strength": NO_NUMBERS, "octaves": NO_COUNTS, "colours": NO_NAMES,
    },
    "depths": {**NETWORK, **PICTURE, "depths": NO_COUNTS, "strength": NO_NUMBERS,
               "seed": NO_COUNTS},
    "style": {
        **NETWORK, **STYLE, **HOW,
        "content_layers": NO_NAMES, "style_layers": (*NO_NAMES, ","), "balance": NO_NUMBERS,
        "style_scale": NO_NUMBERS, "loss": NO_NAMES, "colours": NO_NAMES, "init": NO_NAMES,
    },
    "style_depths": {
        **NETWORK, **STYLE, **HOW, "view": NO_NAMES, "balance": NO_NUMBERS, "loss": NO_NAMES,
    },
    "lessons": {**NETWORK, **LAYER, **PICTURE, "lesson": (*NO_COUNTS, "0", "10"),
                "squares": (*NO_COUNTS, "3"), "off": NO_COUNTS, "cut": (*NO_COUNTS, "8")},
    "gallery": {"open": NO_NAMES, "compare": NO_NAMES},
    "library": NETWORK,
}  # fmt: skip
# Parameters without which another one is not read.
BESIDE: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("layers", "index"): {"show": "crops"},
    ("probe", "row"): {"col": "3"},
    ("probe", "unit"): {"layer": "3"},
    ("probe", "class"): {"ask": "why"},
    ("probe", "against"): {"ask": "why"},
    ("lessons", "off"): {"lesson": "8"},
    ("lessons", "cut"): {"lesson": "9"},
}
USUAL = {"style_layers": ("1", "3"), "content_layers": ("3",)}
PLAN = grid.plan_grid


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    def quick(network: Network, content: str, style: str, seed: int, **settings: Any) -> Any:
        given = {name: it for name, it in settings.items() if it is not None}
        small = {"size": 32, "smallest": 32, "steps": 2}
        return PLAN(network, content, style, seed, **{**small, **given})

    monkeypatch.setitem(defaults.DEFAULTS, SKETCHNET, USUAL)
    monkeypatch.setattr(grid, "plan_grid", quick)
    monkeypatch.setitem(recipe_fields.PAGE_DEFAULTS, recipe_fields.STYLE, {"size": 48, "steps": 3})
    monkeypatch.setattr(style_view, "PAINTING", "dots")
    # No index is built in the background.
    monkeypatch.setenv("EXPLORER_WORKERS", "0")
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


@pytest.mark.parametrize("page", LINKS)
def test_a_link_that_makes_no_sense(page: str, stand_in: StandIn, tmp_path: Path) -> None:
    if page == "neuron":
        index_of(stand_in.network, tmp_path)
    usual = len(open_at(page).main.children)
    wrong = []
    for name, values in LINKS[page].items():
        for value in values:
            app = open_at(page, **{name: value, **BESIDE.get((page, name), {})})
            said = [it.value for it in (*app.warning, *app.error)]
            what = f"{page}?{name}={value[:40]}"
            if len(said) != 1:
                wrong.append(f"{what} says {said}")
            elif len(value) > 81 and value[:81] in said[0]:
                wrong.append(f"{what} repeats more than 80 characters: {said[0][:200]}")
            elif len(said[0]) > 400 or "\n" in said[0]:
                wrong.append(f"{what} says too much: {said[0][:100]}")
            lost = page == "neuron" and name in ("network", "layer", "unit")
            if lost and not app.get("page_link"):
                wrong.append(f"{what} shows no way on")
            if not lost and len(app.main.children) < usual:
                wrong.append(f"{what} shows less than usual")
            if "<script>" in html(app):
                wrong.append(f"{what} writes what the link says as HTML")
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def test_numbers_at_their_bounds_are_shown(stand_in: StandIn) -> None:
    """A link may name any number within the bounds, also one that no slider offers."""
    bounds = {"balance": ("0", "1000", "1e-9"), "style_scale": ("0.5",), "size": ("33",)}
    for page in ("style", "style_depths"):
        for name, values in bounds.items():
            for value in values if name != "style_scale" or page == "style" else ():
                app = open_at(page, **{name: value})
                assert not app.error and not app.warning, (page, name, value)


def jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((96, 64), 80).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def bomb() -> bytes:
    """Return a PNG of a few bytes whose header claims 3,600 megapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_of = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", sum_of)

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + data


class Trap:
    """An object that would end the process when it is unpickled."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


NO_PICTURES: Mapping[str, Callable[[], bytes]] = {
    "empty.png": lambda: b"\0",
    "text.png": lambda: b"This is no picture.\n" * 40,
    "truncated.jpg": lambda: jpeg()[:900],
    "bomb.png": bomb,
    "pickle.png": lambda: pickle.dumps(Trap()),
}
NO_WEIGHTS: Mapping[str, Callable[[], bytes]] = {
    "empty.safetensors": lambda: b"\0",
    "text.pth": lambda: b"These are no weights.\n" * 40,
    "pickle.pth": lambda: pickle.dumps(Trap()),
    "pickle.pt": lambda: pickle.dumps({"weight": Trap()}, protocol=2),
    "truncated.safetensors": lambda: save(checkpoint())[:5000],
    "header.safetensors": lambda: struct.pack("<Q", 2**60) + b"{}",
    "picture.safetensors": jpeg,
}


@pytest.mark.parametrize("page", ["probe", "dream", "depths", "style", "style_depths", "lessons"])
def test_files_that_are_no_pictures(page: str, stand_in: StandIn) -> None:
    app = open_at(page)
    usual = len(app.main.children)
    # The last one is that of pages without a choice of a picture.
    for number in range(len(app.get("file_uploader")) - 1):
        for name, content in NO_PICTURES.items():
            app.get("file_uploader")[number].upload(name, content(), "image/png")
            app.run()
            assert not app.exception
            (told,) = (it.value for it in app.error)
            assert told.startswith("This picture cannot be used") and len(told) < 300, told
            assert "object at" not in told and "\n" not in told
            assert len(app.main.children) == usual and "picture" not in app.query_params
        app = open_at(page)


def test_files_that_are_no_weights() -> None:
    server_state.network.clear()
    app = open_at("library")
    for name, content in NO_WEIGHTS.items():
        app.selectbox(key="architecture").select(SMALL)
        app.text_input(key="title").input("birds")
        app.get("file_uploader")[0].upload(name, content(), "application/octet-stream")
        next(it for it in app.button if it.label == "Add it").click().run()
        assert not app.exception
        (told,) = (it.value for it in app.error)
        assert told.startswith("This cannot be added") and len(told) < 500, (name, told)
        assert f"network={SMALL}:birds" not in html(app)
        assert app.text_input(key="title").value == "birds"


def test_files_that_were_not_saved_here(stand_in: StandIn) -> None:
    for name, content in {**NO_PICTURES, "plain.png": lambda: png()}.items():
        app = open_at("gallery")
        field = app.file_uploader(key="opener file 0")
        field.upload(f"{Path(name).stem}.png", content(), "image/png")
        app.run()
        assert not app.exception
        said = [it.value for it in (*app.error, *app.warning, *app.get("toast"))]
        assert len(said) == 1 and len(said[0]) < 300, (name, said)
        assert "Gallery" in html(app)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()
