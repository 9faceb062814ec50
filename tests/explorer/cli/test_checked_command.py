"""What users type on the command line: whatever it is, a command answers with one sentence."""

import inspect
import json
import os
import re
import subprocess
import typing
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import QUOTED_CHARACTERS
from explorer import cli
from tests.conftest import ROOT, fill, short
from tests.explorer.commands import Done, command, run

COMMANDS: dict[str, Any] = dict(typer.main.get_command(cli.cli).commands)  # type: ignore[attr-defined]
del COMMANDS["app"]  # which would start a server
NO_NUMBERS = (
    "9" * 5000, "-" + "9" * 5000, "nan", "inf", "1e999", "0x10", "1_000", "much", "",
    "\N{ARABIC-INDIC DIGIT THREE}", "\N{FULLWIDTH DIGIT ONE}",
)  # fmt: skip
NO_PATHS = ("x" * 5000, "/" + "x/" * 3000, "a\0b", "a\ud800b", "/dev/zero", "", f"{__file__}/x")
LONG = "x" * 3000
# What is typed for the other parameters that a command needs.
TYPED = {
    "network": "sketchnet", "layer": "relu3b", "unit": "0", "layers": "relu3b", "style": "swirls",
    "image": "cat", "content": "cat", "images": "sketchworld:3", "job_id": "0",
}  # fmt: skip


def kind_of(name: str, param: Any) -> str:
    """Return whether a parameter is a number, a path or a text; "" for a flag."""
    hint = str(typing.get_type_hints(inspect.unwrap(COMMANDS[name].callback)).get(param.name, ""))
    if "Path" in hint:
        return "path"
    if "int" in hint or "float" in hint:
        return "number"
    return "text" if "str" in hint else ""


def parameters(*kinds: str) -> list[tuple[str, str]]:
    """Return (command, parameter) for all parameters of some kinds."""
    return [
        (name, str(param.name))
        for name, it in COMMANDS.items()
        for param in it.params
        if kind_of(name, param) in kinds
    ]


def typed(name: str, parameter: str, value: str, folder: Path) -> list[str]:
    """Return a command line in which one parameter has a value and all required ones have some."""
    options, arguments = [], []
    for param in COMMANDS[name].params:
        usual = TYPED.get(str(param.name), str(folder / "none.png"))
        text = value if param.name == parameter else usual
        if param.param_type_name == "argument":
            arguments.append(text)
        elif param.name == parameter or param.required:
            options.append(f"{param.opts[0]}={text}")
    return [name, *options, "--", *arguments]


def check(done: Done, value: str = "") -> None:
    """Check that a command ended with one short sentence, or with a usage error."""
    assert done.returncode in (1, 2), done
    if done.returncode == 1:
        assert re.fullmatch(r"error: [^\n]+\n", done.stderr), done.stderr
        assert len(done.stderr) < 800
    check_repeated(done, value)


def check_repeated(done: Done, value: str) -> None:
    """Check that a command repeats at most ``QUOTED_CHARACTERS`` of a value."""
    assert "Traceback" not in done.stderr
    if len(value) > QUOTED_CHARACTERS:
        # A usage error is shown in a frame, with line breaks.
        said, told = (re.sub(r"[\s│]", "", it) for it in (done.stderr, value))
        assert told[: QUOTED_CHARACTERS + 1] not in said
        assert told[-QUOTED_CHARACTERS - 1 :] not in said


@pytest.mark.parametrize(("name", "parameter"), parameters("number"))
def test_what_is_no_number(name: str, parameter: str, tmp_path: Path) -> None:
    for value in NO_NUMBERS:
        done = run(*typed(name, parameter, value, tmp_path))
        check(done, value)
        assert "must be a" in done.stderr, value


