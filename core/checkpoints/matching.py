"""The tensors of a weights file that are a network's: found by names and shapes, without PyTorch.

The same network may be in a file several times, as with an average of its weights, and below any
names: ``state_dict.model.module.conv1.weight``. Names of the network are looked for at the ends of
the paths; those with the same beginning are one *copy* of the network.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from core.checkpoints.contents import FileContent
from core.checkpoints.declared import ITEM_BYTES
from core.checkpoints.plain_names import AUXILIARY_HEADS
from core.errors import named

Shape = tuple[int, ...]
# Batch normalisation counts training batches. Evaluation never reads these counters, and old
# checkpoints lack them.
COUNTERS = ".num_batches_tracked"
# What programs that count operations leave in a network.
COUNTED = ("total_ops", "total_params")
# What wrappers put between the names of a network: parallel and compiled modules, shards.
TRANSPARENT = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
# Names of torchvision that are called otherwise today.
RENAMED = (
    (re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\."), r"\1\2."),
    (re.compile(r"\bmlp\.linear_1\."), "mlp.0."),
    (re.compile(r"\bmlp\.linear_2\."), "mlp.3."),
)
# No name of a network has more parts.
PARTS_AT_MOST = 12
# Copies of a network that are compared in full, those with most tensors.
COPIES_AT_MOST = 8
# A name of a running average of the weights: ``model_ema``, ``ema.module``, ``swa_model``.
AVERAGE = re.compile(r"(^|[._])(ema|swa|averaged?|shadow)([._\d]|$)")


@dataclass(frozen=True)
class NetworkShapes:
    """The tensors of a network that is not loaded.

    Attributes:
        name: name of the network.
        shapes: the shapes of its parameters and buffers by name.
        classes: the number of classes for which these shapes are.
    """

    name: str
    shapes: Mapping[str, Shape]
    classes: int

    @cached_property
    def head(self) -> str:
        """The name of the weight that computes the logits: the last with a row for each class."""
        weights = (
            name
            for name, shape in reversed(list(self.shapes.items()))
            if len(shape) > 1 and shape[0] == self.classes
        )
        return next(weights, "")

    @property
    def head_module(self) -> str:
        """The name of the outermost module in which the logits are computed."""
        return self.head.partition(".")[0]


@dataclass(frozen=True)
class NetworkFit:
    """How the tensors of a file fit a network.

    Attributes:
        copy: what is before the network's names in the file, such as ``model_ema.module.``.
        paths: paths in the file by names of the network.
        classes: the number of classes in the file; 0 if the file has no logits.
        dropped: names of the network's head that the file lacks.
        missing: further names that it lacks.
        unexpected: tensors of this copy that the network does not have: paths by name.
        misshapen: texts on tensors of another shape.
        versions: versions of modules by name; "" is the network.
    """

    network: str
    copy: str = ""
    paths: Mapping[str, str] = field(default_factory=dict)
    classes: int = 0
    dropped: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: Mapping[str, str] = field(default_factory=dict)
    misshapen: tuple[str, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)

    @property
    def fits(self) -> bool:
        """Whether the file has all tensors of the network but its head, and no others."""
        return bool(self.paths) and not (self.missing or self.unexpected or self.misshapen)

    def rank(self) -> tuple[bool, bool, bool, int]:
        """Return a key by which the best fit is the largest: complete ones, then averages."""
        good = self.fits
        average = good and AVERAGE.search(self.copy.lower()) is not None
        return good, good and self.classes > 0, average, len(self.paths) - len(self.misshapen)


def copy_names(content: FileContent, network: NetworkShapes) -> list[str]:
    """Return what a user may name after ``#``: the copies of a network in a file, largest first."""
    copies = _copies(_plain_paths(content, network), network)
    return [copy.rstrip(".") for copy in _large(copies, list(copies))]


def best_fit(content: FileContent, network: NetworkShapes, part: str = "") -> NetworkFit:
    """Return how the tensors of a file fit a network, for the copy that fits best.

    Of several copies that fit, a running average of the weights is taken, because it is what is
    evaluated and published.

    Args:
        content: the tensors of the file.
        network: the network.
        part: the copy that the user names: its path, or a part of it; "" for any.
    """
    return max(
        all_fits(content, network, part), key=NetworkFit.rank, default=NetworkFit(network.name)
    )


