"""Weights files: reading them without running code, and loading them into a network.

Only tensors are ever read: from safetensors files, or from ``.pth`` files through
``torch.load(weights_only=True)``, which refuses all other objects.
"""

import hashlib
import json
import pickle
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from core.errors import BadCheckpoint, named
from core.files import write_file

# Keys under which training scripts commonly store a state dict, and the prefix that data-parallel
# training adds to every name.
WRAPPERS = ("state_dict", "model_state_dict", "model")
PARALLEL_PREFIX = "module."
# Auxiliary classifiers that only training uses; torchvision's googlenet and inception_v3
# checkpoints contain them.
AUXILIARY_HEADS = ("aux1.", "aux2.", "AuxLogits.")
# Batch normalisation counts training batches. Evaluation never reads these counters, and old
# checkpoints lack them.
COUNTERS = ".num_batches_tracked"
# A message lists at most this many names and counts the rest.
NAMES_LISTED = 4

StateDict = dict[str, Tensor]


def read_checkpoint(path: Path) -> tuple[StateDict, tuple[str, ...] | None]:
    """Read the tensors of a weights file, and the class names if the file contains any.

    Class names are a JSON list under the key ``classes`` of a safetensors file's metadata.

    Returns:
        float32 (or integer) tensors by parameter name, and the class names or ``None``.

    Raises:
        BadCheckpoint: the file is missing, damaged, or holds anything but finite tensors.
    """
    if not path.is_file():
        raise BadCheckpoint(f"there is no weights file {named(path)}")
    classes = None
    if path.suffix == ".safetensors":
        tensors, classes = _read_safetensors(path)
    else:
        tensors = _read_pth(path)
    state = {
        name.removeprefix(PARALLEL_PREFIX): value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }
    state = {name: value for name, value in state.items() if not name.startswith(AUXILIARY_HEADS)}
    infinite = [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    if infinite:
        raise BadCheckpoint(
            f"{path.name} has values that are no finite numbers in {_list_names(infinite)}"
        )
    return state, classes


def _read_safetensors(path: Path) -> tuple[StateDict, tuple[str, ...] | None]:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        classes = json.loads(metadata["classes"]) if "classes" in metadata else None
    except (SafetensorError, OSError, ValueError) as error:
        raise BadCheckpoint(f"{path.name} is not a readable safetensors file: {error}") from error
    if classes is None:
        return tensors, None
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise BadCheckpoint(f"{path.name} has class names that are no JSON list of strings")
    return tensors, tuple(classes)


def _read_pth(path: Path) -> StateDict:
    try:
        with warnings.catch_warnings():
            # torch.load warns about pickles that it then refuses; the error below is enough.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise BadCheckpoint(
            f"{path.name} is damaged or holds more than tensors, which could run code when "
            "loaded; save model.state_dict() alone, or as safetensors"
        ) from error
    # Damaged bytes can raise almost any exception in the zip, tar and unpickling code.
    except Exception as error:
        raise BadCheckpoint(f"{path.name} is not a readable .pth checkpoint: {error}") from error
    for wrapper in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise BadCheckpoint(f"{path.name} holds no state dict (tensors by parameter name)")
    return dict(content)


def write_safetensors(
    path: Path, state: Mapping[str, Tensor], classes: Sequence[str] | None = None
) -> None:
    """Write tensors and, if given, class names in the format of ``read_checkpoint``."""
    metadata = None if classes is None else {"classes": json.dumps(list(classes))}
    tensors = {name: value.contiguous() for name, value in state.items()}
    write_file(path, save(tensors, metadata))


def class_count(state: Mapping[str, Tensor], module: nn.Module, classes: int) -> int:
    """Return how many classes a checkpoint of a network was trained for.

    The last parameter with ``classes`` rows in the module is the bias or weight of the classifier;
    the checkpoint may have another number of rows there. Example: if ``fc.bias`` is ``[1000]`` in
    the module and ``[10]`` in the checkpoint, the result is 10.

    Args:
        state: the checkpoint's tensors.
        module: the same architecture with its default number of classes, on any device.
        classes: the default number of classes.

    Returns:
        The number of rows in the checkpoint; ``classes`` if the checkpoint has no such parameter.
    """
    for name, value in reversed(list(module.state_dict().items())):
        loaded = state.get(name)
        if loaded is None or value.ndim == 0 or loaded.ndim != value.ndim:
            continue
        if value.shape[0] == classes and loaded.shape[1:] == value.shape[1:]:
            return int(loaded.shape[0])
    return classes


def load_state(
    module: nn.Module, state: Mapping[str, Tensor], file_name: str, network_name: str
) -> None:
    """Replace a network's parameters and buffers by the tensors of a checkpoint.

    Raises:
        BadCheckpoint: a tensor is missing, unexpected, or of a different shape than in the network;
            the message lists these tensors.
    """
    expected = module.state_dict()
    missing = [name for name in expected if name not in state and not name.endswith(COUNTERS)]
    unexpected = [name for name in state if name not in expected]
    misshapen = [
        f"{name} {list(state[name].shape)} instead of {list(value.shape)}"
        for name, value in expected.items()
        if name in state and state[name].shape != value.shape
    ]
    problems = [
        f"{len(names)} {what}: {_list_names(names)}"
        for what, names in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("of another shape", misshapen),
        )
        if names
    ]
    if problems:
        raise BadCheckpoint(
            f"{file_name} does not fit {network_name}; tensors {'; '.join(problems)}"
        )
    counters = {
        name: torch.zeros_like(expected[name], device="cpu")
        for name in expected
        if name not in state
    }
    module.load_state_dict({**state, **counters}, assign=True)


def fingerprint(state: Mapping[str, Tensor], *settings: object) -> str:
    """Return 16 hexadecimal digits of a SHA-256 that identify weights and settings by content."""
    digest = hashlib.sha256(repr(settings).encode())
    for name in sorted(state):
        value = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _list_names(names: Iterable[str]) -> str:
    """Return the first names as text, and how many more there are: ``a, b, c, d and 3 more``."""
    names = list(names)
    more = f" and {len(names) - NAMES_LISTED} more" if len(names) > NAMES_LISTED else ""
    return ", ".join(names[:NAMES_LISTED]) + more
