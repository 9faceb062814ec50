"""Weights files: wrapped, damaged, of other types, bombs, and files that run code."""

import functools
import io
import json
import os
import pickle
import random
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor, nn
from torchvision import models

from benchmarks.fuzz import words
from benchmarks.fuzz.trials import Attempt, Wrong
from core.networks import registry
from core.networks.network import Network
from core.sketchnet import model

State = dict[str, Tensor]
SQUEEZENET = "squeezenet1_0"
DTYPES = (
    torch.float16, torch.bfloat16, torch.float64, torch.int8, torch.int64, torch.bool,
    torch.complex64, torch.uint8, torch.float8_e4m3fn,
)  # fmt: skip


def prepare(ready: Path) -> None:
    """Write the weights of a small SqueezeNet of two classes."""
    torch.manual_seed(0)
    module = models.squeezenet1_0(weights=None, num_classes=2)
    save_file(module.state_dict(), ready / f"{SQUEEZENET}.safetensors")


def make(source: random.Random, folder: Path) -> Attempt:
    """Build a weights file of one of many kinds, and load a network with it."""
    if source.random() < 0.5:
        name, state = registry.SKETCHNET, load_file(model.WEIGHTS)
    else:
        file = folder.parent / "ready" / f"{SQUEEZENET}.safetensors"
        name, state = SQUEEZENET, load_file(file)
    kind = source.choice(list(KINDS))
    path = folder / f"it{source.choice(('.pth', '.safetensors', '.pt', '.ckpt'))}"
    # Some kinds are only possible in one of the formats, and then choose the ending themselves.
    path = KINDS[kind](source, state, path) or path
    what = f"{kind} {path.suffix} {name}"
    if source.random() < 0.3:
        return Attempt(f"upload {what}", functools.partial(_upload, name, path))
    return Attempt(what, functools.partial(_load, name, path))


def _load(name: str, path: Path) -> None:
    """Load a network, and use it: what was accepted must work."""
    _use(registry.load(name, path, "cpu"))


def _upload(name: str, path: Path) -> None:
    from explorer.library import catalogue

    added = catalogue.add_checkpoint(name, "mine", path.name, path.read_bytes())
    _use(registry.load(added, catalogue.list_checkpoints()[added].file, "cpu"))


def _use(network: Network) -> None:
    image = torch.full((1, 3, 64, 64), 0.5)
    layer = network.shown[-1].name
    values = network.activations(image, [layer])[layer] if hasattr(network, "activations") else None
    if values is None:
        with torch.no_grad():
            values = network.module(image)
    if not bool(torch.isfinite(values).all()):
        raise Wrong("its logits are no finite numbers")
    json.dumps(network.labels).encode()


def _write(path: Path, state: Mapping[str, Any], metadata: dict[str, str] | None = None) -> None:
    if path.suffix == ".safetensors":
        tensors = {name: it.contiguous() for name, it in state.items()}
        save_file(tensors, path, metadata)
    else:
        torch.save(dict(state), path)


def _plain(source: random.Random, state: State, path: Path) -> None:
    _write(path, state)


def _damaged(source: random.Random, state: State, path: Path) -> None:
    _write(path, state)
    path.write_bytes(words.spoilt(source, path.read_bytes()))


def _wrapped(source: random.Random, state: State, path: Path) -> Path:
    path = path.with_suffix(".pth")
    prefix = source.choice(("", "module.", "model.", "_orig_mod.", "module._orig_mod.", "x."))
    inner: Any = {prefix + name: it for name, it in state.items()}
    key = source.choice(("", "state_dict", "model", "net", "model_ema", "ema", "weights", "x"))
    beside: dict[str, Any] = source.choice(({}, {"epoch": 3}, {"optimizer": {"lr": [0.1]}}))
    torch.save({key: inner, **beside} if key else inner, path)
    return path


def _other_type(source: random.Random, state: State, path: Path) -> None:
    dtype = source.choice(DTYPES)
    names = source.choice((list(state), [source.choice(list(state))]))
    _write(path, {name: it.to(dtype) if name in names else it for name, it in state.items()})


def _other_shape(source: random.Random, state: State, path: Path) -> None:
    name = source.choice(list(state))
    value = state[name]
    shapes = (
        value.flatten(),
        value[None],
        value[:1],
        value[:0],
        value.sum(),
        value.transpose(0, -1),
    )
    _write(path, {**state, name: source.choice(shapes).clone()})


def _other_names(source: random.Random, state: State, path: Path) -> Path:
    name = source.choice(list(state))
    new = source.choice((words.text(source), "x" * 100_000, "", "\ud800", "a.b.c", name.upper()))
    changed = {new if it == name else it: value for it, value in state.items()}
    try:
        _write(path, changed)
    except (UnicodeError, ValueError, RuntimeError):
        path = path.with_suffix(".pth")
        _write(path, {**state, "x": state[name]})
    return path


def _values(source: random.Random, state: State, path: Path) -> None:
    name = source.choice([it for it, value in state.items() if value.numel()])
    value = source.choice((float("nan"), float("inf"), 1e38, -1e38, 0.0, 1e-45))
    changed = state[name].float().clone()
    changed.view(-1)[source.choice((slice(0, 1), slice(None)))] = value
    _write(path, {**state, name: changed})


