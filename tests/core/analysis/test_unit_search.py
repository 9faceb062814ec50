"""Search for units, compared with a plain search through all units and words."""

import random
import re
import subprocess
import sys

import pytest

from core.analysis import unit_names
from core.analysis.unit_names import CLASS, NamedUnit, UnitNames
from core.analysis.unit_search import search
from tests.conftest import ROOT

NAMES = unit_names.shipped_names()
EDGE = "rising edge, lighter below"
# A network like those of torchvision, whose labels may have several names.
PHOTOS = UnitNames(
    {"features.1": 8, "features.12": 6, "Mixed_5b": 4, "logits": 8},
    tuple(
        NamedUnit("logits", unit, name, CLASS)
        for unit, name in enumerate(
            (
                "tabby, tabby cat",
                "tiger cat",
                "goldfish",
                "jack-o'-lantern",
                "potter's wheel",
                "oystercatcher",
                "7",
                "Caf\N{LATIN SMALL LETTER E WITH ACUTE}",
            )
        )
    ),
    {"features.0": 8},
)


def places(names: UnitNames, text: str, here: str = "", kind: str = "") -> list[tuple[str, int]]:
    return [(it.named.layer, it.named.unit) for it in search(names, text, here, kind).found]


def called(text: str) -> list[str]:
    """Return the names of the photographs' classes that a text finds."""
    return [it.named.name for it in search(PHOTOS, text).found]


def plainly_fits(word: str, layer: str, unit: int, name: str, kind: str) -> bool:
    """Whether a word without typing errors fits a unit, written without regard to speed."""
    if word.startswith("#"):
        return int(word[1:]) == unit
    if word == layer or word == layer.rstrip("ab") or word == layer.rstrip("ab12345"):
        return True
    if word.isdigit():
        return int(word) == unit
    for other in re.findall(r"\w+", name):
        if other.startswith(word) or other in (f"{word}s", word.removesuffix("s")):
            return True
        if len(word) >= 3 and other.endswith((word, word.removesuffix("s"))):
            return True
    return (
        kind == word or kind == word.removesuffix("s") or (len(word) >= 3 and kind.startswith(word))
    )


def test_every_unit_that_fits_all_words_is_found_and_no_other() -> None:
    chance = random.Random(0)
    by_place = {(it.layer, it.unit): it for it in NAMES.named}
    words = [word for it in NAMES.named for word in re.findall(r"\w+", it.name)]
    found_some = 0
    for _ in range(150):
        word = chance.choice(words)
        ends = ["relu4", "relu", "#7", "12", "text", "parts", *NAMES.layers]
        text = [word[: chance.randint(2, len(word))], chance.choice(words)][: chance.randint(1, 2)]
        if chance.random() < 0.5:
            text.append(chance.choice(ends))
        chance.shuffle(text)
        expected = set()
        for layer, channels in NAMES.layers.items():
            for unit in range(channels):
                it = by_place.get((layer, unit), NamedUnit(layer, unit))
                if all(plainly_fits(one, layer, unit, it.name, it.kind) for one in text):
                    expected.add((layer, unit))
        result = search(NAMES, " ".join(text))
        found = {(it.named.layer, it.named.unit) for it in result.found}
        if expected or result.complete:
            assert found == expected, text
            found_some += bool(found)
        assert not result.respelled
    assert found_some > 50


@pytest.mark.parametrize(
    "text", ["relu4b 121", "relu4b:121", "relu4b#121", "RELU4B/121", "neuron 121 of layer relu4b"]
)
def test_a_place_is_one_unit(text: str) -> None:
    result = search(NAMES, text)
    assert result.place and result.layers == ()
    assert [(it.named.layer, it.named.unit) for it in result.found] == [("relu4b", 121)]


def test_a_number_is_found_in_every_layer_that_has_it_and_first_in_the_one_shown() -> None:
    wide = [layer for layer, channels in NAMES.layers.items() if channels > 121]
    assert len(wide) > 2
    assert places(NAMES, "#121") == [(layer, 121) for layer in wide]
    assert places(NAMES, "121", wide[-1])[0] == (wide[-1], 121)
    assert not search(NAMES, "#121").place
    assert places(NAMES, "#121 relu4b", wide[-1]) == [("relu4b", 121)]


