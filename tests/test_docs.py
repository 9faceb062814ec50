"""The documentation: its commands can be typed, its Python runs, and its links lead somewhere."""

import argparse
import importlib
import json
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer

from core.errors import ExplorerError
from explorer import cli
from tests.conftest import ROOT
from tests.test_architecture import MAY_IMPORT

# Every page of the documentation by its path from the root.
PAGES = {
    str(file.relative_to(ROOT)): file.read_text("utf-8")
    for file in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md")))
}
IMAGES = ROOT / "docs" / "images"
TOPS = ("core", "explorer", "pages", "tests", "benchmarks")
# What a parser raises; Typer has brought its own copy of Click's for a while.
REFUSED = (typer.BadParameter.__mro__[1], ExplorerError, SystemExit, KeyError)
# Options of programs that are not ours, and the one that every program of ours has.
FOREIGN = {"--num-cpus", "--index-url", "--help"}
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def prose(page: str) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", PAGES[page])


def pieces(page: str) -> list[str]:
    """Return every line of a page's fenced blocks, and every piece of code between the words."""
    lines = [line for block in FENCE.findall(PAGES[page]) for line in block.splitlines()]
    return lines + [" ".join(it.split()) for it in re.findall(r"`([^`]+)`", prose(page))]


def all_pieces() -> list[str]:
    """Return the pieces of all pages."""
    return [piece for page in PAGES for piece in pieces(page)]


def calls() -> list[tuple[str, ...]]:
    """Return what follows ``python -m`` wherever a module of ours is called."""
    typed = set()
    for piece in all_pieces():
        words = shlex.split(piece, comments=True) if "python -m " in piece else []
        if words[1:2] == ["-m"] and words[2].split(".")[0] in TOPS:
            typed.add(tuple(words[2:]))
    return sorted(typed)


def program(module: str) -> ModuleType:
    """Import what ``python -m`` runs for a module: of a package its ``__main__``."""
    try:
        imported = importlib.import_module(module)
        if find_spec(f"{module}.__main__") if hasattr(imported, "__path__") else None:
            return importlib.import_module(f"{module}.__main__")
    except ModuleNotFoundError as error:
        if str(error.name).split(".")[0] in TOPS:
            raise
        pytest.skip(f"{error.name} is not installed")
    return imported


def command(module: str) -> Any:
    """Return the Typer command of a module; None where argparse parses, or nothing does."""
    if module == "explorer":
        return typer.main.get_command(cli.cli)
    names = vars(program(module))
    for it in names.values():
        if isinstance(it, typer.Typer):
            return typer.main.get_command(it)
    if "argparse" in names or "main" not in names:
        return None
    app = typer.Typer()
    app.command()(names["main"])
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
        main = getattr(program(module), "main", None)
        if main is not None:
            parser_of(main).parse_args(arguments)
        elif arguments:
            raise SystemExit(2)
        return
    name = module
    if hasattr(parser, "commands") and arguments:
        name, *arguments = arguments
        parser = parser.commands[name]
    parser.make_context(name, arguments)


def parser_of(main: Callable[[], None]) -> argparse.ArgumentParser:
    """Return the parser that a ``main`` makes."""
    parsers = []

    def stop(self: argparse.ArgumentParser, *_: object) -> argparse.Namespace:
        parsers.append(self)
        raise Parsed

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Parsed):
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        main()
    return parsers[0]


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
        "core.sketchnet.dissection --outt labels.json",
        "benchmarks.pages --rounds 0",
    ],
)
def test_what_would_be_refused_is_found(words: str) -> None:
    with pytest.raises(REFUSED):
        parse(words.split())


def test_every_command_is_there() -> None:
    assert command("explorer").commands.keys() == {
        words[1] for words in calls() if words[0] == "explorer" and words[1:]
    }


