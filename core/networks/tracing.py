"""The graph of a network: tracing, removal of in-place operations, truncation after some nodes.

Nodes have torchvision's names: ``features.7.cat`` is the operation ``cat`` in the module
``features.7``. Networks that cannot be traced are read with ``core.networks.hooks`` instead.
"""

import copy
import operator
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torchvision.models.feature_extraction import NodePathTracer

# In-place operators and the operators that return a new tensor instead. For all other in-place
# operations, the name without the final "_" has this effect (``add_`` and ``add``).
OUT_OF_PLACE: Mapping[Any, Callable[..., Any]] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}
RELU6_CEILING = 6.0


@dataclass(frozen=True)
class Trace:
    """The operations of a network in evaluation mode.

    Attributes:
        graph: the operations in order of execution, none of them in place.
        parts: the modules, parameters and buffers that the graph uses, by their path in the
            network.
        names: torchvision's name of each node.
        outputs: for each module, by its path, the node whose value its last call returned.
    """

    graph: fx.Graph
    parts: Mapping[str, Any]
    names: Mapping[fx.Node, str]
    outputs: Mapping[str, fx.Node]

    def assemble(self, graph: fx.Graph) -> fx.GraphModule:
        """Build a module that runs a graph, this trace's or one derived from it, with ``parts``."""
        targets = {
            str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")
        }
        return fx.GraphModule({target: self.parts[target] for target in targets}, graph).eval()

    def on_meta(self) -> "Trace":
        """Return a copy with meta tensors, which have shapes but no values and compute nothing."""
        tensors: list[Tensor] = []
        for part in self.parts.values():
            is_module = isinstance(part, nn.Module)
            tensors += (*part.parameters(), *part.buffers()) if is_module else (part,)
        # For objects in the memo, deepcopy uses the memo's value instead of a copy.
        memo: dict[int, Any] = {id(tensor): tensor.detach().to("meta") for tensor in tensors}
        return replace(self, parts=copy.deepcopy(dict(self.parts), memo))


@dataclass(frozen=True)
class OutputNode:
    """A node whose value a truncated network returns.

    Attributes:
        node: the name of the node.
        key: the key of the value in the returned dict.
        axis: the channel axis of the value; in the returned value, it is axis 1.
    """

    node: str
    key: str
    axis: int = 1


# torch.fx patches all modules of the process during tracing, so only one thread may trace.
_TRACING = threading.Lock()


