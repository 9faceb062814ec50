"""Index files from somebody else: damaged, of other shapes, and with names that lead elsewhere."""

import functools
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file

from benchmarks.fuzz import addresses, commands, words
from benchmarks.fuzz.trials import Attempt, Wrong
from core.analysis import crops
from core.errors import ExplorerError
from core.index import reader

# The colour of an image beside the collection, which no index may read.
SECRET = (1, 250, 3)


def prepare(ready: Path) -> None:
    """Index a small folder of images, and put another image beside it."""
    images = ready / "images"
    images.mkdir()
    for number in range(4):
        Image.effect_noise((60 + number, 50), 80.0).convert("RGB").save(images / f"{number}.png")
    Image.new("RGB", (64, 64), SECRET).save(ready / "secret.png")
    os.environ |= {"EXPLORER_HOME": str(ready / "home"), "EXPLORER_WORKERS": "0"}
    line = ["index", "sketchnet", "--images", str(images), "--out", str(ready / "some.index")]
    code, _, errors = commands.run([*line, "--layers", "relu1b,relu2a"])
    if code:
        raise RuntimeError(errors)


def make(source: random.Random, folder: Path) -> Attempt:
    """Build an index file from a good one, and read it by the library, a command or a page."""
    ready = folder.parent / "ready"
    home = folder / "home" / "indexes"
    home.mkdir(parents=True)
    out = home / "other.index"
    kind = source.randrange(3)
    if kind == 0:
        name = "damaged"
        out.write_bytes(words.spoilt(source, (ready / "some.index").read_bytes()))
    else:
        name = _rewrite(source, ready, out, kind == 1)
    chance = source.random()
    if chance < 0.2:
        shutil.copy(ready / "some.index", home / "some.index")
        page = source.choice(("neuron", "layers", "probe"))
        query = {"network": "sketchnet", "layer": "relu1b", "show": "both", "unit": "0"}
        query = {
            it: query[it] for it in ("network", "layer", "show" if page == "layers" else "unit")
        }
        return Attempt(f"{page} page {name}", functools.partial(addresses.open_page, page, query))
    if chance < 0.4:
        line = ["top", str(out), "relu1b", "0"]
        return Attempt(f"top {name}", functools.partial(commands.run_checked, line, folder))
    return Attempt(name, functools.partial(_read, out))


def _read(path: Path) -> None:
    """Read all of an index that pages read of it."""
    index = reader.open_index(path)
    layer = index.plan.layers[0].name
    for by in index.plan.by:
        hits = [*index.top(layer, 0, by), *index.least(layer, 0, by)]
        index.percentile(layer, 0, 0.5, by)
        index.values(layer, 0, by)
    for hit in hits:
        try:
            image = index.picture(hit.picture)
            crops.crop_hit(index, layer, hit)
        except ExplorerError:
            continue
        if np.asarray(image)[0, 0].tolist() == list(SECRET):
            raise Wrong(f"reads an image outside of its collection: {hit.picture}")
        index.label(hit.picture)


def _rewrite(source: random.Random, ready: Path, out: Path, tensors_too: bool) -> str:
    """Write a changed copy of an index, and return what was changed."""
    with safe_open(ready / "some.index", framework="np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        manifest: dict[str, Any] = json.loads(file.metadata()["manifest"])
    changes = []
    for _ in range(source.choice((1, 1, 2))):
        if tensors_too and source.random() < 0.7:
            name = source.choice(list(tensors))
            tensors[name] = _array(source, tensors[name])
            changes.append(name)
        elif source.random() < 0.4:
            secret = ready / "secret.png"
            names = source.choice(("../secret.png", str(secret), "x/../../secret.png"))
            tensors["named/names"] = np.frombuffer(names.encode() * 4, np.uint8)
            tensors["named/ends"] = np.arange(1, 5, dtype=np.int64) * len(names)
            changes.append("names that lead elsewhere")
        else:
            place, name = manifest, source.choice(list(manifest))
            while isinstance(place[name], dict) and place[name] and source.random() < 0.8:
                place = place[name]
                name = source.choice(list(place))
            place[name] = source.choice(
                (None, 0, -1, 2**70, 1e308, "", "x" * 1000, [], {}, [[]], words.text(source), True)
            )
            changes.append(str(name))
    text = json.dumps(manifest, ensure_ascii=True)
    save_file({name: np.ascontiguousarray(it) for name, it in tensors.items()}, out,
              {"manifest": text})  # fmt: skip
    return "changed " + ", ".join(changes)


def _array(source: random.Random, value: Any) -> Any:
    """Return another array in place of one: of another type, shape or range."""
    kind = source.randrange(7)
    if kind == 0:
        return value[:0]
    if kind == 1:
        return value[:1]
    if kind == 2:
        return value.reshape(-1)
    if kind == 3:
        return value.astype(source.choice((np.float64, np.int8, np.uint8, np.float16, np.bool_)))
    if kind == 4:
        with np.errstate(all="ignore"):
            return (value.astype(np.float64) * source.choice((-1, 1000, 1e30))).astype(value.dtype)
    if kind == 5:
        return np.full_like(value, source.choice((0, 1, 127)))
    return source.choice((value[None], np.zeros(0, value.dtype), value[::-1]))
