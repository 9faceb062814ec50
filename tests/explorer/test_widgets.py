"""The shared pieces of the pages, as far as they need no page."""

import io
from base64 import b64decode

import pytest
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from core.recipes import NeuronRecipe
from explorer import closeup, widgets
from explorer.rendering import RECIPE_CHUNK
from explorer.store import StoredPicture


class Slot(DeltaGenerator):
    """Notes what a meter draws."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, str]] = []

    def progress(self, value: float, text: str = "", **_: object) -> "Slot":  # type: ignore[override]
        self.lines.append((value, text))
        return self


def encoded(kind: str, size: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((size, size)).convert("RGB").save(buffer, kind)
    return buffer.getvalue()


def test_depth_has_a_colour_from_shallow_to_deep() -> None:
    ends = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in widgets.DEPTH_COLOURS]
    assert [widgets.depth_colour(depth) for depth in (0.0, 0.5, 1.0)] == ends
    assert widgets.depth_colour(-1) == ends[0]
    assert widgets.depth_colour(2) == ends[-1]


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_thumbnail_is_a_webp_of_the_size_it_is_shown_at(kind: str) -> None:
    url = widgets.thumbnail(encoded(kind), 96)
    head, _, data = url.partition(",")
    picture = Image.open(io.BytesIO(b64decode(data)))
    assert head == "data:image/webp;base64"
    assert (picture.format, picture.size) == ("WEBP", (96, 96))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "about 1 s"), (12.4, "about 12 s"), (89, "about 89 s"), (170, "about 3 min")],
)
def test_durations_are_written_as_a_person_would(seconds: float, words: str) -> None:
    assert widgets.about(seconds) == words


def test_a_meter_rests_between_redraws_and_tells_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(widgets.time, "monotonic", lambda: now)
    slot = Slot()
    meter = widgets.Meter(slot, done=16, total=64)
    for step in range(1, 101):
        now = 100 + step * 0.05
        meter.show(16, step / 100)
    # Five seconds for 16 neurons: 32 are left, which is ten seconds more.
    assert slot.lines[-1] == (0.5, "32 of 64 neurons, about 10 s left")
    assert len(slot.lines) <= 5 / widgets.REDRAW_SECONDS
    assert meter.pace == pytest.approx(5 / 16)


def test_every_saved_picture_is_a_png_with_its_recipe() -> None:
    recipe = NeuronRecipe("sketchnet", "0123456789abcdef", layer="relu1a", units=(3,))
    saved = closeup.png(StoredPicture(3, encoded("WEBP"), {}), recipe)
    picture = Image.open(io.BytesIO(saved))
    assert picture.format == "PNG"
    assert picture.info[RECIPE_CHUNK] == recipe.to_json()
    original = encoded("PNG")
    assert closeup.png(StoredPicture(3, original, {}), recipe) == original
