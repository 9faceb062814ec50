"""Command lines: a valid one of each command, with some of its arguments replaced or added."""

import contextlib
import functools
import io
import os
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import click
import typer
from PIL import Image

from benchmarks.fuzz import words
from benchmarks.fuzz.trials import Attempt, Wrong
from core.errors import ExplorerError
from explorer import cli

SMALL = ("--size", "32", "--steps", "1")
# A valid command line of each command that takes a fraction of a second. IN and OUT stand for the
# folders of input and output files.
LINES = {
    "neurons": ("sketchnet", "relu1b", "--units", "0", "--out", "OUT/n.png", *SMALL),
    "dream": ("sketchnet", "relu1b", "IN/photo.png", "--out", "OUT/d.png", "--octaves", "1",
              *SMALL),
    "dream-zoom": ("sketchnet", "relu1b", "IN/photo.png", "--out", "OUT/z.gif", "--octaves", "1",
                   "--frames", "2", *SMALL),
    "dream-film": ("sketchnet", "relu1b", "IN/clip.gif", "--out", "OUT/f.gif", "--octaves", "1",
                   "--frames", "2", *SMALL),
    "style-film": ("sketchnet", "IN/clip.gif", "dots", "--out", "OUT/s.gif", "--frames", "2",
                   "--frame-steps", "1", *SMALL),
    "dream-depths": ("sketchnet", "IN/photo.png", "--out", "OUT/row.png", "--size", "64",
                     "--layers", "relu1b,relu2a"),
    "gram": ("sketchnet", "IN/photo.png", "relu1b", "--out", "OUT/g.html", "--size", "64"),
    "index": ("sketchnet", "--images", "IN/folder", "--out", "OUT/x.index", "--layers", "relu1b"),
    "top": ("IN/some.index", "relu1b", "0"),
    "probe": ("sketchnet", "IN/photo.png", "--index", "IN/some.index"),
    "figure": ("IN/some.index", "--layers", "relu1b", "--out", "OUT/fig.png", "--steps", "1"),
    "jobs": (),
    "gallery": (),
    "cancel": ("0123abcd",),
    "resume": ("0123abcd",),
    "labels": ("sketchnet", "relu3b"),
    "networks": (),
    "layers": ("sketchnet",),
    "replay": ("IN/saved.png", "--out", "OUT/r.png"),
    "report": ("sketchnet", "relu1b", "0", "--out", "OUT/r.html", "--size", "32"),
    "script": ("IN/saved.png",),
    "style": ("sketchnet", "IN/photo.png", "IN/photo.png", "--out", "OUT/s.png", *SMALL),
    "texture": ("sketchnet", "IN/photo.png", "relu1b", "--out", "OUT/t.png", *SMALL),
    "reconstruct": ("sketchnet", "IN/photo.png", "relu1b", "--out", "OUT/c.png", *SMALL),
    "style-depths": ("sketchnet", "IN/photo.png", "IN/photo.png", "--out", "OUT/sd.png",
                     "--style-layers", "relu1b", "--content-layers", "relu2a", "--stages", "relu1b",
                     *SMALL),
}  # fmt: skip
# Paths in the folder of input files that are no good files.
BAD_FILES = (
    "IN", "IN/missing", "IN/photo.png/", "IN/photo.png/x", "IN/text.txt", "IN/empty", "IN/loop",
    "IN/dangling", "IN/pipe", "IN/other.index", "IN/" + "x" * 256, "IN/" + "y/" * 2100,
    "IN/strip.png", "IN/tiny.png", "IN/folder", "IN/nothing", "IN/linked", "IN/saved.png",
    "/dev/null", "/dev/full", "/proc/version", "OUT", "OUT/no/such/x.png", "OUT/a.txt",
    "OUT/x.png", "OUT/x.gif", "OUT/x.mp4", "OUT/x.html", "OUT/.png", "OUT/\udcff.png",
    "OUT/\nx.png", "/proc/x.png", "/x/y/z.png",
)  # fmt: skip
# Texts that some option or argument accepts.
GOOD_TEXTS = (
    "relu1b", "relu2a", "relu3b", "logits", "sketchnet", "0", "0-2", "1,3", "cat", "swirls",
    "relu1b,relu2a", "relu1b:0", "IN/photo.png", "IN/folder", "IN/some.index", "IN/saved.png",
    "eyes", "0.5",
)  # fmt: skip
# Options that would start other programs, or keep the input from ending.
LEFT_OUT = ("--engine", "--address", "--device", "--workers", "--resume", "--fresh", "--help")


