"""Saved PNGs that are dropped on a page: strange recipes in strange files."""

import functools
import json
import random
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.fuzz import commands, words
from benchmarks.fuzz.trials import Attempt
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from explorer.rendering import png_metadata
from explorer.ui import png_drop, url_codecs

LINES = {
    "saved": ("neurons", "sketchnet", "relu1b", "--units", "0-1"),
    "dreamt": ("dream", "sketchnet", "relu1b", "cat", "--octaves", "1"),
    "painted": ("style", "sketchnet", "cat", "swirls"),
    "depths": ("style-depths", "sketchnet", "cat", "swirls", "--style-layers", "relu1b",
               "--content-layers", "relu2a", "--stages", "relu1b"),
}  # fmt: skip
DEEP = 20_000
GOOD_TEXTS = ("relu1b", "relu2a", "relu3b", "logits", "sketchnet", "cat", "swirls", "fft", "pixels")


def prepare(ready: Path) -> None:
    """Save one PNG of each kind."""
    for name, line in LINES.items():
        out = ready / f"{name}.png"
        code, _, errors = commands.run([*line, *commands.SMALL, "--out", str(out)])
        if code:
            raise RuntimeError(errors)


def make(source: random.Random, folder: Path) -> Attempt:
    """Build a PNG from a saved one, with another recipe or damaged bytes."""
    name = source.choice(list(LINES))
    data = (folder.parent / "ready" / f"{name}.png").read_bytes()
    kind = source.randrange(6)
    if kind == 0:
        return Attempt(f"{name} damaged", functools.partial(_drop, words.spoilt(source, data)))
    text = json.loads(png_metadata.read_text_chunks(data)[png_metadata.RECIPE_CHUNK])
    recipe = words.spoilt(source, json.dumps(text).encode()).decode("utf-8", "replace")
    if kind > 1:
        recipe = json.dumps(_changed(source, text))
    if kind == 2:
        recipe = source.choice(
            ("[" * DEEP + "]" * DEEP, '{"kind":' * DEEP, "1" * 5000, '"x"', "", "null", "{}",
             '{"kind": "neurons"}', "NaN", '{"kind": "\\ud800"}', '{"kind": ' + "9" * 5000 + "}")
        )  # fmt: skip
    chunks = {png_metadata.RECIPE_CHUNK: recipe}
    if source.random() < 0.5:
        chunks[png_metadata.PART_CHUNK] = words.number(source)
    what = f"{name} {recipe[:80]}"
    return Attempt(what, functools.partial(_drop, with_text(data, chunks)), (recipe,))


def with_text(data: bytes, chunks: Mapping[str, str]) -> bytes:
    """Return a PNG with text chunks in place of those that it has, right after its header."""
    kept, at = data[:33], 33
    for key, value in chunks.items():
        body = key.encode() + b"\0\0\0\0\0" + value.encode("utf-8", "surrogatepass")
        sums = zlib.crc32(b"iTXt" + body)
        kept += struct.pack(">I", len(body)) + b"iTXt" + body + struct.pack(">I", sums)
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] not in (b"iTXt", b"tEXt", b"zTXt"):
            kept += data[at : at + 12 + length]
        at += 12 + length
    return kept


def _changed(source: random.Random, recipe: dict[str, Any]) -> dict[str, Any]:
    """Return a recipe with some entries replaced, removed or added."""
    changed = dict(recipe)
    known = (*recipe, *NeuronRecipe.__dataclass_fields__, *DreamRecipe.__dataclass_fields__, "x")
    if source.random() < 0.5:
        numbers = [key for key, it in recipe.items() if isinstance(it, bool | int | float)]
        name = source.choice(numbers if source.random() < 0.7 else list(recipe))
        changed[name] = _near(source, recipe[name])
        return changed
    for _ in range(source.choice((1, 1, 2, 3))):
        name = source.choice(known)
        if name in changed and source.random() < 0.15:
            del changed[name]
        else:
            changed[name] = _value(source)
    return changed


def _near(source: random.Random, value: Any) -> Any:
    """Return a value of the same kind, of which a recipe may allow some."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return type(value)(source.choice((value + 1, value * 2, value / 2, -value, value + 100)))
    if isinstance(value, str):
        return source.choice(GOOD_TEXTS)
    if isinstance(value, list):
        return source.choice((value + value, value[:-1], [_near(source, it) for it in value]))
    if isinstance(value, dict):
        return {key: _near(source, it) for key, it in value.items()}
    return source.choice((None, 1, 0.5, "relu1b"))


def _value(source: random.Random, depth: int = 0) -> Any:
    kind = source.randrange(8 if depth < 3 else 5)
    if kind == 0:
        return source.choice((0, -1, 1, 2**31, 2**63, 10**400, 1e308, float("inf"), float("nan")))
    if kind < 4:
        return words.word(source)
    if kind == 4:
        return source.choice((None, True, False, 0.5, -0.0, 5e-324))
    if kind < 7:
        return [_value(source, depth + 1) for _ in range(source.choice((0, 1, 2, 3, 50)))]
    return {words.text(source): _value(source, depth + 1) for _ in range(source.randrange(3))}


def _drop(data: bytes) -> None:
    """Open a saved picture as the pages do: read its recipe, check it, and find its page."""
    recipe, part = png_metadata.read_recipe(data)
    png_drop.check_shown(recipe)
    url_codecs.link_to(recipe, part)