def _special(source: random.Random, state: State, path: Path) -> Path:
    path = path.with_suffix(".pth")
    name = source.choice(list(state))
    value = state[name].float()
    made: Any
    kind = source.randrange(7)
    if kind == 0:
        made = value.to_sparse()
    elif kind == 1:
        made = torch.quantize_per_tensor(value, 0.1, 0, torch.qint8)
    elif kind == 2:
        made = value.to("meta")
    elif kind == 3:
        # One element whose strides claim 40 GB.
        made = torch.zeros(1).expand(10_000, 1_000_000)
    elif kind == 4:
        made = nn.Parameter(value)
    elif kind == 5:
        made = torch.zeros(1).expand(value.shape)
    else:
        made = torch.randn(50_000_000)[:1]
    torch.save({**state, name: made}, path)
    return path


def _many(source: random.Random, state: State, path: Path) -> None:
    count = source.choice((1000, 20_000))
    _write(path, {**state, **{f"x{it}": torch.zeros(1) for it in range(count)}})


def _few(source: random.Random, state: State, path: Path) -> None:
    names = source.sample(list(state), source.choice((0, 1, len(state) // 2)))
    _write(path, {name: state[name] for name in names})


def _metadata(source: random.Random, state: State, path: Path) -> Path:
    path = path.with_suffix(".safetensors")
    deep = "[" * 50_000 + "]" * 50_000
    texts = ('["a", "b"]', "[]", "{}", "3", deep, '["\\ud800", "b"]', "[1, 2]", "9" * 5000, "",
             json.dumps(["x" * 100_000] * 2), json.dumps(["x"] * 100_000), "NaN",
             json.dumps(["<script>alert(1)</script>"] * 2))  # fmt: skip
    _write(path, state, {"classes": source.choice(texts)})
    return path


def _header(source: random.Random, state: State, path: Path) -> Path:
    """Write a safetensors file whose header says something else than its data are."""
    path = path.with_suffix(".safetensors")
    data = save({name: it.contiguous() for name, it in state.items()})
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    entry = header[source.choice([it for it in header if it != "__metadata__"])]
    field = source.choice(("dtype", "shape", "data_offsets"))
    entry[field] = source.choice(
        ("F64", "X", "", 3, None, [], [1], [-1, 4], [0, 2**60], [2**62, 2**63], [0.5, 4], ["a"],
         [10**30, 10**31], [0] * 5000)
    )  # fmt: skip
    text = json.dumps(header).encode()
    text = source.choice((text, b"[" * 100_000, text[:-5], b"{}" + b" " * 1_000_000))
    length = source.choice((len(text), len(text) + 1, 2**60, 0))
    path.write_bytes(struct.pack("<Q", length) + text + data[8 + length : 8 + 2**24])
    return path


class Trap:
    """An object that would end the process when it is unpickled."""

    def __reduce__(self) -> Any:
        return os._exit, (3,)


def _pickled(source: random.Random, state: State, path: Path) -> Path:
    path = path.with_suffix(".pth")
    content = source.choice((Trap(), {"weight": Trap()}, [1, 2], "text", {1: 2}, {"a": {"b": {}}}))
    deep: Any = []
    for _ in range(400):
        deep = [deep]
    content = source.choice((content, deep, None))
    if source.random() < 0.5:
        path.write_bytes(pickle.dumps(content, protocol=source.choice((0, 2, 4))))
    else:
        torch.save(content, path)
    return path


def _bomb(source: random.Random, state: State, path: Path) -> Path:
    """Write a .pth whose archive inflates to a gigabyte, or has an entry too many."""
    path = path.with_suffix(".pth")
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        names = old.namelist()
        victim = source.choice(names)
        for name in names:
            if name == victim and source.random() < 0.7:
                with new.open(name, "w", force_zip64=True) as entry:
                    for _ in range(64):
                        entry.write(bytes(2**24))
            else:
                new.writestr(name, old.read(name))
    return path


def _other(source: random.Random, state: State, path: Path) -> None:
    contents = (
        b"", b"\0", b"no weights\n" * 50, source.randbytes(5000), b"PK\x05\x06" + bytes(18),
        bytes(3000), b"\x80\x02.", struct.pack("<Q", 2**60) + b"{}", b"\x89PNG\r\n\x1a\n",
    )  # fmt: skip
    path.write_bytes(source.choice(contents))


def _legacy(source: random.Random, state: State, path: Path) -> Path:
    path = path.with_suffix(".pth")
    torch.save(state, path, _use_new_zipfile_serialization=False)
    if source.random() < 0.5:
        path.write_bytes(words.spoilt(source, path.read_bytes()))
    return path


KINDS: dict[str, Callable[[random.Random, State, Path], Path | None]] = {
    "plain": _plain,
    "damaged": _damaged,
    "damaged again": _damaged,
    "wrapped": _wrapped,
    "other type": _other_type,
    "other shape": _other_shape,
    "other names": _other_names,
    "values": _values,
    "special": _special,
    "many": _many,
    "few": _few,
    "metadata": _metadata,
    "header": _header,
    "pickled": _pickled,
    "bomb": _bomb,
    "other": _other,
    "legacy": _legacy,
}
