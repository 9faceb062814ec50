"""The layers of an image network: which there are, what they see, and their activations."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from core.errors import ExplorerError, unknown
from core.networks.hooks import HookedExtractor, watching
from core.networks.layer_selection import TracedTensor, depths_of, has_parts, select_layers
from core.networks.receptive_fields.propagation import propagate
from core.networks.receptive_fields.rules import ACTIVATIONS, Value, is_activation
from core.networks.receptive_fields.spans import Axes, AxisKind, Span
from core.networks.tracing import OutputNode, Trace, trace, truncate


@dataclass(frozen=True)
class Layer:
    """One place in a network where activations can be read.

    Attributes:
        name: what a person calls it: the path of a block (``features.7``) or its node's name.
        node: torchvision's name of the graph node; for a network that cannot be traced, the
            path of the module.
        index: its place in the order of execution.
        channels: how many neurons it has.
        stride: (row, col) input pixels between neighbouring places; None where there are no
            places in rows and columns, or it is not known.
        receptive_field: (height, width) input pixels; None for the whole picture.
        size: (height, width) of its output at the catalogue's input size; None where there are
            no rows and columns, as in ``[N, C]`` or tokens ``[N, C, T]``.
        depth: from 0 at the image to 1 at the logits, in equal steps from one shown layer to the
            next.
        shown: whether a person wants to see it by default.
        axis: where the channels are in the node's own output; the extractor moves them to 1.
        input_size: (height, width) of the pictures that the catalogue was made for.
        spans: what its rows and columns see; None where they see the whole picture.
    """

    name: str
    node: str
    index: int
    channels: int
    stride: tuple[int, int] | None
    receptive_field: tuple[int, int] | None
    size: tuple[int, int] | None
    depth: float
    shown: bool
    axis: int = 1
    input_size: tuple[int, int] = (0, 0)
    spans: tuple[Span, Span] | None = field(default=None, repr=False, compare=False)

    def field_of(self, row: int, col: int, clipped: bool = True) -> tuple[int, int, int, int]:
        """Tell which input pixels can change one place, as (top, left, bottom, right).

        The box is half open: it holds ``image[..., top:bottom, left:right]``. A place
        that sees nothing but padding has an empty box, with its end before its start.

        Args:
            row, col: the place; ignored where the layer has no rows and columns.
            clipped: give the pixels inside a picture of the catalogue's input size, exactly at
                its borders too; else the box as on an endless picture, which may reach outside.
                It then holds for pictures of any size. A field without a fixed size is the whole
                picture of ``input_size`` in both.

        Raises:
            ExplorerError: a clipped box is asked for a place that the layer does not have.
        """
        if self.spans is None:
            return (0, 0, *self.input_size)
        if clipped and not (0 <= row < len(self.spans[0]) and 0 <= col < len(self.spans[1])):
            height, width = map(len, self.spans)
            raise ExplorerError(
                f"layer {self.name} has {height} rows and {width} columns, no place ({row}, {col})"
            )
        top, bottom = _interval(self.spans[0], row, clipped)
        left, right = _interval(self.spans[1], col, clipped)
        return (top, left, bottom, right)


def _interval(span: Span, place: int, clipped: bool) -> tuple[int, int]:
    if clipped:
        return span.starts[place], span.stops[place]
    if span.window is None or span.stride is None:
        return 0, span.extent
    return span.window[0] + place * span.stride, span.window[1] + place * span.stride


def list_layers(module: nn.Module, input_size: tuple[int, int]) -> tuple[Layer, ...]:
    """List all layers of a network that have channels, in order of execution.

    Args:
        module: the network, in evaluation mode; it is not changed.
        input_size: (height, width) of the pictures to describe it for.

    Raises:
        ExplorerError: the network is in training mode, does not take pictures of this size, or
            has no layer.
    """
    if module.training:
        raise ExplorerError("the layers of a network in training mode are not fixed; call eval()")
    weight = next(module.parameters(), torch.zeros(()))
    image = torch.zeros(1, 3, *input_size, dtype=weight.dtype, device=weight.device)
    traced = trace(module)
    try:
        steps, outputs = _watch(module, image) if traced is None else _follow(traced, image)
    except Exception as error:
        # The network's own code: whatever it raises means that it cannot take this picture.
        height, width = input_size
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ExplorerError(
            f"the network takes no pictures of {height} x {width} pixels: {reason}"
        ) from error
    if not steps:
        raise ExplorerError("the network has no layer with channels")
    names = select_layers(module, steps, outputs)
    return tuple(
        _layer(step, names.get(step.node), depth, input_size)
        for step, depth in zip(steps, depths_of(steps, names), strict=True)
    )


def _follow(traced: Trace, image: Tensor) -> tuple[list[TracedTensor], dict[str, str]]:
    """List the steps of a traced network, and the name of the node that each module returned."""
    values = propagate(traced, image)
    steps = []
    for index, node in enumerate(traced.graph.nodes):
        value = values.get(node)
        if node.op == "placeholder" or not isinstance(value, Value) or not value.has_channels:
            continue
        name = traced.names[node]
        leaf = node.op == "call_module"
        path = str(node.target) if leaf else name
        part = traced.parts[path] if leaf else None
        activation = is_activation(part) or (not leaf and _function(node.target) in ACTIVATIONS)
        steps.append(TracedTensor(name, index, path, leaf, activation, value))
    outputs = {path: traced.names[node] for path, node in traced.outputs.items()}
    returned = next(node for node in traced.graph.nodes if node.op == "output").all_input_nodes
    outputs[""] = traced.names[returned[0]] if returned else ""
    return steps, outputs


def _function(target: object) -> str:
    return target if isinstance(target, str) else getattr(target, "__name__", "")


def _watch(module: nn.Module, image: Tensor) -> tuple[list[TracedTensor], dict[str, str]]:
    """List the modules of a network that cannot be traced, as steps, by running it."""
    steps: dict[str, TracedTensor] = {}

    def watcher(path: str, part: nn.Module, output: Tensor) -> None:
        if path in steps or not path or output.dim() < 2:
            return
        places = (AxisKind.PLACE,) * (output.dim() - 2)
        last = output.dim() == 3 or isinstance(part, (nn.Linear, nn.LayerNorm))
        axes: Axes = (*places, AxisKind.CHANNEL) if last else (AxisKind.CHANNEL, *places)
        value = Value((AxisKind.BATCH, *axes), tuple(output.shape))
        leaf = not has_parts(part)
        steps[path] = TracedTensor(path, len(steps), path, leaf, is_activation(part), value)

    with torch.no_grad(), watching(module, watcher):
        module(image)
    return list(steps.values()), {path: path for path in steps}


def _layer(
    step: TracedTensor, shown_as: str | None, depth: float, input_size: tuple[int, int]
) -> Layer:
    axes, shape = step.value.axes, step.value.shape
    axis = axes.index(AxisKind.CHANNEL)
    places = [at for at in range(len(axes)) if at not in (0, axis)]
    size = (shape[places[0]], shape[places[1]]) if len(places) == 2 else None
    spans = stride = receptive_field = None
    if size is not None:
        rows, cols = axes[places[0]], axes[places[1]]
        if isinstance(rows, Span) and isinstance(cols, Span) and rows.side < cols.side:
            spans = (rows, cols)
            if rows.stride is not None and cols.stride is not None:
                stride = (rows.stride, cols.stride)
            if rows.reach is not None and cols.reach is not None:
                receptive_field = (rows.reach, cols.reach)
    return Layer(
        name=shown_as or step.node,
        node=step.node,
        index=step.index,
        channels=shape[axis],
        stride=stride,
        receptive_field=receptive_field,
        size=size,
        depth=depth,
        shown=shown_as is not None,
        axis=axis,
        input_size=input_size,
        spans=spans,
    )


def find_layer(layers: Iterable[Layer], name: str, network_name: str) -> Layer:
    """Find a layer by its name, the name of its node, or a path above it.

    A path above several layers means the last of them, as in torchvision.

    Raises:
        UnknownName: there is none; the message names the nearest.
    """
    layers = tuple(layers)
    for layer in layers:
        if layer.name == name:
            return layer
    for layer in reversed(layers):
        if layer.node == name or layer.node.startswith(f"{name}."):
            return layer
    known = dict.fromkeys(layer.name for layer in sorted(layers, key=lambda each: not each.shown))
    raise unknown("layer", name, known, network_name)


def build_extractor(
    module: nn.Module, layers: Iterable[Layer], redirect_relu: bool = False
) -> nn.Module:
    """Cut a network off so that only what some layers need is computed.

    The network itself is not changed, and its parameters are shared. Operations in place are
    replaced, so that no activation is overwritten by what comes after it.

    Args:
        module: the network, in evaluation mode, that the layers are from.
        layers: those whose activations are wanted.
        redirect_relu: whether ReLU and ReLU6 pass gradient as ``tracing.RedirectedReLU`` does,
            so that dead units can wake.

    Returns:
        A module from an image to a dict of activations by layer name: ``[N, C, H, W]``, or
        ``[N, C]`` for fully connected layers, or ``[N, C, T]`` for tokens.
    """
    wanted = tuple(OutputNode(layer.node, layer.name, layer.axis) for layer in layers)
    traced = trace(module)
    if traced is None:
        return HookedExtractor(module, wanted, redirect_relu)
    return truncate(traced, wanted, redirect_relu)
