"""Weights files in the shapes in which people have them: those that load, and those that cannot."""

import argparse
import copy
import datetime
import enum
import functools
import io
import pathlib
import pickle
import warnings
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn
from torchvision import models

from tests.core.weights_cases import saved

State = dict[str, Tensor]
# A network whose head is a convolution in a module of several, and one whose head is one module.
SQUEEZENET, SHUFFLENET, MNASNET = "squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5"
# The numbers that each network's head has of what it takes.
FEATURES = {SQUEEZENET: 512, SHUFFLENET: 1024}
CLASSES = 2


class Schedule(enum.Enum):
    """A setting of a training, of a class that the reader does not know."""

    COSINE = "cosine"


class Settings:
    """Settings of a training, with a tensor that is no weight."""

    def __init__(self) -> None:
        self.rate, self.weights = 0.1, torch.ones(CLASSES)


@functools.cache
def module(name: str = SQUEEZENET) -> nn.Module:
    """Return a network with random weights, and two classes."""
    torch.manual_seed(0)
    built: nn.Module = models.get_model(name, weights=None, num_classes=CLASSES)
    return built


def weights(name: str = SQUEEZENET) -> State:
    """Return the state dict of a network."""
    return dict(module(name).state_dict())


def below(prefix: str, state: Mapping[str, Tensor] | None = None) -> State:
    """Return a state dict whose names have a prefix."""
    return {prefix + name: it for name, it in (weights() if state is None else state).items()}


def other(state: Mapping[str, Tensor]) -> State:
    """Return the same tensors with other values."""
    return {name: it + 1 for name, it in state.items()}


def inside(first: str, wrapper: str) -> State:
    """Return a state dict in which one of the modules was wrapped, as in old training scripts."""
    return {
        name.replace(f"{first}.", f"{first}.{wrapper}.", 1): it for name, it in weights().items()
    }


def headless(name: str = SQUEEZENET) -> State:
    """Return a state dict without the head."""
    first = ("classifier.", "fc.")
    return {key: it for key, it in weights(name).items() if not key.startswith(first)}


def with_head(**tensors: Tensor) -> State:
    """Return a state dict of ShuffleNet with another head; ``__`` stands for a point."""
    head = {key.replace("__", "."): it for key, it in tensors.items()}
    return {**headless(SHUFFLENET), **head}


def head_of(name: str = SHUFFLENET) -> tuple[Tensor, Tensor]:
    """Return weight and bias of a head."""
    state = weights(name)
    return state["fc.weight"], state["fc.bias"]


def tree(state: Mapping[str, Tensor]) -> dict[str, object]:
    """Return a state dict with a mapping for each module."""
    root: dict[str, object] = {}
    for name, value in state.items():
        *parents, last = name.split(".")
        inner = root
        for parent in parents:
            inner = inner.setdefault(parent, {})  # type: ignore[assignment]
        inner[last] = value
    return root


def optimiser() -> dict[str, object]:
    """Return the state of an optimiser after a step."""
    parameters = [nn.Parameter(torch.ones(3))]
    adam = torch.optim.Adam(parameters)
    parameters[0].grad = torch.ones(3)
    adam.step()
    return adam.state_dict()


@functools.cache
def first_version() -> OrderedDict[str, Tensor]:
    """Return the state dict of an MNASNet of torchvision's first version, with a wider stem."""
    built = copy.deepcopy(module(MNASNET))
    older = built.state_dict()
    older._metadata[""]["version"] = 1  # type: ignore[attr-defined]
    empty: OrderedDict[str, Tensor] = OrderedDict()
    empty._metadata = older._metadata  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It advises to train a network of today.
        built.load_state_dict(empty, strict=False)
    state = built.state_dict()
    state._metadata[""]["version"] = 1  # type: ignore[attr-defined]
    return state


def script() -> bytes:
    """Return a TorchScript program."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Newer versions of PyTorch deprecate it.
        torch.jit.save(torch.jit.trace(nn.Linear(2, 3), torch.ones(1, 2)), buffer)
    return buffer.getvalue()


def archive(*names: str) -> bytes:
    """Return a zip archive with records of some names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for name in names:
            opened.writestr(name, "content " * 20)
    return buffer.getvalue()


@dataclass(frozen=True)
class Loads:
    """What a file gives that loads.

    Attributes:
        network: the network as which it is loaded.
        expected: the tensors that the network then has.
        count: the number of its classes; 0 for none.
        classes: the names of the classes.
        part: what is named in the file.
    """

    network: str = SQUEEZENET
    expected: Callable[[], Mapping[str, Tensor]] = weights
    count: int = CLASSES
    classes: tuple[str, ...] = ()
    part: str = ""


@dataclass(frozen=True)
class Refused:
    """Words of the sentence with which a file is refused: what was seen, and what to do."""

    seen: str
    advice: str
    network: str = SQUEEZENET
    part: str = ""


