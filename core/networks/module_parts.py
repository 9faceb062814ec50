"""Parts of a network that a graph runs: copies that share tensors, and what must stay as it is."""

import copy
from typing import Any

from torch import nn


def paths_above(path: str) -> list[str]:
    """Return the paths of the modules that a path leads through, as ``["a", "a.b"]``."""
    names = path.split(".")
    return [".".join(names[:count]) for count in range(1, len(names))]


def copy_modules(module: nn.Module) -> nn.Module:
    """Return a copy of a module and all its submodules that shares all tensors."""
    shared = {id(it): it for it in (*module.parameters(), *module.buffers())}
    copied: nn.Module = copy.deepcopy(module, shared)
    return copied


def has_hooks(part: nn.Module) -> bool:
    """Whether hooks run with a module, so that another module cannot take its place."""
    return any(
        hooks
        for hooks in (
            part._forward_hooks,
            part._forward_pre_hooks,
            part._backward_hooks,
            part._backward_pre_hooks,
        )
    )


def has_hooks_inside(part: nn.Module) -> bool:
    """Whether hooks run with a module or with any module in it."""
    return any(map(has_hooks, part.modules()))


def without_in_place(part: Any) -> Any:
    """Return a copy of a module that does not work in place and has the same parameters.

    Modules that do not work in place are returned themselves.
    """
    if not getattr(part, "inplace", False):
        return part
    pure = copy.copy(part)
    pure.inplace = False
    return pure
