"""Watching a network that cannot be traced, through hooks that leave nothing behind."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from torch import Tensor, nn

from core.errors import ExplorerError
from core.networks.tracing import OutputNode, redirected_relu, relu_ceiling

# Called with the path of a module, the module, and its output.
Watcher = Callable[[str, nn.Module, Tensor], None]


@contextmanager
def watching(module: nn.Module, watcher: Watcher, redirect_relu: bool = False) -> Iterator[None]:
    """Call a watcher with the output of every module that runs, while in this context.

    Only calls made by this thread are seen. All hooks are gone afterwards, whatever happened.

    Args:
        module: the network.
        watcher: called in the order in which modules finish, for outputs that are one tensor.
        redirect_relu: whether ReLU and ReLU6 modules pass gradient as ``RedirectedReLU`` does;
            those that work in place, and functions, cannot be redirected.
    """
    thread = threading.get_ident()

    def hook(path: str, part: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if threading.get_ident() != thread:
            return None
        ceiling = relu_ceiling(part) if redirect_relu else None
        if ceiling is not None:
            output = redirected_relu(args[0], ceiling)
        if isinstance(output, Tensor):
            watcher(path, part, output)
        return output

    def bound(path: str) -> Callable[..., Any]:
        return lambda part, args, output: hook(path, part, args, output)

    with ExitStack() as stack:
        for path, part in module.named_modules():
            stack.callback(part.register_forward_hook(bound(path)).remove)
        yield


class HookedExtractor(nn.Module):
    """A network that cannot be traced, stopped as soon as all wanted outputs are there.

    Nodes are paths of modules; the output of a module's first call is taken.
    """

    def __init__(
        self, module: nn.Module, wanted: tuple[OutputNode, ...], redirect_relu: bool = False
    ) -> None:
        super().__init__()
        self.module = module
        self.wanted = {each.node: each for each in wanted}
        self.redirect_relu = redirect_relu

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Turn an image into the wanted values ``[N, C, ...]``, by ``Wanted.key``.

        Raises:
            ExplorerError: a wanted module did not run.
        """
        found: dict[str, Tensor] = {}

        def watcher(path: str, part: nn.Module, output: Tensor) -> None:
            if path not in self.wanted or path in found:
                return
            # A copy: later modules may work in place.
            found[path] = output.movedim(self.wanted[path].axis, 1).clone()
            if len(found) == len(self.wanted):
                raise _AllRecorded

        with suppress(_AllRecorded), watching(self.module, watcher, self.redirect_relu):
            self.module(image)
        silent = self.wanted.keys() - found.keys()
        if silent:
            names = ", ".join(sorted(silent))
            raise ExplorerError(f"these layers did not run on this picture: {names}")
        return {self.wanted[path].key: value for path, value in found.items()}


class _AllRecorded(Exception):
    """Everything wanted has been computed: the way out of a running network, no error."""