def test_every_benchmark_is_there() -> None:
    folder = ROOT / "benchmarks"
    names = {it.stem for it in folder.glob("*.py") if "__main__" in it.read_text("utf-8")}
    names |= {it.parent.name for it in folder.glob("*/__main__.py")}
    named = {words[0] for words in calls()}
    assert {it for it in names if f"benchmarks.{it}" not in named} == set()


def test_every_option_that_is_spoken_of_exists() -> None:
    spoken = {
        it for piece in all_pieces() for it in re.findall(r"(?<![-\w])--[a-z][a-z0-9-]*", piece)
    }
    assert len(spoken) > 40
    known = set(FOREIGN)
    for module in sorted({words[0] for words in calls()}):
        known |= options(module)
    assert spoken - known == set()


def options(module: str) -> set[str]:
    """List the options of a module, from its source where a library that it measures is missing."""
    try:
        parser, names = command(module), vars(program(module))
    except pytest.skip.Exception:
        parser, names = None, {}
    if parser is not None:
        every = getattr(parser, "commands", {"": parser}).values()
        return {option for it in every for one in it.params for option in one.opts}
    if "argparse" in names and "main" in names:
        return set(parser_of(names["main"])._option_string_actions)
    source = Path(ROOT, *module.split(".")).with_suffix(".py").read_text("utf-8")
    typed = re.findall(r"^ +(\w+): Annotated\[", source, re.MULTILINE)
    return {f"--{it.replace('_', '-')}" for it in typed} | set(
        re.findall(r"--[a-z][a-z0-9-]*", source)
    )


def test_every_option_of_the_command_line_is_there() -> None:
    described = PAGES["docs/command-line.md"] + "".join(
        PAGES[f"docs/{name}.md"] for name in ("dataset-examples", "dreams", "style")
    )
    missing = {
        option
        for option in options("explorer")
        if option.startswith("--") and not re.search(rf"`{option}\b", described)
    }
    assert missing == set()


def test_every_target_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = {piece.split()[1] for piece in all_pieces() if piece.startswith("make ")}
    assert named and named <= targets


