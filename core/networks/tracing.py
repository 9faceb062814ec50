"""The graph of a network: traced, freed of in-place steps, and cut off below wanted nodes.

Nodes are named as torchvision names them: ``features.7.cat`` is the path of a module and the
operation in it. A network that cannot be traced is watched through hooks instead, see ``hooks``.
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

# In-place operators and what they are called otherwise; of other names only a final "_" goes.
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
        parts: the modules, parameters and buffers that the graph uses, by their path.
        names: of the graph's nodes.
        outputs: the node that a module returned at its last call, by the module's path.
    """

    graph: fx.Graph
    parts: Mapping[str, Any]
    names: Mapping[fx.Node, str]
    outputs: Mapping[str, fx.Node]

    def assemble(self, graph: fx.Graph) -> fx.GraphModule:
        """Make a module that runs a graph, this one or one cut from it, on the network's parts."""
        targets = {
            str(node.target) for node in graph.nodes if node.op in ("call_module", "get_attr")
        }
        return fx.GraphModule({target: self.parts[target] for target in targets}, graph).eval()

    def shadow(self) -> "Trace":
        """Copy it with tensors that have shapes but no values, on which running costs nothing."""
        tensors: list[Tensor] = []
        for part in self.parts.values():
            own = isinstance(part, nn.Module)
            tensors += (*part.parameters(), *part.buffers()) if own else (part,)
        # deepcopy takes from the memo what it would copy.
        memo: dict[int, Any] = {id(each): each.detach().to("meta") for each in tensors}
        return replace(self, parts=copy.deepcopy(dict(self.parts), memo))


@dataclass(frozen=True)
class OutputNode:
    """A node whose value is wanted.

    Attributes:
        node: its name.
        key: what the caller calls it.
        axis: where its channels are; they are moved to axis 1.
    """

    node: str
    key: str
    axis: int = 1


# While torch.fx traces, it patches all modules of the process.
_TRACING = threading.Lock()


