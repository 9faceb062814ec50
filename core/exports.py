"""Lazy re-exports: a package offers names of its modules without importing any of them."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any]]:
    """Return a package's ``__all__`` and its ``__getattr__`` (PEP 562).

    A module is imported when one of its names is first read, so that importing the package costs
    nothing.

    Args:
        package: the package's ``__name__``.
        names: which names each of its modules offers, by the module's name inside the package.
    """
    homes = {name: module for module, offered in names.items() for name in offered}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    return sorted(homes), get