@pytest.mark.parametrize(("name", "parameter"), parameters("path"))
def test_a_path_that_cannot_be_used(name: str, parameter: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop").symlink_to("loop")
    for value in (*NO_PATHS, str(tmp_path / "pipe.png"), str(tmp_path / "loop")):
        check(run(*typed(name, parameter, value, tmp_path)), value)


@pytest.mark.parametrize("value", NO_PATHS, ids=short)
@pytest.mark.parametrize("parameter", ["image", "guide", "mask"])
def test_a_picture_that_cannot_be_opened(value: str, parameter: str, tmp_path: Path) -> None:
    """Pictures are texts, because they can be names of samples, too."""
    if parameter == "image" or value:
        check(run(*typed("dream", parameter, value, tmp_path)), value)


@pytest.mark.parametrize("value", NO_PATHS, ids=short)
def test_a_collection_that_cannot_be_opened(value: str, tmp_path: Path) -> None:
    check(run(*typed("index", "images", value, tmp_path)), value)


@pytest.mark.parametrize(
    "value", ["0", "9" * 5000, "99999999999", "1_0", "5:x", "5:" + "9" * 99], ids=short
)
def test_a_number_of_drawings_that_makes_no_sense(value: str, tmp_path: Path) -> None:
    done = run(*typed("index", "images", f"sketchworld:{value}", tmp_path))
    check(done, value)
    assert "must be a whole number" in done.stderr


@pytest.mark.parametrize(
    "value", ["0-99999999999", "9" * 5000, f"0-{'9' * 5000}", "99999999999-1"], ids=short
)
def test_units_that_do_not_exist(value: str, tmp_path: Path) -> None:
    check(run(*typed("neurons", "units", value, tmp_path)), value)


@pytest.mark.parametrize(("name", "parameter"), parameters("text"))
def test_a_long_text(name: str, parameter: str, tmp_path: Path) -> None:
    done = run(*typed(name, parameter, LONG, tmp_path))
    # A search without results is no error.
    check(done, LONG) if done.returncode else check_repeated(done, LONG)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from(parameters("number", "path", "text")),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=120, max_size=2000),
)
def test_any_long_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: tuple[str, str], value: str
) -> None:
    monkeypatch.chdir(tmp_path)
    check_repeated(run(*typed(*where, value, tmp_path)), value)


@pytest.mark.parametrize("words", [(LONG,), ("jobs", f"--{LONG}"), ("jobs", f"--xyz={LONG}"),
                                   ("jobs", LONG), ("neurons", f"-{LONG}")])  # fmt: skip
def test_usage_errors_are_short(words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.returncode == 2
    check_repeated(done, LONG)


def test_a_text_that_is_no_unicode() -> None:
    for words in (("cancel", "a\udcff"), ("gallery", "--kind", "a\udcff"), ("layers", "a\udcff")):
        check(run(*words))


def test_a_full_standard_output_is_one_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("gallery", "--json"), stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert done.returncode == 1
    assert done.stderr == (
        "error: the output cannot be used (No space left on device); free space, or choose "
        "another place\n"
    )


def test_an_index_without_the_layer(tmp_path: Path) -> None:
    index, out = tmp_path / "a.index", tmp_path / "a.png"
    made = run("index", "sketchnet", "--images", "sketchworld:4", "--out", index,
               "--layers", "relu5b")  # fmt: skip
    assert made.returncode == 0, made.stderr
    for words in (("figure", index), ("top", index, "relu1a", "0"), ("probe", "sketchnet", "cat")):
        layers = ("--layers", "relu1a") if words[0] == "figure" else ()
        check(run(*words, *layers, "--out" if words[0] != "probe" else "--index", out))
    done = run("figure", index, "--layers", "relu1a", "--out", out)
    assert "no layer 'relu1a' in this index" in done.stderr and not out.exists()


def test_a_full_disk_destroys_no_picture(disk: Path) -> None:
    kept = disk / "kept.png"
    kept.write_bytes(b"kept" * 1000)
    fill(disk)
    before = sorted(it.name for it in disk.iterdir())
    words = ("neurons", "sketchnet", "relu1a", "--units", "0", "--size", "16", "--steps", "1")
    done = run(*words, "--out", kept)
    # The progress bar stands before the message.
    assert done.returncode == 1 and re.fullmatch(
        r"error: .*No space left on device.*", done.stderr.splitlines()[-1]
    )
    assert kept.read_bytes() == b"kept" * 1000
    assert sorted(it.name for it in disk.iterdir()) == before


def test_commands_that_look_work_without_a_place_to_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can make a data folder below a file, not even root."""
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "file" / "home"))
    for words in (("jobs",), ("gallery",), ("layers", "sketchnet"), ("labels", "sketchnet")):
        assert run(*words).returncode == 0
    shown = run("neurons", "sketchnet", "relu1a", "--units", "0-15", "--json")
    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["rendered"] == 0
    made = run("neurons", "sketchnet", "relu1a", "--units", "0", "--size", "16", "--steps", "1")
    said, error = made.stderr.splitlines()
    assert made.returncode == 1 and said.startswith("nothing can be saved: the store ")
    assert error == f"error: {cli.SAID}"
