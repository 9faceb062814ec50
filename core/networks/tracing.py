"""The graph of a network: tracing, removal of in-place operations, truncation after some nodes.

Nodes have torchvision's names: ``features.7.cat`` is the operation ``cat`` in the module
``features.7``. Networks that cannot be traced are read with ``core.networks.hooks`` instead.
"""

import copy
import operator
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.module_parts import copy_modules, has_hooks, paths_above, without_in_place
from core.networks.redirected_relu import redirected_relu, relu_ceiling

T = TypeVar("T")
# In-place operators and the operators that return a new tensor instead. For all other in-place
# operations, the name without the final "_" has this effect (``add_`` and ``add``).
OUT_OF_PLACE: Mapping[Any, Callable[..., Any]] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
}
# The attribute of modules that ``trace`` must not trace, see ``never_trace``.
UNTRACEABLE = "_computes_otherwise_when_traced"
# The module in which timm collects what cannot be traced, such as padding that depends on the size
# of the image. timm fills it when it is imported.
TIMM_MARKS = "timm.layers._fx"
# What timm collects there, and can be traced.
TRACEABLE = ("BatchNormAct2d", "FrozenBatchNormAct2d")
# The counter at the end of a node's name.
COUNTED = re.compile(r"(?<=.)_[0-9]+$")


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
        parts = {target: self.parts[target] for target in targets}
        # torch.fx would set what lies in another part as an attribute of that part, and would later
        # delete it there if it is unused. The network's own modules must not change.
        for path in {path for target in targets for path in paths_above(target)} & targets:
            parts[path] = copy_modules(parts[path])
        return fx.GraphModule(parts, graph).eval()

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
        batch_axis: the batch axis of the value; in the returned value, it is axis 0.
    """

    node: str
    key: str
    axis: int = 1
    batch_axis: int = 0

    @property
    def in_order(self) -> bool:
        """Whether the value has its axes in the order of the returned value."""
        return (self.batch_axis, self.axis) == (0, 1)

    def arrange(self, value: Tensor) -> Tensor:
        """Return a value of the node with the axes in the order ``[N, C, ...]``."""
        return value.movedim((self.batch_axis, self.axis), (0, 1))


def _opaque_functions() -> tuple[Callable[..., Any], ...]:
    """Return the functions of timm that cannot be traced."""
    timm = sys.modules.get(TIMM_MARKS)
    return () if timm is None else tuple(filter(callable, timm.get_notrace_functions()))


# torch.fx patches all modules of the process during tracing, so only one thread may trace.
_TRACING = threading.Lock()


class _Tracer(fx.Tracer):
    """A tracer that records the name of each node, and the node that each module returned.

    The name is that of ``torchvision.models.feature_extraction``, whose import takes as long as
    that of torch: the path of the module that runs the operation, the operation, and from the
    second time on a counter, as in ``layer1.0.relu_1``. As in torchvision, a module whose own name
    ends like a counter, such as ``conv_2``, loses this end.

    Networks that run in other threads during tracing are not affected.
    """

    def __init__(self) -> None:
        super().__init__(autowrap_functions=_opaque_functions())
        self.names: dict[fx.Node, str] = {}
        self.outputs: dict[str, fx.Node] = {}
        self._path = ""
        # The counter of the last node by the name without a counter.
        self._counters: dict[str, int] = {}
        self._thread = threading.get_ident()

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        outer, self._path = self._path, self.path_of_module(m)
        try:
            if self.is_leaf_module(m, self._path):
                out = self.create_proxy("call_module", self._path, args, kwargs)
            else:
                out = forward(*args, **kwargs)
            for proxy in values_in(out, fx.Proxy)[:1]:
                self.outputs[self._path] = proxy.node
        finally:
            self._path = outer
        return out

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        timm = sys.modules.get(TIMM_MARKS)
        opaque = timm is not None and timm.is_notrace_module(type(m))
        traceable = type(m).__name__ in TRACEABLE
        return (opaque and not traceable) or super().is_leaf_module(m, module_qualified_name)

    def create_proxy(self, *arguments: Any, **options: Any) -> fx.Proxy:
        proxy = super().create_proxy(*arguments, **options)
        self.names[proxy.node] = self._name(proxy.node)
        return proxy

    def _name(self, node: fx.Node) -> str:
        """Return the name of a node that the module ``self._path`` has created."""
        name = self._path
        if node.op != "call_module":
            name = f"{name}.{node.name}" if name else node.name
        # The counter of torch.fx counts the operations of all modules.
        name = COUNTED.sub("", name)
        if name in self._counters:
            name = f"{name}_{self._counters[name] + 1}"
        self._counters[name] = 0
        if counted := COUNTED.search(name):
            self._counters[name[: counted.start()]] = int(counted[0][1:])
        return name

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
    if getattr(module, UNTRACEABLE, False):
        return None
    tracer = _Tracer()
    attributes = [it for part in module.modules() for it in (vars(part), part._buffers)]
    before = [dict(it) for it in attributes]
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
        # of the network, and this code may itself keep what it computes. Restore all attributes.
        for now, then in zip(attributes, before, strict=True):
            _restore(now, then)
    _remove_in_place(graph, parts)
    pure_parts = {path: without_in_place(part) for path, part in parts.items()}
    return Trace(graph, pure_parts, tracer.names, tracer.outputs)


def _restore(now: dict[str, Any], then: Mapping[str, Any]) -> None:
    """Make a dict equal to what it was; other threads may read what has not changed meanwhile."""
    for name in now.keys() - then.keys():
        del now[name]
    now.update({name: value for name, value in then.items() if now.get(name, now) is not value})


def never_trace(module: nn.Module) -> None:
    """Make ``trace`` return None for a module, and for copies of it."""
    setattr(module, UNTRACEABLE, True)


def values_in(output: Any, kind: type[T]) -> list[T]:
    """Return all values of a type in the output of a module: itself, or in tuples and dicts."""
    if isinstance(output, kind):
        return [output]
    if isinstance(output, Mapping):
        output = tuple(output.values())
    inside = output if isinstance(output, (tuple, list)) else ()
    return [value for each in inside for value in values_in(each, kind)]


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
    needed = ancestors(traced.graph, set(sources.values()))
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
        if not output.in_order:
            axes = (output.batch_axis, output.axis)
            value = graph.call_function(torch.movedim, (value, axes, (0, 1)))
        result[output.key] = value
    graph.output(result)
    return traced.assemble(graph)


def ancestors(graph: fx.Graph, nodes: set[fx.Node]) -> set[fx.Node]:
    """Return some nodes and all nodes that they depend on."""
    needed = set(nodes)
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    return needed


def _redirect_gradient(node: fx.Node, parts: Mapping[str, Any]) -> None:
    """Make a node use ``redirected_relu`` if it is a ReLU or ReLU6, module or function."""
    operation = parts[str(node.target)] if node.op == "call_module" else node.target
    ceiling = relu_ceiling(operation)
    if ceiling is None or (isinstance(operation, nn.Module) and has_hooks(operation)):
        return
    node.op = "call_function"
    node.target = redirected_relu
    node.args, node.kwargs = (node.all_input_nodes[0], ceiling), {}


def operation_of(network: fx.GraphModule, node: fx.Node) -> Any:
    """Return the operation of a node: a module, a function, or the name of a method.

    For a module with hooks it is None: what the hooks do is not known, so no pass may replace it.
    """
    if node.op != "call_module":
        return node.target
    part = network.get_submodule(str(node.target))
    return None if has_hooks(part) else part


def function_name(node: fx.Node) -> str:
    """Return the name of the function or method that a node calls, or the path of its module."""
    target: Any = node.target
    return target if isinstance(target, str) else str(getattr(target, "__name__", ""))
