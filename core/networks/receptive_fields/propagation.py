"""Describing every value in a network's graph: its axes, its shape, and what its places see."""

from typing import Any

import torch
from torch import Tensor, fx

from core.networks.receptive_fields.rules import (
    DIVIDING,
    JOINING,
    POINTWISE,
    RULES,
    Call,
    Value,
    divided,
    is_activation,
)
from core.networks.receptive_fields.spans import joined, of_image, unknown
from core.networks.tracing import Trace

# The packages whose functions are known by name.
FUNCTION_HOMES = ("torch", "torchvision", "_operator", "operator")
# What a node gives: a value, several of them, or something that no pixel can change.
Values = Value | list["Values"] | None


def propagate(traced: Trace, image: Tensor) -> dict[fx.Node, Values]:
    """Describe the value of every node of a network for an image ``[1, 3, H, W]``."""
    try:
        # Only shapes are needed.
        return _describe(traced.shadow(), image.to("meta"))
    except Exception:
        # Some operation of the network's own needs values: run it for real.
        return _describe(traced, image)


def _describe(traced: Trace, image: Tensor) -> dict[fx.Node, Values]:
    describer = _Describer(traced.assemble(traced.graph), image)
    with torch.no_grad():
        describer.run(image)
    return describer.values


class _Describer(fx.Interpreter):
    """Runs a graph and notes what each value's axes are and see."""

    def __init__(self, module: fx.GraphModule, image: Tensor) -> None:
        super().__init__(module)
        # What goes wrong is said in one sentence, not with the graph.
        self.extra_traceback = False
        self.values: dict[fx.Node, Values] = {}
        self.image = Value(of_image(*image.shape[2:]), tuple(image.shape))

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op == "placeholder":
            self.values[n] = self.image if isinstance(result, Tensor) else None
        elif n.op.startswith("call_"):
            self.values[n] = self._describe(n, result)
        return result

    def _describe(self, node: fx.Node, result: Any) -> Values:
        given = [self.values.get(each) for each in node.all_input_nodes]
        if len(given) == 1 and isinstance(given[0], list) and _name(node) == "getitem":
            return given[0][node.args[1]]  # type: ignore[index]
        inputs = [value for each in given for value in _flat(each)]
        if not inputs:
            return None
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        module = self.fetch_attr(str(node.target)) if node.op == "call_module" else None
        name = type(module).__name__ if module is not None else _name(node)
        return _apply(Call(name, module, args, kwargs, inputs, result))


def _name(node: fx.Node) -> str:
    """Name a function or method; a function that the network's author wrote has no name here."""
    if node.op == "call_method":
        return str(node.target)
    home = str(getattr(node.target, "__module__", "")).partition(".")[0]
    return str(getattr(node.target, "__name__", "")) if home in FUNCTION_HOMES else ""


def _flat(values: Values) -> list[Value]:
    """List the values in a nest of them."""
    if isinstance(values, list):
        return [each for part in values for each in _flat(part)]
    return [] if values is None else [values]


def _apply(call: Call) -> Values:
    """Describe what an operation gives."""
    if isinstance(call.result, (tuple, list)):
        if call.name in DIVIDING and len(call.inputs) == 1:
            return [Value(axes, tuple(part.shape)) for axes, part in divided(call)]
        return [_opaque(call, part) for part in call.result]
    if not isinstance(call.result, Tensor):
        return None
    if call.name in POINTWISE or is_activation(call.module):
        axes = joined([value.axes for value in call.inputs], call.shape)
    elif call.name in JOINING or (call.name in RULES and len(call.inputs) == 1):
        axes = (JOINING.get(call.name) or RULES[call.name])(call)
    else:
        return _opaque(call, call.result)
    return Value(axes, call.shape)


def _opaque(call: Call, result: Any) -> Values:
    """Describe what an unknown operation gives."""
    if not isinstance(result, Tensor):
        return None
    shape = tuple(result.shape)
    return Value(unknown([value.axes for value in call.inputs], shape), shape)
