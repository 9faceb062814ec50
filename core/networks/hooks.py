"""Reading the activations of a network that cannot be traced, through temporary forward hooks."""

import copy
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from types import MappingProxyType
from typing import Any

from torch import Tensor, nn

from core.errors import ExplorerError
from core.networks.redirected_relu import redirected_relu, relu_ceiling
from core.networks.tracing import OutputNode, values_in

# A function that is called with the name of a call, the module, and its output. If it returns a
# tensor, the network goes on with this tensor.
Observer = Callable[[str, nn.Module, Tensor], Tensor | None]
NO_SCALES: Mapping[str, nn.Module] = MappingProxyType({})


@contextmanager
def observe_outputs(
    module: nn.Module, observer: Observer, redirect_relu: bool = False
) -> Iterator[None]:
    """Call an observer with the output of every module that runs in this context.

    Only calls from this thread are observed. All hooks are removed at the end, also after an error.

    Args:
        module: the network.
        observer: called in the order in which modules finish, with the output, or with the first
            tensor of several. The name of a module's first call is the module's path; the names of
            further calls, which a shared module has, are ``relu_1``, ``relu_2`` and so on, as those
            of the nodes of a traced network.
        redirect_relu: whether ReLU and ReLU6 modules use the gradient of ``RedirectedReLU``;
            in-place modules and functions cannot be redirected.
    """
    thread = threading.get_ident()
    paths = {path for path, _ in module.named_modules()}
    calls: Counter[str] = Counter()

    def hook(path: str, part: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if threading.get_ident() != thread:
            return None
        ceiling = relu_ceiling(part) if redirect_relu else None
        if ceiling is not None:
            output = redirected_relu(args[0], ceiling)
        name = path
        while calls[path] and name in paths:
            name = f"{path}_{calls[path]}"
            calls[path] += name in paths
        calls[path] += 1
        for value in values_in(output, Tensor)[:1]:
            other = observer(name, part, value)
            if other is not None:
                output = _with_tensor(output, value, other)
        return output

    with ExitStack() as stack:
        for path, part in module.named_modules():
            stack.callback(part.register_forward_hook(partial(hook, path)).remove)
        yield


def _with_tensor(output: Any, old: Tensor, new: Tensor) -> Any:
    """Return the output of a module with another tensor in the place of one of its tensors."""
    if output is old:
        return new
    if isinstance(output, dict):
        copied = copy.copy(output)
        copied.update({key: _with_tensor(value, old, new) for key, value in output.items()})
        return copied
    if isinstance(output, (tuple, list)):
        values = [_with_tensor(value, old, new) for value in output]
        named = hasattr(output, "_fields")
        return type(output)(*values) if named else type(output)(values)
    return output


class HookedExtractor(nn.Module):
    """A module that returns the activations of a network that cannot be traced.

    The network is stopped when all requested outputs are computed. The nodes of ``outputs`` and of
    ``scales``, which replace outputs, are the names of calls, see ``observe_outputs``.
    """

    def __init__(
        self,
        module: nn.Module,
        outputs: tuple[OutputNode, ...],
        redirect_relu: bool = False,
        scales: Mapping[str, nn.Module] = NO_SCALES,
    ) -> None:
        super().__init__()
        self.module = module
        self.outputs = {output.node: output for output in outputs}
        self.redirect_relu = redirect_relu
        self.scales = dict(scales)

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Return the requested values ``[N, C, ...]`` for an image, by ``OutputNode.key``.

        Raises:
            ExplorerError: a requested module did not run.
        """
        values: dict[str, Tensor] = {}

        def observer(name: str, part: nn.Module, output: Tensor) -> Tensor | None:
            scale = self.scales.get(name)
            other = None if scale is None else scale(output)
            if name in self.outputs and name not in values:
                # Copy the output, because later modules may overwrite it in place.
                result = output if other is None else other
                values[name] = self.outputs[name].arrange(result).clone()
                if len(values) == len(self.outputs):
                    raise _AllRecorded
            return other

        with suppress(_AllRecorded), observe_outputs(self.module, observer, self.redirect_relu):
            self.module(image)
        missing = self.outputs.keys() - values.keys()
        if missing:
            names = ", ".join(sorted(missing))
            raise ExplorerError(f"these layers did not run on this picture: {names}")
        return {self.outputs[name].key: value for name, value in values.items()}


class _AllRecorded(Exception):
    """Raised to stop the network when all requested values are computed; not an error."""