def test_a_layer_is_found_by_its_name_or_its_beginning() -> None:
    assert search(NAMES, "relu4b").layers == ("relu4b",)
    assert search(NAMES, "relu4").layers == ("relu4a", "relu4b")
    assert places(NAMES, "relu4b") == [("relu4b", unit) for unit in range(NAMES.layers["relu4b"])]
    # Not the beginning of "features.12"; and "re" is a word, and no layer.
    assert search(PHOTOS, "features.1").layers == ("features.1",)
    assert search(PHOTOS, "features").layers == ("features.1", "features.12")
    assert search(PHOTOS, "mixed_5b 2").place
    assert search(NAMES, "re").layers == ()
    # A layer that is not shown is found by its full name only.
    assert places(PHOTOS, "features.0 3") == [("features.0", 3)]
    assert ("features.0", 3) not in places(PHOTOS, "#3")


def test_a_number_that_no_unit_has_is_explained() -> None:
    assert search(NAMES, "relu4b 999").problem == (
        "there is no neuron 999: relu4b has 160, from 0 to 159"
    )
    assert "relu5a has 224" in search(NAMES, "#999").problem


def test_the_whole_name_comes_first_then_words_beginnings_and_ends() -> None:
    assert called("tabby") == ["tabby, tabby cat"]
    assert called("tabby cat")[0] == called("tabby, tabby cat")[0] == "tabby, tabby cat"
    assert called("cat") == ["tabby, tabby cat", "tiger cat"]
    assert called("cats") == called("cat")
    assert called("fish") == ["goldfish"]
    assert called("catcher") == ["oystercatcher"]
    assert called("wheel potter") == ["potter's wheel"]
    assert called("jack o lantern") == ["jack-o'-lantern"]
    assert called("cafe") == [PHOTOS.named[-1].name]
    whys = [it.why for it in search(NAMES, "e").found]
    assert set(whys) == {'a word of the name begins with "e"'}
    deep = UnitNames(
        {"a": 4},
        tuple(
            NamedUnit("a", unit, name, "part")
            for unit, name in enumerate(("redeye", "eyelid", "left eye", "eye"))
        ),
    )
    assert [it.named.name for it in search(deep, "eye").found] == [
        "eye",
        "left eye",
        "eyelid",
        "redeye",
    ]


def test_a_class_that_is_a_number_comes_before_units_of_this_number() -> None:
    assert places(PHOTOS, "7") == [("logits", 6), ("features.1", 7), ("logits", 7)]
    assert places(PHOTOS, "#7") == [("features.1", 7), ("logits", 7)]
    assert places(PHOTOS, "class 2") == [("logits", 2)]


def test_among_equal_fits_classes_and_then_high_overlaps_come_first() -> None:
    found = [it.named for it in search(NAMES, "cat").found]
    assert found[0].kind == CLASS
    overlaps = [it.iou for it in found if it.iou is not None]
    assert len(overlaps) > 2 and overlaps == sorted(overlaps, reverse=True)


def test_a_misspelled_word_finds_what_was_meant_and_says_so() -> None:
    result = search(NAMES, "strpies")
    assert result.respelled == {"strpies": ("stripes",)}
    assert {it.named.name.split()[-1] for it in result.found} == {"stripes"}
    assert search(NAMES, "rleu4b 12").place
    assert search(NAMES, "color").respelled == {"color": ("colour",)}
    nothing = search(NAMES, "unicorn")
    assert nothing.found == () and nothing.problem == "no neuron fits 'unicorn'"
    assert search(NAMES, "eye").respelled == {}


def test_if_no_unit_fits_all_words_those_that_fit_most_are_found() -> None:
    result = search(PHOTOS, "tabby goldfish cat")
    assert not result.complete
    assert [it.named.name for it in result.found] == ["tabby, tabby cat", "tiger cat", "goldfish"]
    # A layer and a number have to fit all the same.
    assert places(PHOTOS, "tabby goldfish features.1") == []
    assert [it.named.name for it in search(NAMES, EDGE).found if it.why == f'called "{EDGE}"']


def test_only_one_kind_is_found_if_asked_for() -> None:
    parts = search(NAMES, "", kind="part").found
    assert {it.named.kind for it in parts} == {"part"}
    assert len(parts) == sum(it.kind == "part" for it in NAMES.named)
    assert {it.named.layer for it in search(NAMES, "relu4b", kind="part").found} == {"relu4b"}
    assert "of the kind scene" in search(NAMES, "relu1a", kind="scene").problem


@pytest.mark.parametrize("text", ["#", ":", "''", "[", "\\", "\N{SUPERSCRIPT TWO}", "9" * 50, "-"])
def test_strange_texts_find_something_or_nothing(text: str) -> None:
    result = search(NAMES, text)
    assert bool(result.found) != bool(result.problem)


def test_the_search_needs_no_torch() -> None:
    code = (
        "import sys; from core.analysis import unit_names, unit_search; "
        "print(len(unit_search.search(unit_names.shipped_names(), 'eye').found) > 0, "
        "'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    assert (done.stdout, done.stderr) == ("True False\n", "")
