"""Films in the store: the picture that stands for a film, and what is no film."""

import json

import pytest
from PIL import Image

from core.images import image_io
from explorer.rendering import film_inputs
from explorer.rendering.film_inputs import Film


def pictures(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (12, 9), (20 * at, 0, 90)) for at in range(count)]


def test_a_film_is_found_again_in_the_picture_that_stands_for_it() -> None:
    stored: dict[str, tuple[bytes, str]] = {}
    frames = [*pictures(3), pictures(1)[0]]  # the last is the first again

    def put(inputs: object) -> None:
        stored.update({name: (image, title) for name, image, title in inputs})  # type: ignore[attr-defined]

    film = film_inputs.store_film(frames, 12.5, put, "a cat")
    assert film.frames == tuple(image_io.fingerprint(it) for it in frames)
    assert set(stored) == {*film.frames, film.name} and film.name not in film.frames
    image, title = stored[film.name]
    assert film_inputs.read_film(image) == film and title == "a cat"
    assert image_io.fingerprint(image_io.open_picture(image)) == film.frames[0]
    assert film_inputs.read_film(stored[film.frames[0]][0]) is None
    assert film_inputs.film_name(film.frames) != film_inputs.film_name(film.frames[::-1])


@pytest.mark.parametrize(
    "chunk",
    [
        "{",
        "[]",
        json.dumps({"frames": ["ab" * 16]}),
        json.dumps({"frames": ["ab" * 16], "rate": 5}),
        json.dumps({"frames": ["../../etc", "ab" * 16], "rate": 5}),
        json.dumps({"frames": ["ab" * 16, 7], "rate": 5}),
        json.dumps({"frames": ["ab" * 16] * 601, "rate": 5}),
        json.dumps({"frames": ["ab" * 16] * 2, "rate": 0}),
        json.dumps({"frames": ["ab" * 16] * 2, "rate": "fast"}),
    ],
)
def test_a_strange_text_is_no_film(chunk: str) -> None:
    png = image_io.encode_png(pictures(1)[0], {film_inputs.FILM_CHUNK: chunk})
    assert film_inputs.read_film(png) is None


def test_other_files_are_no_films() -> None:
    assert film_inputs.read_film(b"RIFF") is None
    good = json.dumps({"frames": ["ab" * 16] * 2, "rate": 5})
    png = image_io.encode_png(pictures(1)[0], {film_inputs.FILM_CHUNK: good})
    assert film_inputs.read_film(png) == Film(("ab" * 16,) * 2, 5.0)