SQUEEZE = Loads()
SHUFFLE = Loads(SHUFFLENET, lambda: weights(SHUFFLENET))
BARE = Loads(SHUFFLENET, lambda: headless(SHUFFLENET), 0)
OTHER = Loads(expected=lambda: other(weights()))

Case = tuple[Callable[[], object], Loads | Refused]

# Each with what ``torch.save`` writes, or with bytes.
PREFIXES: dict[str, Case] = {
    "plain": (weights, SQUEEZE),
    "module": (lambda: below("module."), SQUEEZE),
    "compiled": (lambda: below("_orig_mod."), SQUEEZE),
    "net": (lambda: {"net": below("net.")}, SQUEEZE),
    "backbone": (lambda: below("backbone."), SQUEEZE),
    "doubled": (lambda: below("module.module."), SQUEEZE),
    "compiled, then parallel": (lambda: below("_orig_mod.module.model."), SQUEEZE),
    "parallel, then compiled": (lambda: below("model._orig_mod.module."), SQUEEZE),
    "parallel inside": (lambda: inside("features", "module"), SQUEEZE),
    "compiled inside": (lambda: inside("features", "_orig_mod"), SQUEEZE),
    "unknown wrapper": (lambda: below("learner.student_7."), SQUEEZE),
    "safetensors with a prefix": (lambda: save(below("model.net.")), SQUEEZE),
}
WRAPPINGS: dict[str, Case] = {
    "state_dict": (lambda: {"state_dict": weights(), "epoch": 3}, SQUEEZE),
    "Lightning": (
        lambda: {
            "state_dict": {**below("model."), "criterion.weight": torch.ones(CLASSES)},
            "optimizer_states": [optimiser()],
            "hyper_parameters": {"rate": 0.1},
        },
        SQUEEZE,
    ),
    "six deep": (lambda: {"a": [{"b": ({"c": {"d": below("module.")}},)}]}, SQUEEZE),
    "a mapping for each module": (lambda: {"params": tree(weights())}, SQUEEZE),
    "an optimiser beside": (lambda: {**weights(), "optimizer": optimiser()}, SQUEEZE),
    "old format": (lambda: saved({"model": weights()}, legacy=True), SQUEEZE),
    "a whole module": (module, SQUEEZE),
    "a whole module, old format": (lambda: saved(module(), legacy=True), SQUEEZE),
    "a whole parallel module": (lambda: {"model": nn.DataParallel(module()), "n": 1}, SQUEEZE),
}
COUNTERS: dict[str, Case] = {
    "weight averaging": (lambda: {**below("module."), "n_averaged": torch.tensor(3)}, SQUEEZE),
    "counted operations": (
        lambda: {**weights(), "total_ops": torch.zeros(1), "features.total_params": torch.ones(1)},
        SQUEEZE,
    ),
}
AVERAGES: dict[str, Case] = {
    "average chosen": (lambda: {"model": weights(), "model_ema": other(weights())}, OTHER),
    "plain one named": (
        lambda: {"model": weights(), "model_ema": other(weights())},
        Loads(part="model"),
    ),
    "average in the same mapping": (
        lambda: {**below("online."), **below("ema.module.", other(weights()))},
        OTHER,
    ),
    "incomplete average": (
        lambda: {"model": weights(), "ema": dict(list(other(weights()).items())[:30])},
        SQUEEZE,
    ),
    "a part that is not there": (
        lambda: {"model": weights(), "ema": weights()},
        Refused("no weights of squeezenet1_1 below 'teacher'", "it has model, ema", part="teacher"),
    ),
}
OBJECTS: dict[str, Case] = {
    "Namespace": (lambda: {"args": argparse.Namespace(rate=0.1), "model": weights()}, SQUEEZE),
    "paths and dates": (
        lambda: {
            "out": pathlib.Path("run/1"),
            "date": datetime.datetime(2024, 5, 1, tzinfo=datetime.UTC),
            "sizes": defaultdict(list, {"a": [1]}),
            "best": np.float64(0.9),
            "seed": np.arange(3),
            "state_dict": weights(),
        },
        SQUEEZE,
    ),
    "objects of own classes": (
        lambda: {"schedule": Schedule.COSINE, "settings": Settings(), "model": weights()},
        SQUEEZE,
    ),
}
HEADS: dict[str, Case] = {
    "headless": (headless, Loads(expected=headless, count=0)),
    "identity as head": (lambda: below("encoder.", headless(SHUFFLENET)), BARE),
    "a Sequential as head": (
        lambda: with_head(fc__1__weight=head_of()[0], fc__1__bias=head_of()[1]),
        SHUFFLE,
    ),
    "another name": (
        lambda: with_head(last_linear__weight=head_of()[0], last_linear__bias=head_of()[1]),
        SHUFFLE,
    ),
    "a head beside the backbone": (
        lambda: {
            **below("backbone.", headless(SHUFFLENET)),
            "head.weight": head_of()[0],
            "head.bias": head_of()[1],
        },
        SHUFFLE,
    ),
    "two layers as head": (
        lambda: with_head(
            fc__0__weight=torch.ones(9, FEATURES[SHUFFLENET]),
            fc__0__bias=torch.ones(9),
            fc__2__weight=torch.ones(4, 9),
            fc__2__bias=torch.ones(4),
        ),
        BARE,
    ),
    "other classes": (
        lambda: with_head(fc__weight=torch.ones(7, 1024), fc__bias=torch.ones(7)),
        Loads(
            SHUFFLENET,
            lambda: with_head(fc__weight=torch.ones(7, 1024), fc__bias=torch.ones(7)),
            7,
        ),
    ),
}
NAMED = Loads(classes=("robin", "wren"))
NAMES: dict[str, Case] = {
    "a list": (lambda: {"model": weights(), "classes": ["robin", "wren"]}, NAMED),
    "numbers by name": (
        lambda: {"model": weights(), "class_to_idx": {"wren": 1, "robin": 0}},
        NAMED,
    ),
    "names by number": (
        lambda: {"model": weights(), "meta": {"id2label": {"1": "wren", "0": "robin"}}},
        NAMED,
    ),
    "names of other classes": (
        lambda: {"model": weights(), "classes": ["a", "b", "c"], "names": ("robin", "wren")},
        NAMED,
    ),
    "in safetensors": (lambda: save(weights(), {"classes": '["robin", "wren"]'}), NAMED),
}
VERSIONS: dict[str, Case] = {
    "MNASNet": (
        lambda: {"model": module(MNASNET).state_dict()},
        Loads(MNASNET, lambda: weights(MNASNET)),
    ),
    "MNASNet without versions": (
        lambda: save(weights(MNASNET)),
        Loads(MNASNET, lambda: weights(MNASNET)),
    ),
    "MNASNet of the first version": (
        lambda: {"state_dict": first_version()},
        Loads(MNASNET, first_version),
    ),
}
FOREIGN: dict[str, Case] = {
    "ONNX": (lambda: b"\x08\x08\x12\x07pytorch\x1a\x052.5.1" + bytes(300), Refused("ONNX", "save")),
    "Keras, old": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(300), Refused("Keras", "rebuild")),
    "Keras": (
        lambda: archive("metadata.json", "config.json", "model.weights.h5"),
        Refused("Keras", "rebuild"),
    ),
    "TorchScript": (script, Refused("TorchScript", "state_dict")),
    "pt2": (lambda: archive("m/archive_format", "m/data/x"), Refused("pt2", "export.load")),
    "arrays": (lambda: archive("weight.npy"), Refused("numpy", "put the arrays")),
    "a web page": (lambda: b"\n<!DOCTYPE html><html>" * 9, Refused("web page", "download")),
    "Git LFS": (lambda: b"version https://git-lfs.github.com/spec/v1\n", Refused("LFS", "pull")),
    "packed": (lambda: b"\x1f\x8b\x08" + bytes(300), Refused("gzip", "unpack")),
    "packed with zip": (lambda: archive("best.pth"), Refused("with a weights file in", "unpack")),
    "TensorFlow Lite": (lambda: b"\x1c\0\0\0TFL3" + bytes(300), Refused("Lite", "rebuild")),
    "a plain pickle": (lambda: pickle.dumps({"a": [1]}), Refused("a pickle", "torch.save")),
}
OTHERS: dict[str, Case] = {
    "another network": (
        lambda: weights(SHUFFLENET),
        Refused("fits shufflenet_v2_x0_5, not squeezenet1_1", "name that network"),
    ),
    "no network's": (
        lambda: {"layer.weight": torch.ones(3, 3)},
        Refused("tensors have other names, such as layer.weight", "name the network"),
    ),
    "an optimiser alone": (optimiser, Refused("state.0.exp_avg", "name the network")),
    "one tensor": (lambda: torch.ones(3), Refused("one tensor without a name", "state_dict")),
    "arrays as weights": (
        lambda: {name: it.numpy()[:1] for name, it in weights().items()},
        Refused("arrays of numpy", "save model.state_dict"),
    ),
    "a tensor too many": (
        lambda: {**weights(), "padding": torch.ones(5)},
        Refused("1 unexpected: padding", "name the network"),
    ),
    "pruned": (
        lambda: {
            name.replace("features.0.weight", "features.0.weight_orig"): it
            for name, it in weights().items()
        },
        Refused("1 missing: features.0.weight", "pruning"),
    ),
    "code": (
        lambda: {"model": weights(), "x": Exception("run")},
        Refused("could run code", "save"),
    ),
}
CASES = {
    **PREFIXES,
    **WRAPPINGS,
    **COUNTERS,
    **AVERAGES,
    **OBJECTS,
    **HEADS,
    **NAMES,
    **VERSIONS,
    **FOREIGN,
    **OTHERS,
}


def content(case: Case) -> bytes:
    """Return the bytes of a case's file."""
    made = case[0]()
    return made if isinstance(made, bytes) else saved(made)