def all_fits(content: FileContent, network: NetworkShapes, part: str = "") -> list[NetworkFit]:
    """Return how each copy of a network in a file fits, as ``best_fit`` does for the best one."""
    plain = _plain_paths(content, network)
    copies = _copies(plain, network)
    chosen = [copy for copy in copies if not part or _is_named(copy, part)]
    large = _large(copies, list(copies))
    return [
        _fit(content, network, copies[copy], copy, _others(content, plain, copies, large, copy))
        for copy in _large(copies, chosen)
    ]


def _large(copies: Mapping[str, Mapping[str, str]], chosen: Sequence[str]) -> list[str]:
    """Return those of the copies, the largest first, that have half as much as the first."""
    least = len(copies[chosen[0]]) / 2 if chosen else 0
    return [copy for copy in chosen[:COPIES_AT_MOST] if len(copies[copy]) >= least]


def _is_named(copy: str, part: str) -> bool:
    path = copy.rstrip(".")
    return path == part or path.startswith(f"{part}.") or part in path.split(".")


def _plain_paths(content: FileContent, network: NetworkShapes) -> dict[str, str]:
    """Return the plain path of each tensor, by its path."""
    own = {part for name in network.shapes for part in name.split(".")}
    return {path: plain_path(path, own) for path in content.tensors}


def _copies(plain_paths: Mapping[str, str], network: NetworkShapes) -> dict[str, dict[str, str]]:
    """Return, for each beginning of paths, the paths by the network's names; the largest first."""
    copies: dict[str, dict[str, str]] = defaultdict(dict)
    for path, plain in plain_paths.items():
        for start in suffix_starts(plain):
            if plain[start:] in network.shapes:
                copies[plain[:start]].setdefault(plain[start:], path)
    ordered = sorted(copies.items(), key=lambda it: -len(it[1]))
    return dict(ordered)


def plain_path(path: str, own: Iterable[str] = ()) -> str:
    """Return a path without what wrappers put between names, and with the names of today.

    Args:
        path: path of a tensor.
        own: parts of the network's own names, which stay.
    """
    parts = path.split(".")
    if not TRANSPARENT.isdisjoint(parts):
        hidden = TRANSPARENT - set(own)
        path = ".".join(part for part in parts if part not in hidden)
    for pattern, today in RENAMED:
        path = pattern.sub(today, path)
    return path


def suffix_starts(path: str) -> list[int]:
    """Return the positions at which the last parts of a path begin, the longest first."""
    starts = [0, *(at + 1 for at, letter in enumerate(path) if letter == ".")]
    return starts[-PARTS_AT_MOST:]


def _fit(
    content: FileContent,
    network: NetworkShapes,
    members: Mapping[str, str],
    copy: str,
    extra: Mapping[str, str],
) -> NetworkFit:
    """Return how one copy fits.

    Args:
        content: the tensors of the file.
        network: the network.
        members: paths in the file by names of the network.
        copy: what is before these names.
        extra: paths of tensors beside them by plain path.
    """
    paths = dict(members)
    if network.head and network.head not in paths:
        paths |= _renamed_head(content, network, extra)
    rows = _rows(content, network, paths)
    dropped = _dropped(network, paths) if network.head and network.head not in paths else ()
    replaced = {name.rpartition(".")[0] for name in dropped}
    paths = {name: it for name, it in paths.items() if name.rpartition(".")[0] not in replaced}
    expected = _with_classes(network, rows)
    own = {name.partition(".")[0] for name in network.shapes} - {network.head_module}
    renamed = network.head not in members
    used = set(paths.values())
    unexpected = {
        name: path
        for name, path in extra.items()
        if path not in used
        and name.startswith(copy)
        # Where the head is another one, so are the modules in it or beside it.
        and not (renamed and name[len(copy) :].partition(".")[0] not in own)
    }
    return NetworkFit(
        network.name,
        copy,
        paths,
        0 if dropped else rows,
        dropped,
        tuple(
            name
            for name in expected
            if name not in paths and name not in dropped and not name.endswith(COUNTERS)
        ),
        {name[len(copy) :]: path for name, path in unexpected.items()},
        tuple(
            f"{named(name)} {list(content.tensors[path].shape)} instead of {list(expected[name])}"
            for name, path in paths.items()
            # A tensor without plain values has no shape here; it is refused when it is read.
            if content.tensors[path].shape != expected[name]
            and content.tensors[path].dtype in ITEM_BYTES
        ),
        _versions(content, copy),
    )


