"""Description of every value in a network's graph: axes, shape and receptive fields."""

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from core.networks.receptive_fields.attention_blocks import AttentionBlock, find_blocks
from core.networks.receptive_fields.described_call import Call, Value
from core.networks.receptive_fields.pointwise import POINTWISE, is_activation
from core.networks.receptive_fields.rules import JOINING, RULES, SPLITTING
from core.networks.receptive_fields.shape_rules import split_axes
from core.networks.receptive_fields.spans import Axes, elementwise_axes, image_axes, unknown_axes
from core.networks.tracing import Trace

# Functions of these packages are identified by their name. A function of any other package may have
# the same name and compute something else.
KNOWN_PACKAGES = ("torch", "torchvision", "_operator", "operator")
# Networks compute images of at most so many values faster than torch imports what meta tensors need
# (a large part of its compiler).
SMALL_IMAGE = 3 * 96 * 96
# The description of a node's result: a value, several values, or None if it does not depend on
# pixels.
Values = Value | list["Values"] | None


def propagate(module: nn.Module, traced: Trace, image: Tensor) -> dict[fx.Node, Values]:
    """Return the description of every node's value in a network for an image ``[1, 3, H, W]``.

    Args:
        module: the network.
        traced: its graph.
        image: the image; only its size matters.
    """
    blocks = find_blocks(module, traced)
    if image.numel() > SMALL_IMAGE:
        # Shapes are enough, so meta tensors, which have no values, are used. If the code of the
        # network needs the values of a tensor, it is run on a real image.
        with contextlib.suppress(Exception):
            return _describe(traced.on_meta(), image.to("meta"), blocks)
    return _describe(traced, image, blocks)


def _describe(
    traced: Trace, image: Tensor, blocks: Mapping[fx.Node, AttentionBlock]
) -> dict[fx.Node, Values]:
    describer = _Describer(traced.assemble(traced.graph), image, blocks)
    with torch.no_grad():
        describer.run(image)
    return describer.values


class _Describer(fx.Interpreter):
    """Runs a graph and records the description of each value."""

    def __init__(
        self, module: fx.GraphModule, image: Tensor, blocks: Mapping[fx.Node, AttentionBlock]
    ) -> None:
        super().__init__(module)
        self.blocks = blocks
        # Errors are shown as one sentence, without the graph's code.
        self.extra_traceback = False
        self.values: dict[fx.Node, Values] = {}
        self.image = Value(image_axes(*image.shape[2:]), tuple(image.shape))

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if n.op == "placeholder":
            self.values[n] = self.image if isinstance(result, Tensor) else None
        elif n.op.startswith("call_"):
            self.values[n] = self._describe_node(n, result)
        if n in self.blocks:
            self.values[n] = self._describe_block(self.blocks[n], self.values[n])
        return result

    def _describe_block(self, block: AttentionBlock, found: Values) -> Values:
        """Return the description of a block's result; ``found`` is that of its last operation."""
        source = self.values.get(block.source)
        if not isinstance(source, Value) or not isinstance(found, Value):
            return found
        if source.shape != found.shape:
            return found
        local = block.attend(source.local_axes, local=True)
        return Value(block.attend(source.axes, local=False), found.shape, local)

    def _describe_node(self, node: fx.Node, result: Any) -> Values:
        arguments = [self.values.get(each) for each in node.all_input_nodes]
        if len(arguments) == 1 and isinstance(arguments[0], list) and known_name(node) == "getitem":
            return arguments[0][node.args[1]]  # type: ignore[index]
        inputs = [value for each in arguments for value in _flatten(each)]
        if not inputs:
            return None
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        module = self.fetch_attr(str(node.target)) if node.op == "call_module" else None
        name = type(module).__name__ if module is not None else known_name(node)
        return _describe_result(Call(name, module, args, kwargs, inputs, result))


def known_name(node: fx.Node) -> str:
    """Return the name of a function or method; empty if it is not from ``KNOWN_PACKAGES``."""
    if node.op == "call_method":
        return str(node.target)
    package = str(getattr(node.target, "__module__", "")).partition(".")[0]
    return str(getattr(node.target, "__name__", "")) if package in KNOWN_PACKAGES else ""


def _flatten(values: Values) -> list[Value]:
    """Return all values of a nested list as a flat list."""
    if isinstance(values, list):
        return [each for part in values for each in _flatten(part)]
    return [] if values is None else [values]


def _describe_result(call: Call) -> Values:
    """Return the description of an operation's result."""
    if isinstance(call.result, (tuple, list)):
        if call.name in SPLITTING and len(call.inputs) == 1:
            both = zip(split_axes(call), split_axes(call.localised()), call.result, strict=True)
            return [Value(axes, tuple(part.shape), local) for axes, local, part in both]
        return [_describe_unknown(call, part) for part in call.result]
    if not isinstance(call.result, Tensor):
        return None
    axes, local = _result_axes(call), _result_axes(call.localised())
    return Value(axes, call.shape, None if local == axes else local)


def _result_axes(call: Call) -> Axes:
    """Return the axes of an operation's result, which is one tensor."""
    if call.name in POINTWISE or is_activation(call.module):
        return elementwise_axes([value.axes for value in call.inputs], call.shape, call.local)
    if call.name in JOINING or (call.name in RULES and len(call.inputs) == 1):
        return (JOINING.get(call.name) or RULES[call.name])(call)
    return call.unknown_axes()


def _describe_unknown(call: Call, result: Any) -> Values:
    """Return the description of an unknown operation's result."""
    if not isinstance(result, Tensor):
        return None
    shape = tuple(result.shape)
    exact, local = (
        unknown_axes([value.axes for value in it.inputs], shape) for it in (call, call.localised())
    )
    return Value(exact, shape, local)