def prepare(ready: Path) -> None:
    """Write the input files of all command lines."""
    (ready / "folder").mkdir()
    photo = Image.linear_gradient("L").resize((60, 44)).convert("RGB")
    photo.save(ready / "photo.png")
    photo.save(ready / "folder" / "photo.png")
    photo.rotate(90).save(ready / "folder" / "other.jpg")
    photo.save(ready / "clip.gif", save_all=True, append_images=[photo.rotate(180)])
    photo.resize((900, 1)).save(ready / "strip.png")
    photo.resize((1, 1)).save(ready / "tiny.png")
    (ready / "nothing").mkdir()
    (ready / "linked").mkdir()
    (ready / "linked" / "set").symlink_to(ready / "folder")
    (ready / "text.txt").write_text("no picture\n")
    (ready / "empty").write_bytes(b"")
    (ready / "loop").symlink_to(ready / "loop")
    (ready / "dangling").symlink_to(ready / "missing")
    (ready / "other.index").write_bytes(b"x" * 500)
    os.mkfifo(ready / "pipe")
    os.environ |= {"EXPLORER_HOME": str(ready / "home"), "EXPLORER_WORKERS": "0"}
    for line in (
        ("index", "sketchnet", "--images", "sketchworld:6", "--out", str(ready / "some.index")),
        (
            "neurons", "sketchnet", "relu1b", "--units", "0", "--size", "32", "--steps", "1",
            "--out", str(ready / "saved.png"),
        ),
    ):  # fmt: skip
        code, _, errors = run(line)
        if code:
            raise RuntimeError(errors)


def make(source: random.Random, folder: Path) -> Attempt:
    """Build a command line of one command, with one to three changes."""
    inputs, outputs = folder.parent / "ready", folder / "out"
    outputs.mkdir()
    shutil.copytree(inputs / "home", folder / "home")
    name = source.choice(list(LINES))
    line = list(LINES[name])
    typed = []
    for _ in range(source.choice((1, 1, 2, 3))):
        typed += _change(source, name, line)
    places = {"IN": str(inputs), "OUT": str(outputs)}
    line = [name, *(_placed(it, places) for it in line)]
    # A NUL cannot be part of an argument of a process.
    line = [it.replace("\0", "") for it in line]
    return Attempt(
        " ".join(it[:60] for it in line).encode("utf-8", "replace").decode(),
        functools.partial(run_checked, line, outputs),
        tuple(typed),
        outputs,
    )


def run(line: Any) -> tuple[int, str, str]:
    """Run a command in this process; return its exit code, standard output and standard error."""
    output, errors = io.StringIO(), io.StringIO()
    sys.argv = ["explorer", *line]
    code: Any = 0
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        try:
            cli.main()
        except SystemExit as left:
            code = left.code or 0
    return int(code), output.getvalue(), errors.getvalue()


def run_checked(line: list[str], folder: Path) -> None:
    """Run a command in this process, from a folder in which its relative paths are.

    Raises:
        ExplorerError: the command was refused.
        Wrong: it ended with an unexpected exit code.
    """
    os.chdir(folder)
    code, _, errors = run(line)
    if code == 0:
        return
    if code not in (1, 2, 130):
        raise Wrong(f"exit code {code}")
    if code == 1:
        # Progress bars may stand before the message.
        raise ExplorerError(errors[errors.rfind("error: ") :].strip() or "")
    # Typer draws a box around what is wrong with an option.
    raise ExplorerError("usage")


@functools.cache
def _options(name: str) -> tuple[tuple[str, Any], ...]:
    """Return the options of a command, each with its parameter, or None for a flag."""
    group = typer.main.get_command(cli.cli)
    assert isinstance(group, click.Group) or hasattr(group, "commands")
    found = []
    for parameter in group.commands[name].params:  # type: ignore[attr-defined]
        for option in getattr(parameter, "opts", ()):
            if option.startswith("--") and option not in LEFT_OUT:
                flag = getattr(parameter, "is_flag", False)
                found.append((option, None if flag else parameter))
    return tuple(found)


def _change(source: random.Random, name: str, line: list[str]) -> list[str]:
    """Change a command line in place, and return the texts that are new in it."""
    kind = source.randrange(10)
    values = [at for at, it in enumerate(line) if not it.startswith("--")]
    if kind < 5 and values:
        at = source.choice(values)
        path = "/" in line[at]
        if source.random() < 0.3:
            line[at] = source.choice(GOOD_TEXTS)
            return [line[at]]
        line[at] = source.choice(BAD_FILES) if path and source.random() < 0.6 else _value(source)
        return [line[at]]
    options = _options(name)
    if kind < 9 and options:
        option, parameter = source.choice(options)
        if source.random() < 0.5:
            value = _good_value(source, parameter)
        else:
            value = source.choice(BAD_FILES) if source.random() < 0.2 else _value(source)
        line += [option] if parameter is None else [option, value]
        return [value]
    if line and kind == 9:
        del line[source.randrange(len(line))]
    return []


def _value(source: random.Random) -> str:
    return words.number(source) if source.random() < 0.4 else words.word(source)


def _good_value(source: random.Random, parameter: Any) -> str:
    """Return a value that an option may allow: one near its default, or a known name."""
    default = getattr(parameter, "default", None)
    if callable(default) or not isinstance(default, int | float):
        return source.choice(GOOD_TEXTS)
    if isinstance(default, int):
        return str(max(0, default + source.choice((-1, 0, 1, 2))))
    return f"{default * source.choice((0.5, 1, 1.1, 2)):.3g}"


def _placed(text: str, places: dict[str, str]) -> str:
    for short, path in places.items():
        if text == short or text.startswith(f"{short}/"):
            return path + text[len(short) :]
    return text
