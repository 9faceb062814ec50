"""A network's module with the weights of a file: the copy that fits, its classes and its head."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import nn

from core.checkpoints import fitting, matching, misfits, weights_files
from core.checkpoints.class_names import check_count
from core.checkpoints.declared import list_names
from core.checkpoints.matching import NetworkFit, NetworkShapes
from core.checkpoints.outline import OpenedFile
from core.errors import BadCheckpoint, FitsAnother, quoted
from core.networks import parameter_shapes
from core.networks.layers import Layer

# Builds a module for a number of classes; its weights are replaced.
Builder = Callable[[int], nn.Module]


@dataclass(frozen=True)
class LoadedModule:
    """A module with the weights of a file.

    Attributes:
        module: the module.
        count: the number of its classes; 0 if the file has no head, so that there are no logits.
        classes: the names of the classes; none if they are not known.
    """

    module: nn.Module
    count: int
    classes: tuple[str, ...]


def load_module(
    name: str, opened: OpenedFile, build: Builder, count: int, classes: Sequence[str] = ()
) -> LoadedModule:
    """Build a module, and load the weights of a file into it.

    Args:
        name: name of the network for messages.
        opened: the file.
        build: builds the module.
        count: a number of classes that can be told from the shapes.
        classes: names of the classes; by default those in the file.

    Raises:
        BadCheckpoint: the file cannot be read or does not fit, or there are more or fewer names of
            classes than classes.
    """
    module = build(count)
    shapes = shapes_of(name, module, count)
    fit = matching.best_fit(opened.content, shapes, opened.part)
    # A file of an older version of the network may have other shapes.
    version = 0 if fit.fits else fit.versions.get("", 0)
    if version:
        fitting.adapt_to_version(module, version)
        fit = matching.best_fit(opened.content, shapes_of(name, module, count), opened.part)
    if not fit.fits:
        raise misfit(opened, shapes, fit)
    if fit.classes not in (0, count):
        module = build(fit.classes)
        if version:
            fitting.adapt_to_version(module, version)
    fitting.remove_head(module, fit.dropped)
    state = weights_files.read_tensors(opened, fit.paths)
    fitting.load_state(module, state, opened.name, name, fit.versions)
    if classes:
        check_count(tuple(classes), fit.classes, name)
    return LoadedModule(module, fit.classes, tuple(classes) or _names_in(opened, fit.classes))


def shapes_of(name: str, module: nn.Module, count: int) -> NetworkShapes:
    """Return the shapes of a module's tensors, built for ``count`` classes."""
    return NetworkShapes(
        name, {key: tuple(value.shape) for key, value in module.state_dict().items()}, count
    )


def _names_in(opened: OpenedFile, count: int) -> tuple[str, ...]:
    """Return the class names in a file, of a list that is as long as there are classes."""
    return next((names for names in opened.content.classes if len(names) == count), ())


def misfit(opened: OpenedFile, network: NetworkShapes, fit: NetworkFit) -> BadCheckpoint:
    """Return the error for a file that does not fit a network; it names those that it fits."""
    if opened.part and not fit.paths:
        copies = matching.copy_names(opened.content, network)
        has = f"it has {list_names(copies)}" if any(copies) else "leave out the # and what follows"
        return BadCheckpoint(
            f"{opened.name} has no weights of {network.name} below {quoted(opened.part)}; {has}"
        )
    fitting_ones = parameter_shapes.networks_that_fit(opened.content, opened.part, opened.path.name)
    if others := list(fitting_ones):
        return FitsAnother(
            f"{opened.name} fits {list_names(others)}, not {network.name}; name that network "
            "instead",
            others,
        )
    return BadCheckpoint(f"{opened.name} {misfits.describe_misfit(fit, opened.content)}")


def without_logits(layers: Sequence[Layer]) -> tuple[Layer, ...]:
    """Return the layers of a network without a head: what it returns is not shown as the logits."""
    shown = [layer for layer in layers if layer.shown]
    if len(shown) < 2:
        return tuple(layers)
    last, before = shown[-1], shown[-2]
    return tuple(
        replace(it, shown=it.shown and it is not last, depth=min(it.depth / before.depth, 1.0))
        for it in layers
    )