class _Tracer(NodePathTracer):  # type: ignore[misc]
    """torchvision's tracer, which also records the node that each module returned.

    Networks that run in other threads during tracing are not affected.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outputs: dict[str, fx.Node] = {}
        self._thread = threading.get_ident()

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        out = super().call_module(m, forward, args, kwargs)
        if isinstance(out, fx.Proxy):
            self.outputs[self.path_of_module(m)] = out.node
        return out

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)


def trace(module: nn.Module) -> Trace | None:
    """Trace a network in evaluation mode, without changing it.

    Returns:
        The graph, or None if the network cannot be traced, for example because its control flow
        depends on the values of tensors.
    """
    tracer = _Tracer()
    before = set(vars(module))
    try:
        with _TRACING:
            graph = tracer.trace(module)
        parts = {
            node.target: operator.attrgetter(node.target)(module)
            for node in graph.nodes
            if node.op in ("call_module", "get_attr")
        }
    except Exception:
        # Tracing runs the network's own code on proxies of tensors, which may raise any exception.
        return None
    finally:
        # torch.fx stores tensors that the network's code creates during tracing as new attributes
        # of the network. Remove them.
        for name in set(vars(module)) - before:
            delattr(module, name)
    _remove_in_place(graph, parts)
    pure_parts = {path: _without_in_place(part) for path, part in parts.items()}
    return Trace(graph, pure_parts, dict(tracer.node_to_qualname), tracer.outputs)


def _remove_in_place(graph: fx.Graph, parts: Mapping[str, Any]) -> None:
    """Replace every in-place operation of a graph by one that leaves its input unchanged.

    Nodes that read the overwritten tensor afterwards now read the result of the operation, so the
    network computes the same values. Views of an overwritten tensor are not handled.
    """
    for node in graph.nodes:
        if _replace_in_place(node, parts):
            overwritten = node.all_input_nodes[0]
            overwritten.replace_all_uses_with(node, delete_user_cb=node.__lt__)


def _replace_in_place(node: fx.Node, parts: Mapping[str, Any]) -> bool:
    """Replace an in-place operation of a node, such as ``relu_``, by its out-of-place version.

    Return True if the operation was in place.

    If the operation is a module, the node stays unchanged: ``trace`` replaces the module later.
    """
    target: Any = node.target
    if node.op == "call_module":
        return bool(getattr(parts[target], "inplace", False))
    if node.kwargs.get("inplace"):
        node.kwargs = {**node.kwargs, "inplace": False}
        return True
    name = target if node.op == "call_method" else getattr(target, "__name__", "")
    replacement: Any = None
    if node.op == "call_function" and target in OUT_OF_PLACE:
        replacement = OUT_OF_PLACE[target]
    elif name.endswith("_") and not name.endswith("__"):
        namespaces = (Tensor,) if node.op == "call_method" else (torch, F)
        candidates = (getattr(namespace, name[:-1], None) for namespace in namespaces)
        replacement = next((each for each in candidates if callable(each)), None)
    if replacement is None:
        return False
    node.target = name[:-1] if node.op == "call_method" else replacement
    return True


def _without_in_place(part: Any) -> Any:
    """Return a copy of a module that does not work in place and has the same parameters.

    Modules that do not work in place are returned themselves.
    """
    if not getattr(part, "inplace", False):
        return part
    pure = copy.copy(part)
    pure.inplace = False
    return pure


def truncate(
    traced: Trace, outputs: Iterable[OutputNode], redirect_relu: bool = False
) -> fx.GraphModule:
    """Build a module that computes only the values of some nodes.

    Args:
        traced: the network.
        outputs: the nodes whose values are returned.
        redirect_relu: whether ReLU and ReLU6 use the gradient of ``RedirectedReLU``.

    Returns:
        A module that takes an image and returns the values ``[N, C, ...]``, as a dict by
        ``OutputNode.key``.
    """
    by_name = {name: node for node, name in traced.names.items()}
    sources = {output: by_name[output.node] for output in outputs}
    needed = _ancestors(traced.graph, set(sources.values()))
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in traced.graph.nodes:
        if node in needed or node.op == "placeholder":
            copies[node] = graph.node_copy(node, copies.__getitem__)
            if redirect_relu:
                _redirect_gradient(copies[node], traced.parts)
    result = {}
    for output, source in sources.items():
        value = copies[source]
        if output.axis != 1:
            value = graph.call_function(torch.movedim, (value, output.axis, 1))
        result[output.key] = value
    graph.output(result)
    return traced.assemble(graph)


def _ancestors(graph: fx.Graph, nodes: set[fx.Node]) -> set[fx.Node]:
    """Return some nodes and all nodes that they depend on."""
    needed = set(nodes)
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    return needed


def _redirect_gradient(node: fx.Node, parts: Mapping[str, Any]) -> None:
    """Make a node use ``redirected_relu`` if it is a ReLU or ReLU6, module or function."""
    ceiling = relu_ceiling(parts[str(node.target)] if node.op == "call_module" else node.target)
    if ceiling is None:
        return
    node.op = "call_function"
    node.target = redirected_relu
    node.args, node.kwargs = (node.all_input_nodes[0], ceiling), {}


def operation_of(network: fx.GraphModule, node: fx.Node) -> Any:
    """Return the operation of a node: a module, a function, or the name of a method."""
    return network.get_submodule(str(node.target)) if node.op == "call_module" else node.target


def function_name(node: fx.Node) -> str:
    """Return the name of the function or method that a node calls, or the path of its module."""
    target: Any = node.target
    return target if isinstance(target, str) else str(getattr(target, "__name__", ""))


def relu_ceiling(operation: Any) -> float | None:
    """Return the upper bound of a ReLU: infinity, or 6; None for any other operation."""
    if isinstance(operation, nn.ReLU) or operation in (torch.relu, F.relu, "relu"):
        return float("inf")
    if isinstance(operation, nn.ReLU6) or operation is F.relu6:
        return RELU6_CEILING
    return None


class RedirectedReLU(torch.autograd.Function):
    """ReLU with a gradient for inactive units, if the ordinary gradient is zero everywhere.

    The gradient is that of a loss that is minimised. Each image of the batch is treated separately.
    If the ordinary gradient of an image is not zero everywhere, this gradient is used. Otherwise
    the gradient with respect to the ReLU's output is used for the input as well, except where a
    step of gradient descent would move an input below 0 further down (or an input above the ceiling
    of a ReLU6 further up). After Lucid's ``misc/redirected_relu_grad.py`` (Olah et al.). At an
    input of exactly 0, the ordinary gradient is 0 as in torch; in Lucid it is not.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float) -> Tensor:
        """Clamp ``x: [N, ...]`` to the range from 0 to the ceiling."""
        ctx.save_for_backward(x)
        ctx.ceiling = ceiling
        return x.clamp(min=0.0) if ceiling == float("inf") else x.clamp(0.0, ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the redirected gradient of the loss with respect to ``x``."""
        (x,) = ctx.saved_tensors
        (gradient,) = gradients
        if ctx.ceiling == float("inf"):
            ordinary = torch.ops.aten.threshold_backward(gradient, x, 0.0)
        else:
            ordinary = torch.ops.aten.hardtanh_backward(gradient, x, 0.0, ctx.ceiling)
        # abs().amax() is several times faster than any() on a CPU.
        zero_images = (ordinary.abs().amax(tuple(range(1, x.dim()))) == 0).nonzero()[:, 0]
        if len(zero_images) == 0:
            return ordinary, None
        inputs, incoming = x[zero_images], gradient[zero_images]
        blocked = ((inputs < 0) & (incoming > 0)) | ((inputs > ctx.ceiling) & (incoming < 0))
        return ordinary.index_copy(0, zero_images, incoming.masked_fill(blocked, 0.0)), None


def redirected_relu(x: Tensor, ceiling: float = float("inf")) -> Tensor:
    """Apply ReLU, or ReLU6 with a ceiling of 6, with the gradient of ``RedirectedReLU``."""
    result: Tensor = RedirectedReLU.apply(x, ceiling)
    return result
