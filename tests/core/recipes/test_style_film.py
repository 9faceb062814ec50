"""Recipes of painted films: their parts and inputs, and invalid settings."""

import dataclasses
import json

import pytest

from core.errors import ExplorerError
from core.recipes import kinds, style_film
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe

FRAMES = tuple(f"{digit}" * 32 for digit in "abcd")
PAINTING = "e" * 32
FILM = StyleFilmRecipe(
    "tiny",
    "w",
    content=FRAMES[0],
    clip=FRAMES[1:],
    styles=(PAINTING,),
    content_layers=("3",),
    style_layers=("1", "3"),
    frames=4,
)


def test_there_and_back_with_a_kind_and_a_version_of_its_own() -> None:
    told = json.loads(FILM.to_json())
    assert told["kind"] == "style-film" and told["version"] > StyleRecipe.version
    read = kinds.read(FILM.to_json())
    assert read == FILM and type(read) is StyleFilmRecipe and read.key == FILM.key
    assert dataclasses.replace(FILM, keep=3.0).key != FILM.key


def test_parts_and_what_they_go_on_from() -> None:
    parts = FILM.parts()
    assert [it.pictures for it in parts] == [(0,), (1,), (2,), (3,)]
    assert parts[0].previous is None and parts[0].inputs == (FRAMES[0], PAINTING)
    assert parts[3].previous == parts[2] and parts[3].parts() == (parts[3],)
    assert parts[3].inputs == (*FRAMES, PAINTING)
    # The first frame stays an input, as the weights of the losses are measured on it.
    assert parts[3].inputs_with_previous == (FRAMES[0], FRAMES[2], FRAMES[3], PAINTING)
    assert FILM.in_order and FILM.film == FRAMES


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clip": ()}, "at least 2 pictures"),
        ({"clip": ["a" * 32]}, "clip"),
        ({"clip": ("../a",) * 3}, "must be a fingerprint"),
        ({"frames": 5}, "has no frame 4"),
        ({"first": 2, "frames": 3}, "has no frame 4"),
        ({"frames": 0}, "frames is 0"),
        ({"styles": (), "style_layers": ()}, "name both"),
        ({"init": "noise"}, "leave init out"),
        ({"size": 4000}, "size is 4000"),
        ({"frame_steps": 0}, "frame_steps is 0"),
        ({"keep": -1.0}, "keep is -1.0"),
        ({"keep": float("nan")}, "keep is nan"),
    ],
)
def test_what_is_refused(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ExplorerError, match=words) as refused:
        dataclasses.replace(FILM, **changes)  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)


def test_a_film_has_at_most_so_many_pixels() -> None:
    style_film.check_film_size(95, 1024)
    with pytest.raises(ExplorerError, match="take at most 95 of them, or make them smaller"):
        style_film.check_film_size(96, 1024)
    long = {"clip": (FRAMES[1],) * 99, "frames": 100, "size": 1024}
    with pytest.raises(ExplorerError, match="100 pictures of 1024 pixels are too large"):
        dataclasses.replace(FILM, **long)  # type: ignore[arg-type]
