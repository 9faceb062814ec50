"""The file format of an index: one safetensors file, which is replaced as a whole or not at all.

A table has one row for each pair of a unit and a statistic, R rows in all: first the units of all
layers of the plan with the statistic ``max``, layer by layer, then the same units with ``mean`` if
the plan includes it. There are N scanned images, S of them in the random sample, and M of them in
at least one of the tables ``top``, ``least`` and ``sample``. The tensors are:

    top/values, top/pictures, top/places        float32, int64, int32 [R, k], highest value first
    least/values, least/pictures, least/places  the same types and shapes, lowest value first
    sample/pictures, sample/values              int64 [S] and float32 [R, S]
    pictures                                    int64 [N], ascending: ids of all scanned images
    named/pictures                              int64 [M], ascending: ids in top, least and sample
    named/sizes                                 int32 [M, 2], height and width at full size
    named/names, named/ends                     uint8, the concatenated names in UTF-8; int64 [M],
                                                the offset at which each name ends

``pictures`` are image ids. ``places`` are flat positions, which count a layer's positions row by
row. If there are fewer than k images, the other entries have the id 2^63 - 1 and the position -1.
The metadata's ``manifest`` is JSON: ``format``, ``version``, ``plan``
(``core.index.plan.IndexPlan``), ``source`` (location of the images), ``complete`` (whether the
whole source has been scanned) and ``skipped`` (names of the images that could not be opened, with
the reasons; only as many as have room).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from core.errors import ExplorerError, named, quoted
from core.files import write_file
from core.index import file_check
from core.safetensors_header import HEADER_BYTES, parse_json, read_header

FORMAT, VERSION = "neuron-explorer index", 1
# The skipped images take at most half of the header that can be read.
SKIPPED_CHARACTERS = HEADER_BYTES // 4

Array = npt.NDArray[Any]


def write(path: Path, tensors: Mapping[str, Array], manifest: Mapping[str, Any]) -> None:
    """Write an index file; if this fails, an existing file remains unchanged.

    Raises:
        ExplorerError: the file cannot be written.
    """
    content = {"format": FORMAT, "version": VERSION, **manifest}
    write_file(path, save(dict(tensors), {"manifest": json.dumps(content)}))


def read(path: Path) -> tuple[Any, dict[str, Any]]:
    """Return the memory-mapped safetensors file and the manifest, after ``file_check`` of both.

    Raises:
        ExplorerError: the file is missing, damaged, or not an index of this version.
    """
    try:
        if not path.is_file():
            raise ExplorerError(f"there is no index {named(path)}; `index` makes one")
        header = read_header(path)
        manifest = parse_json(header.metadata.get("manifest", ""))
        if not isinstance(manifest, dict):
            raise ValueError("its manifest is no JSON object")
        _check_version(path, manifest)
        plan = file_check.check_manifest(manifest)
        file_check.check_tables(header, plan)
        file: Any = safe_open(path, framework="np")
        file_check.check_content(file, plan)
    except (SafetensorError, OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ExplorerError(
            f"{named(path)} is no index of pictures, or it is damaged ({reason}): make it anew"
        ) from error
    return file, manifest


def _check_version(path: Path, manifest: Mapping[str, Any]) -> None:
    kind, version = manifest.get("format"), manifest.get("version")
    if kind != FORMAT or version != VERSION:
        raise ExplorerError(
            f"{named(path)} is of the format {quoted(kind)}, version {quoted(version)}; this "
            f"program reads version {VERSION} of {quoted(FORMAT)}: make it anew"
        )


def kept_reasons(skipped: Mapping[str, str]) -> dict[str, str]:
    """Return the first skipped images and their reasons, as many as fit into the header."""
    kept: dict[str, str] = {}
    room = SKIPPED_CHARACTERS
    for name, reason in sorted(skipped.items()):
        room -= len(json.dumps(name)) + len(json.dumps(reason))
        if room < 0:
            break
        kept[name] = reason
    return kept


def pack_names(names: list[str]) -> tuple[Array, Array]:
    """Return the concatenated names, uint8, and the offset at which each name ends, int64."""
    encoded = [name.encode("utf-8", "surrogateescape") for name in names]
    ends = np.cumsum([len(it) for it in encoded], dtype=np.int64)
    return np.frombuffer(b"".join(encoded), np.uint8), ends


def unpack_name(text: Array, ends: Array, at: int) -> str:
    """Return name number ``at`` from the result of ``pack_names``."""
    start = int(ends[at - 1]) if at else 0
    return bytes(text[start : int(ends[at])]).decode("utf-8", "surrogateescape")
