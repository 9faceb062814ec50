"""The README: every command that it prints can be typed as it stands, and its Python runs."""

import argparse
import importlib
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from explorer import cli
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text("utf-8")
# What a parser raises; Typer has brought its own copy of Click's for a while.
REFUSED = (typer.BadParameter.__mro__[1], SystemExit, KeyError)
# Options of programs that are not ours.
FOREIGN = {"--num-cpus"}


def pieces() -> list[str]:
    """Give every line of the fenced blocks, and every piece of code between the words."""
    fences = re.findall(r"^```\w*\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    words = re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL)
    lines = [line for fence in fences for line in fence.splitlines()]
    return lines + [" ".join(it.split()) for it in re.findall(r"`([^`]+)`", words)]


def calls() -> list[tuple[str, ...]]:
    """Give what follows ``python -m`` wherever a module of ours is called."""
    found = []
    for piece in pieces():
        words = shlex.split(piece, comments=True) if "python -m " in piece else []
        if words[1:2] == ["-m"] and words[2].split(".")[0] in ("explorer", "core", "benchmarks"):
            found.append(tuple(words[2:]))
    return sorted(set(found))


def command(module: str) -> Any:
    """Give what parses a module's command line, where Typer does; None where argparse does."""
    if module == "explorer":
        return typer.main.get_command(cli.cli)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        pytest.skip(f"{error.name} is not installed")
    for it in vars(found).values():
        if isinstance(it, typer.Typer):
            return typer.main.get_command(it)
    if hasattr(found, "argparse") or not hasattr(found, "main"):
        return None
    app = typer.Typer()
    app.command()(found.main)
    return typer.main.get_command(app)


class Parsed(Exception):
    """Raised instead of what a command does."""


def parse(words: Sequence[str]) -> None:
    """Parse a command line as it would be if it was typed, and do nothing else.

    Raises:
        one of REFUSED: it would be refused.
    """
    module, *arguments = words
    parser = command(module)
    if parser is None:
        main = getattr(importlib.import_module(module), "main", None)
        if main is not None:
            parse_by_argparse(main, arguments)
        elif arguments:
            raise SystemExit(2)
        return
    name = module
    if hasattr(parser, "commands"):
        name, *arguments = arguments
        parser = parser.commands[name]
    parser.make_context(name, arguments)


def parse_by_argparse(main: Callable[[], None], arguments: Sequence[str]) -> None:
    """Parse with the parser that a ``main`` makes, and go no further."""
    given = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *_: object) -> argparse.Namespace:
        given(self, arguments)
        raise Parsed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Parsed):
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        main()


@pytest.mark.parametrize("words", calls(), ids=" ".join)
def test_a_command_can_be_typed_as_it_stands(words: tuple[str, ...]) -> None:
    parse(words)


@pytest.mark.parametrize(
    "words",
    [
        "explorer neurons sketchnet relu3b --unitz 0-15 --out grid.png",
        "explorer neurons sketchnet relu3b --steps many --out grid.png",
        "explorer dream sketchnet relu3b cat.png",
        "explorer draem sketchnet relu3b cat.png --out dream.png",
        "core.figures.neuron_sheets --outt docs",
        "benchmarks.pages --rounds 0",
    ],
)
def test_what_would_be_refused_is_found(words: str) -> None:
    with pytest.raises(REFUSED):
        parse(words.split())


def test_every_command_is_there() -> None:
    assert command("explorer").commands.keys() == {
        words[1] for words in calls() if words[0] == "explorer"
    }


def test_every_option_that_is_spoken_of_exists() -> None:
    spoken = {it for piece in pieces() for it in re.findall(r"(?<![-\w])--[a-z][a-z0-9-]*", piece)}
    assert len(spoken) > 40
    known = set(FOREIGN)
    for module in sorted({words[0] for words in calls()}):
        known |= options(module)
    assert spoken - known == set()


def options(module: str) -> set[str]:
    """List the options of a module, from its source where a library that it measures is missing."""
    try:
        parser = command(module)
    except pytest.skip.Exception:
        parser = None
    if parser is not None:
        every = getattr(parser, "commands", {"": parser}).values()
        return {option for it in every for one in it.params for option in one.opts}
    source = Path(ROOT, *module.split(".")).with_suffix(".py").read_text("utf-8")
    typed = re.findall(r"^ +(\w+): Annotated\[", source, re.MULTILINE)
    return {f"--{it.replace('_', '-')}" for it in typed} | set(
        re.findall(r"--[a-z][a-z0-9-]*", source)
    )


def test_every_target_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {piece.split()[1] for piece in pieces() if piece.startswith("make ")}
    assert named and named <= targets


def test_every_file_and_folder_that_is_shown_is_there() -> None:
    shown = re.findall(r"\]\((?!https?:|#)([^)]+)\)", README)
    named = [it for piece in pieces() for it in re.findall(r"-r (\S+\.txt)", piece)]
    folders = [piece for piece in pieces() if re.fullmatch(r"(core|docs|explorer)/[\w/.]*", piece)]
    assert shown and named and folders
    assert [it for it in (*shown, *named, *folders) if not (ROOT / it).exists()] == []


@pytest.mark.parametrize("block", range(README.count("```python\n")))
def test_its_python_runs(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = README.split("```python\n")[block + 1].split("```")[0]
    # Smaller and shorter, but otherwise as it stands.
    quick = code.replace("size=96", "size=16, steps=2")
    monkeypatch.chdir(tmp_path)
    exec(quick, {})
    if "save(" in code:
        assert quick != code
        pictures = sorted(it.name for it in tmp_path.glob("*.png"))
        assert pictures == ["0.png", "1.png", "2.png", "3.png"]