def test_every_picture_that_make_makes_is_in_regenerate() -> None:
    recipe = (ROOT / "Makefile").read_text("utf-8").split("pictures: ")[1].split("\n\n")[0]
    page = PAGES["docs/regenerate.md"]
    modules = re.findall(r"python -m ([\w.]+)", recipe)
    files = re.findall(r"\$\(PICTURES\)/([\w-]+\.\w+)", recipe)
    assert modules and files
    assert [it for it in modules if f"python -m {it}" not in page] == []
    assert [it for it in files if it not in page] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_file_and_folder_that_is_named_is_there(page: str) -> None:
    path = re.compile(rf"({'|'.join((*TOPS, 'docs'))})/[\w/.-]*")
    named = [it for it in pieces(page) if path.fullmatch(it) and "NAME" not in it]
    named += [it for piece in pieces(page) for it in re.findall(r"-r (\S+\.txt)", piece)]
    assert [it for it in named if not (ROOT / it).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_module_and_function_that_is_named_is_there(page: str) -> None:
    dotted = re.compile(rf"({'|'.join(TOPS)})(\.\w+)+(?:\(\))?")
    named = {it.removesuffix("()") for it in pieces(page) if dotted.fullmatch(it)}
    assert [it for it in sorted(named) if not is_there(it)] == []


def is_there(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one."""
    module, _, attribute = name.rpartition(".")
    try:
        if find_spec(name):
            return True
    except ModuleNotFoundError:  # The parent is no package.
        pass
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError:
        return False


def rows(text: str) -> Iterator[list[str]]:
    """Yield the cells of every row of the tables in a text."""
    for line in re.findall(r"^\| (.*) \|$", text, re.MULTILINE):
        yield [it.strip() for it in line.split(" | ")]


def test_the_architecture_lists_every_package_and_what_it_may_import() -> None:
    page = PAGES["docs/architecture.md"].split("## How one image travels")[0]
    of_core, of_explorer = page.split("### Packages of explorer")
    listed = {}
    for text, prefix in ((of_core, "core."), (of_explorer, "explorer.")):
        for name, _, others in ((*it, "")[:3] for it in rows(text)):
            if name.startswith("`"):
                name = name.strip("`")
                names = filter(None, others.split(", "))
                full = {it if it.split(".")[0] == "core" else prefix + it for it in names}
                assert name not in listed
                listed[name] = full
    expected = {name: {*others.split()} - {name} for name, others in MAY_IMPORT.items()}
    assert listed == expected


def test_the_architecture_lists_every_file() -> None:
    listed: list[str] = []
    for section in re.split(r"^### `", PAGES["docs/architecture.md"], flags=re.MULTILINE)[1:]:
        folder = section.split("`")[0]
        for first, *_ in rows(section):
            listed += [folder + it for it in re.findall(r"`([\w.]+)`", first)]
    kinds = {".py", ".css", ".js", ".svg"}
    files = {
        str(it.relative_to(ROOT))
        for top in ("core", "explorer", "pages")
        for it in (ROOT / top).rglob("*")
        if it.suffix in kinds and it.name != "__init__.py"
    }
    assert set(listed) ^ files == set()
    assert sorted({it for it in listed if listed.count(it) > 1}) == []


def anchors(page: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
    repeated = [f"{it}-{plain[:at].count(it)}" for at, it in enumerate(plain) if it in plain[:at]]
    return {*plain, *repeated}


def links(page: str) -> Iterator[tuple[str, str]]:
    """Yield the file (from the root) and the anchor of every link of a page to the project."""
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", prose(page)):
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent.joinpath(file).resolve() if file else ROOT / page
        yield (str(path.relative_to(ROOT)), anchor)


@pytest.mark.parametrize("page", PAGES)
def test_no_link_is_dead(page: str) -> None:
    dead = [
        (file, anchor)
        for file, anchor in links(page)
        if not (ROOT / file).exists() or (anchor and anchor not in anchors(file))
    ]
    assert dead == []


def test_every_page_is_linked_from_the_readme() -> None:
    linked = {file for file, _ in links("README.md")}
    assert PAGES.keys() - linked - {"README.md"} == set()


def test_every_picture_is_shown() -> None:
    shown = {file for page in PAGES for file, _ in links(page)}
    pictures = {str(it.relative_to(ROOT)) for it in IMAGES.iterdir()}
    assert pictures and pictures - shown == set()
    assert [it.name for it in (ROOT / "docs").iterdir() if it.suffix not in ("", ".md")] == []


def test_the_growth_of_eyes_is_that_of_the_neurons_it_says() -> None:
    found = re.search(
        r"label is ([^.]*?) with an IoU of at least\s([\d.]+\d)\.\s"
        r"These are (\d+) neurons of \w+ layers, `(\w+)` to `(\w+)`\.",
        PAGES["docs/findings.md"],
    )
    assert found is not None and "geometric mean over neurons" in PAGES["docs/findings.md"]
    concepts, least, count, first, last = found.groups()
    labels = json.loads((ROOT / "core" / "sketchnet" / "labels.json").read_text("utf-8"))
    layers = [
        layer
        for layer, units in labels["layers"].items()
        for concept, overlap, _ in units
        if f"*{concept}*" in concepts and overlap >= float(least)
    ]
    assert (str(len(layers)), layers[0], layers[-1]) == (count, first, last)


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].split()) <= 900


BLOCKS = [
    pytest.param(block, id=f"{page}-{number}")
    for page, text in PAGES.items()
    for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", text, re.M | re.S))
]


@pytest.mark.parametrize("code", BLOCKS)
def test_its_python_runs(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Smaller and shorter, but otherwise as it stands.
    quick = code.replace("size=96", "size=16, steps=2")
    monkeypatch.chdir(tmp_path)
    exec(quick, {})
    if ".save(" in code:
        assert quick != code
        pictures = sorted(it.name for it in tmp_path.glob("*.png"))
        assert pictures == ["0.png", "1.png", "2.png", "3.png"]
