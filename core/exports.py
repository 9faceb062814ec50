"""Lazy re-exports: a package offers names of its modules without importing the modules."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[list[str], Callable[[str], Any]]:
    """Return a package's ``__all__`` and its ``__getattr__`` (PEP 562).

    A module is imported when one of its names is first read, so importing the package is fast.

    Args:
        package: the package's ``__name__``.
        names: by module name inside the package, the names that the module offers, such as
            ``{"recipe": ["Recipe"]}``.
    """
    module_of = {name: module for module, offered in names.items() for name in offered}

    def load(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)

    return sorted(module_of), load
