"""Messages: what a user typed is repeated in one place, and never at length."""

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import QUOTED_CHARACTERS, named, quoted, reason_of, unknown
from tests.conftest import ROOT

# Texts with every kind of character, among them control characters and lone surrogates.
ANYTHING = st.text(st.characters(), max_size=300)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANYTHING,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANYTHING, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_a_value_is_quoted_shortly_and_printably(value: object) -> None:
    for text in (quoted(value), named(value)):
        assert 0 < len(text) <= QUOTED_CHARACTERS
        assert text.isprintable() and text.encode()


def test_an_integer_of_5000_digits_is_quoted() -> None:
    for value in (10**5000, [10**5000], -(10**5000), (10**5000, "x")):
        assert len(quoted(value)) <= QUOTED_CHARACTERS and "too long" in quoted(value)


def test_deep_json_is_quoted() -> None:
    assert len(quoted(json.loads("[" * 900 + "]" * 900))) <= QUOTED_CHARACTERS


def test_short_values_stay_as_they_are() -> None:
    assert (quoted("relu9"), quoted(12), quoted("a\nb")) == ("'relu9'", "12", r"'a\nb'")
    assert named(Path("/tmp/a b.png")) == "/tmp/a b.png"


def test_a_long_path_keeps_its_folder_and_its_file() -> None:
    path = Path("/home/somebody/pictures") / ("x" * 200) / "cat.png"
    assert named(path).startswith("/home/somebody/pictures") and named(path).endswith("cat.png")


@given(ANYTHING, st.lists(st.text("abc", min_size=1, max_size=9), max_size=20))
def test_an_unknown_name_is_short_in_its_message(name: str, known: list[str]) -> None:
    message = str(unknown("layer", name, known, "tiny"))
    assert len(message) < 350 and message.isprintable()


# The errors that are raised with a message for users.
ERRORS = ("ExplorerError", "BadPicture", "BadCheckpoint", "UnknownName", "QueueFull")


def test_no_message_repeats_a_value_by_itself() -> None:
    """``{value!r}`` in a message has no limit; ``quoted`` and ``named`` have."""
    wrong = []
    for file in [it for top in ("core", "explorer") for it in (ROOT / top).rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if not isinstance(node, ast.Call) or name not in ERRORS:
                continue
            wrong += [
                f"{file.relative_to(ROOT)}:{part.lineno}"
                for part in ast.walk(node)
                if isinstance(part, ast.FormattedValue) and part.conversion == ord("r")
            ]
    assert wrong == []


@pytest.mark.parametrize(
    ("error", "plain", "typed"),
    [
        (ValueError("no such size\nat line 3"), "no such size", "ValueError: no such size"),
        (KeyError(), "KeyError", "KeyError"),
        (OSError("\n  the disk is full \n"), "the disk is full", "OSError: the disk is full"),
    ],
)
def test_the_reason_of_an_error_is_one_line(error: Exception, plain: str, typed: str) -> None:
    assert reason_of(error) == plain
    assert reason_of(error, typed=True) == typed
