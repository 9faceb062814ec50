"""Weights files of strangers: wrapped in unusual ways, damaged, or made to break something."""

import io
import json
import struct
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping

import torch
from safetensors.torch import save
from torch import Tensor


def state() -> dict[str, Tensor]:
    """Return a small state dict."""
    torch.manual_seed(0)
    return {"conv.weight": torch.randn(4, 3, 2, 2), "conv.bias": torch.randn(4)}


def saved(content: object, legacy: bool = False) -> bytes:
    """Return the bytes that ``torch.save`` writes, since 2020 or before."""
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def repacked(content: bytes, method: int = zipfile.ZIP_STORED, **replaced: bytes) -> bytes:
    """Return a zip archive with other records, by the last part of their names, or compressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w", method) as new:
        for name in old.namelist():
            data = replaced.get(name.rpartition("/")[2].replace(".", "_"), old.read(name))
            new.writestr(name, data)
    return buffer.getvalue()


def record(content: bytes, ending: str) -> bytes:
    """Return the record of a zip archive whose name has an ending."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(next(it for it in archive.namelist() if it.endswith(ending)))


def overlapping() -> bytes:
    """Return an archive in which 50 records are one place in the file."""
    content = saved(state())
    buffer = io.BytesIO(repacked(content))
    with zipfile.ZipFile(buffer, "a") as archive:
        first = next(it for it in archive.infolist() if it.filename.endswith("data/0"))
        for number in range(2, 52):
            again = zipfile.ZipInfo(first.filename[:-1] + str(number))
            again.header_offset, again.CRC = first.header_offset, first.CRC
            again.file_size = again.compress_size = first.file_size
            archive.filelist.append(again)
        archive._didModify = True  # type: ignore[attr-defined]
    return buffer.getvalue()


def with_header(header: Mapping[str, object], data: bytes = b"") -> bytes:
    """Return a safetensors file with a header of any content."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(dtype: str, shape: list[int], start: int, stop: int) -> dict[str, object]:
    """Return a tensor's entry in a safetensors header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


def torch_tensor(tensor: Tensor) -> Callable[[], bytes]:
    """Return a function that saves a state dict with one unusual tensor."""
    return lambda: saved({**state(), "conv.bias": tensor})


def quantised() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Newer versions of PyTorch deprecate such tensors.
        return saved({"w": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)})


