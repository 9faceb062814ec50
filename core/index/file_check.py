"""Checks of an index file, so that nothing in a file from a stranger breaks a page.

``check_manifest`` and ``check_tables`` use the header alone, before any memory is spent.
``check_content`` reads the small tables and the rankings; the sample's values are not read.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.errors import ExplorerError, quoted
from core.index.plan import IndexedLayer, IndexPlan
from core.index.top_k import NO_IMAGE, picture_id
from core.safetensors_header import SafetensorsHeader

LAYERS_AT_MOST, CHANNELS_AT_MOST, UNITS_AT_MOST = 10_000, 1_000_000, 10_000_000
K_AT_MOST, SAMPLE_AT_MOST = 100, 1_000_000
INPUT_AT_MOST, SIDE_AT_MOST, INTERVAL_AT_MOST = 10_000, 2**26, 1_000_000
# Paths of Linux have at most 4096 bytes.
TEXT_AT_MOST, NAME_BYTES = 4200, 4200
STATISTICS_OF_FILES = (("max",), ("max", "mean"))
RANKINGS = ("top", "least")


def check_manifest(manifest: Mapping[str, Any]) -> IndexPlan:
    """Check the manifest of an index, and return the plan that is in it.

    Raises:
        ValueError: something is missing or makes no sense; the text says what.
    """
    if type(manifest.get("complete")) is not bool:
        raise ValueError("it does not say whether it is complete")
    skipped = manifest.get("skipped")
    if not isinstance(skipped, dict) or not all(isinstance(it, str) for it in skipped.values()):
        raise ValueError("its list of skipped images makes no sense")
    try:
        plan = IndexPlan.from_json(manifest["plan"])
    except (ExplorerError, KeyError, TypeError) as error:
        raise ValueError("its plan cannot be read") from error
    texts = (plan.network, plan.weights, plan.collection, plan.preprocessing)
    if not all(_is_text(it) for it in (*texts, manifest.get("source"))):
        raise ValueError("its network or its collection makes no sense")
    if not _is_pair(plan.input_size, 1, INPUT_AT_MOST):
        raise ValueError("its input size makes no sense")
    if plan.by not in STATISTICS_OF_FILES:
        raise ValueError("its statistics make no sense")
    if not _is_count(plan.k, 1, K_AT_MOST) or not _is_count(plan.sample, 0, SAMPLE_AT_MOST):
        raise ValueError("its numbers of images make no sense")
    _check_layers(plan.layers)
    return plan


def _check_layers(layers: tuple[IndexedLayer, ...]) -> None:
    if not 1 <= len(layers) <= LAYERS_AT_MOST:
        raise ValueError(f"it has {len(layers):,} layers")
    for layer in layers:
        if not _is_text(layer.name) or not layer.name.isprintable():
            raise ValueError("the name of a layer makes no sense")
        if not _is_count(layer.channels, 1, CHANNELS_AT_MOST) or not _has_positions(layer):
            raise ValueError(f"its layer {quoted(layer.name)} makes no sense")
    if len({layer.name for layer in layers}) < len(layers):
        raise ValueError("two of its layers have one name")
    if sum(layer.channels for layer in layers) > UNITS_AT_MOST:
        raise ValueError("it has too many units")


def _has_positions(layer: IndexedLayer) -> bool:
    """Whether size and receptive fields of a layer fit each other."""
    if layer.size is None:
        return layer.rows is None and layer.cols is None
    if not _is_pair(layer.size, 1, INPUT_AT_MOST):
        return False
    if layer.rows is None or layer.cols is None:
        return layer.rows is layer.cols
    return all(
        isinstance(intervals, tuple)
        and len(intervals) == count
        and all(_is_pair(it, -INTERVAL_AT_MOST, INTERVAL_AT_MOST) for it in intervals)
        for intervals, count in zip((layer.rows, layer.cols), layer.size, strict=True)
    )


def _is_count(value: Any, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def _is_pair(value: Any, least: int, most: int) -> bool:
    pair = isinstance(value, tuple) and len(value) == 2
    return pair and all(_is_count(it, least, most) for it in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_AT_MOST and "\0" not in value


def check_tables(header: SafetensorsHeader, plan: IndexPlan) -> None:
    """Check that the tensors are those of the plan, with types and shapes that fit each other.

    Raises:
        ValueError: a tensor is missing, unexpected, or of another type or shape.
    """
    shapes = {name: tensor.shape for name, tensor in header.tensors.items()}

    def length(name: str) -> int:
        shape = shapes.get(name, ())
        if len(shape) != 1:
            raise ValueError(f"its table {name} is missing or of another shape")
        return shape[0]

    sampled, named, text = length("sample/pictures"), length("named/ends"), length("named/names")
    expected: dict[str, tuple[str, tuple[int, ...]]] = {
        "sample/pictures": ("I64", (sampled,)),
        "sample/values": ("F32", (plan.rows, sampled)),
        "pictures": ("I64", (length("pictures"),)),
        "named/pictures": ("I64", (named,)),
        "named/sizes": ("I32", (named, 2)),
        "named/names": ("U8", (text,)),
        "named/ends": ("I64", (named,)),
    }
    for table in RANKINGS:
        for part, dtype in (("values", "F32"), ("pictures", "I64"), ("places", "I32")):
            expected[f"{table}/{part}"] = (dtype, (plan.rows, plan.k))
    found = {name: (tensor.dtype, tensor.shape) for name, tensor in header.tensors.items()}
    wrong = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    if wrong:
        raise ValueError(f"its table {quoted(wrong[0])} is missing or of another shape")
    if sampled > plan.sample or named > length("pictures"):
        raise ValueError("it has more samples or names than images")


def check_content(file: Any, plan: IndexPlan) -> None:
    """Check the values that lead from one table to another.

    Args:
        file: the memory-mapped safetensors file.
        plan: the plan of the file.

    Raises:
        ValueError: an id is unknown, a name or a position is out of range, or a value is no number.
    """
    ids, scanned = file.get_tensor("named/pictures"), file.get_tensor("pictures")
    if (np.diff(ids) <= 0).any() or (np.diff(scanned) < 0).any():
        raise ValueError("its ids are not in order")
    _check_names(file, ids)
    if not _contains(ids, file.get_tensor("sample/pictures")):
        raise ValueError("its sample has images without names")
    positions = _position_counts(plan)
    for table in RANKINGS:
        values, pictures, places = (
            file.get_tensor(f"{table}/{part}") for part in ("values", "pictures", "places")
        )
        used = pictures != NO_IMAGE
        if not _contains(ids, pictures[used]):
            raise ValueError(f"its table {table} has images without names")
        if ((places < 0) | (places >= positions[:, None]))[used].any():
            raise ValueError(f"its table {table} has positions out of range")
        if not np.isfinite(values[used]).all():
            raise ValueError(f"its table {table} has values that are no finite numbers")


def _check_names(file: Any, ids: Any) -> None:
    sizes = file.get_tensor("named/sizes")
    if ((sizes < 1) | (sizes > SIDE_AT_MOST)).any():
        raise ValueError("an image has a size that makes no sense")
    ends = file.get_tensor("named/ends")
    total = file.get_slice("named/names").get_shape()[0]
    lengths = np.diff(ends, prepend=0)
    last = int(ends[-1]) if len(ends) else 0
    if ((lengths < 0) | (lengths > NAME_BYTES)).any() or last != total:
        raise ValueError("its names make no sense")
    text = file.get_tensor("named/names").tobytes()
    starts = [0, *ends[:-1].tolist()]
    for picture, start, stop in zip(ids.tolist(), starts, ends.tolist(), strict=False):
        if picture_id(text[start:stop]) != picture:
            raise ValueError("an id is not that of its name")


def _contains(ascending: Any, wanted: Any) -> bool:
    """Whether all ``wanted`` ids are among some ids in ascending order."""
    if not len(ascending):
        return not wanted.size
    at = np.searchsorted(ascending, wanted).clip(max=len(ascending) - 1)
    return bool((ascending[at] == wanted).all())


def _position_counts(plan: IndexPlan) -> Any:
    """Return the number of positions for each row of the tables, int64 ``[R]``.

    Layers without rows and columns have any number of positions.
    """
    counts = [
        np.iinfo(np.int32).max if layer.size is None else layer.size[0] * layer.size[1]
        for layer in plan.layers
    ]
    channels = [layer.channels for layer in plan.layers]
    return np.tile(np.repeat(np.array(counts, np.int64), channels), len(plan.by))