class _Tracer(NodePathTracer):  # type: ignore[misc]
    """torchvision's tracer, which also notes what each module returned.

    It stays out of the way of networks that run in other threads meanwhile.
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
        Its graph, or None where it cannot be traced, as with control flow that depends on values.
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
        # Tracing runs the network's own code on stand-ins for tensors: anything may be raised.
        return None
    finally:
        # torch.fx keeps tensors that the code makes itself as new attributes of the network.
        for name in set(vars(module)) - before:
            delattr(module, name)
    _free_of_in_place(graph, parts)
    quiet = {path: _out_of_place(part) for path, part in parts.items()}
    return Trace(graph, quiet, dict(tracer.node_to_qualname), tracer.outputs)


def _free_of_in_place(graph: fx.Graph, parts: Mapping[str, Any]) -> None:
    """Make every in-place operation leave its input as it was.

    Whatever read the overwritten tensor afterwards now reads the result, so that the same values
    flow through the network. Views of an overwritten tensor are not followed.
    """
    for node in graph.nodes:
        if _replace_in_place(node, parts):
            overwritten = node.all_input_nodes[0]
            overwritten.replace_all_uses_with(node, delete_user_cb=node.__lt__)


def _replace_in_place(node: fx.Node, parts: Mapping[str, Any]) -> bool:
    """Replace an in-place operation by its counterpart; tell whether it was in place."""
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
        homes = (Tensor,) if node.op == "call_method" else (torch, F)
        found = (getattr(home, name[:-1], None) for home in homes)
        replacement = next((each for each in found if callable(each)), None)
    if replacement is None:
        return False
    node.target = name[:-1] if node.op == "call_method" else replacement
    return True


def _out_of_place(part: Any) -> Any:
    """Copy a module that works in place into one that does not, with the same parameters."""
    if not getattr(part, "inplace", False):
        return part
    quiet = copy.copy(part)
    quiet.inplace = False
    return quiet


def truncate(
    traced: Trace, wanted: Iterable[OutputNode], redirect_relu: bool = False
) -> fx.GraphModule:
    """Cut a network off so that only what some nodes need is computed.

    Args:
        traced: the network.
        wanted: the nodes whose values are returned.
        redirect_relu: whether ReLU and ReLU6 pass gradient as ``RedirectedReLU`` does.

    Returns:
        A module from an image to the values ``[N, C, ...]``, as a dict by ``Wanted.key``.
    """
    by_name = {name: node for node, name in traced.names.items()}
    sources = {each: by_name[each.node] for each in wanted}
    needed = _ancestors(traced.graph, set(sources.values()))
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    for node in traced.graph.nodes:
        if node in needed or node.op == "placeholder":
            copies[node] = graph.node_copy(node, copies.__getitem__)
            if redirect_relu:
                _redirect(copies[node], traced.parts)
    result = {}
    for each, source in sources.items():
        value = copies[source]
        if each.axis != 1:
            value = graph.call_function(torch.movedim, (value, each.axis, 1))
        result[each.key] = value
    graph.output(result)
    return traced.assemble(graph)


def _ancestors(graph: fx.Graph, nodes: set[fx.Node]) -> set[fx.Node]:
    """Find the nodes that some nodes depend on, and these themselves."""
    needed = set(nodes)
    for node in reversed(graph.nodes):
        if node in needed:
            needed.update(node.all_input_nodes)
    return needed


def _redirect(node: fx.Node, parts: Mapping[str, Any]) -> None:
    """Replace a ReLU or ReLU6, module or function, by the one with the redirected gradient."""
    ceiling = relu_ceiling(parts[str(node.target)] if node.op == "call_module" else node.target)
    if ceiling is None:
        return
    node.op = "call_function"
    node.target = redirected_relu
    node.args, node.kwargs = (node.all_input_nodes[0], ceiling), {}


def operation_of(network: fx.GraphModule, node: fx.Node) -> Any:
    """Give what a node of a graph does: its module, its function, or the name of its method."""
    return network.get_submodule(str(node.target)) if node.op == "call_module" else node.target


def relu_ceiling(operation: Any) -> float | None:
    """Tell where a ReLU stops to rise: never (infinity), at 6, or None for what is no ReLU."""
    if isinstance(operation, nn.ReLU) or operation in (torch.relu, F.relu, "relu"):
        return float("inf")
    if isinstance(operation, nn.ReLU6) or operation is F.relu6:
        return RELU6_CEILING
    return None


class RedirectedReLU(torch.autograd.Function):
    """ReLU whose gradient reaches closed places where nothing would come through otherwise.

    The gradient is that of a loss, which descent follows downwards. For each image of the batch:
    if the ordinary gradient is not zero everywhere, it is used as it is. Otherwise the incoming
    gradient passes, save where it would push an input that is below 0 lower still (or one that is
    above the ceiling of a ReLU6 higher still). After Lucid's ``misc/redirected_relu_grad.py``
    (Olah et al.); the ordinary gradient at exactly 0 is torch's, 0, where Lucid lets it pass.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float) -> Tensor:
        """Clamp ``x: [N, ...]`` to 0 and the ceiling."""
        ctx.save_for_backward(x)
        ctx.ceiling = ceiling
        return x.clamp(min=0.0) if ceiling == float("inf") else x.clamp(0.0, ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Redirect the gradient of the loss."""
        (x,) = ctx.saved_tensors
        (gradient,) = gradients
        if ctx.ceiling == float("inf"):
            ordinary = torch.ops.aten.threshold_backward(gradient, x, 0.0)
        else:
            ordinary = torch.ops.aten.hardtanh_backward(gradient, x, 0.0, ctx.ceiling)
        # abs().amax() is several times faster than any() on a CPU.
        dead = (ordinary.abs().amax(tuple(range(1, x.dim()))) == 0).nonzero()[:, 0]
        if len(dead) == 0:
            return ordinary, None
        shut, push = x[dead], gradient[dead]
        away = ((shut < 0) & (push > 0)) | ((shut > ctx.ceiling) & (push < 0))
        return ordinary.index_copy(0, dead, push.masked_fill(away, 0.0)), None


def redirected_relu(x: Tensor, ceiling: float = float("inf")) -> Tensor:
    """Apply ReLU, or ReLU6 with a ceiling of 6, with the gradient of ``RedirectedReLU``."""
    result: Tensor = RedirectedReLU.apply(x, ceiling)
    return result