# Files that must be refused in one sentence, each with its content and words of the sentence.
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "compressed records": (
        lambda: repacked(saved({"w": torch.zeros(10_000_000)}), zipfile.ZIP_DEFLATED),
        "compressed",
    ),
    "overlapping records": (overlapping, "overlap"),
    "one element expanded": (torch_tensor(torch.ones(1).expand(10_000_000)), "repeats 1 stored"),
    "one row expanded": (torch_tensor(torch.ones(1, 7).expand(99, 7)), "repeats 7 stored"),
    "one storage many times": (
        lambda: saved(dict.fromkeys(map(str, range(500)), torch.ones(2000))),
        "would take",
    ),
    "wide views of one storage": (
        lambda: saved(dict.fromkeys(map(str, range(9)), torch.ones(90_001)[::90_000])),
        "would take",
    ),
    "missing record": (
        lambda: saved(state()).replace(b"data/1", b"data/7"),
        "more or fewer values",
    ),
    "record of another size": (
        lambda: repacked(saved(state()), **{"1": bytes(20)}),
        "more or fewer values",
    ),
    "too many tensors": (
        lambda: saved({str(it): torch.zeros(0) for it in range(20_001)}),
        "20,001 tensors",
    ),
    "long name": (lambda: saved({"x" * 100_000: torch.ones(2)}), "more than 250 characters"),
    "lone surrogate": (lambda: saved({"w\ud800": torch.ones(2)}), "cannot be shown"),
    "line break in a name": (lambda: saved({"w\n\x1b[31m": torch.ones(2)}), "cannot be shown"),
    "sparse": (torch_tensor(torch.eye(3).to_sparse()), "sparse"),
    "quantised": (quantised, "quantised"),
    "meta": (torch_tensor(torch.ones(3, device="meta")), "without values"),
    "float8": (torch_tensor(torch.ones(3).to(torch.float8_e4m3fn)), "float8_e4m3fn"),
    "complex": (torch_tensor(torch.ones(3, dtype=torch.complex64)), "complex64"),
    "infinite": (torch_tensor(torch.tensor([1.0, float("inf")])), "finite"),
    "not a number": (torch_tensor(torch.tensor([1.0, float("nan")]).half()), "finite"),
    "too large for float32": (torch_tensor(torch.tensor([1e300], dtype=torch.float64)), "finite"),
    "absurdly large": (torch_tensor(torch.full((3,), 1e30)), "below 1e"),
    "legacy, cut off": (lambda: saved(state(), legacy=True)[:-9], "cut off"),
    "legacy, of another count": (
        lambda: saved(state(), legacy=True).replace(
            struct.pack("<q", 48), struct.pack("<q", 2**40)
        ),
        "damaged",
    ),
    "legacy, expanded": (
        lambda: saved({"w": torch.ones(1).expand(10_000_000)}, legacy=True),
        "repeats 1 stored",
    ),
    "a class": (lambda: saved({"w": Exception("run me")}), "could run code"),
    "an old tar": (lambda: bytes(257) + b"ustar" + bytes(999), "until 2017"),
    "long safetensors name": (
        lambda: save({"x" * 100_000: torch.ones(2)}),
        "more than 250 characters",
    ),
    "huge safetensors header": (lambda: struct.pack("<Q", 2**40) + b"{}", "not a readable"),
    "deep safetensors header": (
        lambda: struct.pack("<Q", 200_000) + b"[" * 100_000 + b"]" * 100_000,
        "not a readable",
    ),
    "deep class names": (
        lambda: save(state(), {"classes": "[" * 100_000 + "]" * 100_000}),
        "class names",
    ),
    "surrogate in class names": (lambda: save(state(), {"classes": '["\\ud800"]'}), "class names"),
    "safetensors float8": (
        lambda: save({"w": torch.ones(3).to(torch.float8_e5m2)}),
        "F8_E5M2",
    ),
    "safetensors overlap": (
        lambda: with_header({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 0, 8)}, bytes(8)),
        "not a readable",
    ),
    "safetensors shape": (
        lambda: with_header({"a": entry("F32", [2**39, 2**39], 0, 8)}, bytes(8)),
        "not a readable",
    ),
    "safetensors of no float": (
        lambda: with_header({"a": entry("F32", [1.5], 0, 8)}, bytes(8)),  # type: ignore[list-item]
        "not a readable",
    ),
}


def wrapped(wrapping: str, tensors: Mapping[str, Tensor]) -> object:
    """Return a state dict as a training script wraps it."""
    if wrapping == "torch.compile":
        return {f"_orig_mod.{name}": value for name, value in tensors.items()}
    if wrapping == "Lightning":
        inner = {f"model.{name}": value for name, value in tensors.items()}
        return {"state_dict": inner, "epoch": 1, "hyper_parameters": {"lr": 0.1}}
    if wrapping == "weight averaging":
        inner = {f"module.{name}": value for name, value in tensors.items()}
        return {**inner, "n_averaged": torch.tensor(3)}
    if wrapping == "compiled and parallel":
        inner = {f"_orig_mod.module.{name}": value for name, value in tensors.items()}
        return {"model_state_dict": OrderedDict(inner), "best": 0.9}
    optimiser = {"state": {0: {"exp_avg": torch.ones(4)}}, "param_groups": [{"params": [0]}]}
    return {wrapping: dict(tensors), "optimizer": optimiser, "epoch": 1}


WRAPPINGS = (
    "torch.compile",
    "Lightning",
    "weight averaging",
    "compiled and parallel",
    "net",
    "model_ema",
    "anything",
)