def _others(
    content: FileContent,
    plain: Mapping[str, str],
    copies: Mapping[str, Mapping[str, str]],
    large: Sequence[str],
    copy: str,
) -> dict[str, str]:
    """Return paths by plain path of the tensors beside a copy that may belong to it.

    They are in the same mappings. Counters, auxiliary heads and other large copies are left out.
    """
    holders = {content.holders[path] for path in copies[copy].values()}
    known = {path for it in {copy, *large} for path in copies[it].values()}
    found = {}
    for path, tensor in content.tensors.items():
        counter = not tensor.shape or path.endswith(COUNTED)
        unused = counter or plain[path].removeprefix(copy).startswith(AUXILIARY_HEADS)
        if path not in known and content.holders[path] in holders and not unused:
            found[plain[path]] = path
    return found


def _renamed_head(
    content: FileContent, network: NetworkShapes, extra: Mapping[str, str]
) -> dict[str, str]:
    """Return paths of the head under another name: the only other weights, if they can be its."""
    shape = network.shapes[network.head]
    weights = [path for path in extra.values() if len(content.tensors[path].shape) > 1]
    if len(weights) != 1 or content.tensors[weights[0]].shape[1:] != shape[1:]:
        return {}
    found = {network.head: weights[0]}
    bias = _bias_of(network.head)
    if bias in network.shapes:
        path = _bias_of(weights[0])
        rows = content.tensors[weights[0]].shape[:1]
        if path not in content.tensors or content.tensors[path].shape != rows:
            return {}
        found[bias] = path
    return found


def _bias_of(weight: str) -> str:
    return weight.removesuffix("weight") + "bias"


def _rows(content: FileContent, network: NetworkShapes, paths: Mapping[str, str]) -> int:
    """Return how many classes the head in a file has, by the rows of its weight.

    Biases are not used: a short file may have a bias of many rows, but weights take the place that
    they claim.
    """
    path = paths.get(network.head)
    if path is None:
        return network.classes
    shape = content.tensors[path].shape
    same = shape[1:] == network.shapes[network.head][1:]
    return max(shape[0], 1) if same and shape else network.classes


def _with_classes(network: NetworkShapes, rows: int) -> dict[str, Shape]:
    """Return the network's shapes for another number of classes."""
    expected = dict(network.shapes)
    for name in (network.head, _bias_of(network.head)):
        if name in expected and rows != network.classes:
            expected[name] = (rows, *expected[name][1:])
    return expected


def _dropped(network: NetworkShapes, paths: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the head that a file lacks: those in the module of the logits.

    A module that lacks one of its tensors lacks all of them.
    """
    inside = [it for it in network.shapes if it.startswith(f"{network.head_module}.")]
    lacking = {it.rpartition(".")[0] for it in inside if it not in paths}
    return tuple(it for it in inside if it.rpartition(".")[0] in lacking)


def _versions(content: FileContent, copy: str) -> dict[str, int]:
    """Return the versions of the modules of one copy, by their names in the network."""
    versions = {}
    for path, version in content.versions.items():
        plain = plain_path(path)
        if f"{plain}." == copy or not copy or plain.startswith(copy):
            versions[plain[len(copy) :]] = version
    return versions


def endings(content: FileContent) -> set[str]:
    """Return the ends of all paths in a file, to see quickly which networks cannot fit."""
    plain = map(plain_path, content.tensors)
    return {path[start:] for path in plain for start in suffix_starts(path)}
