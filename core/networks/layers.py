"""The layers of an image network: a list of all layers, receptive fields and activations."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from core.errors import ExplorerError, unknown
from core.networks.hooks import HookedExtractor, observe_outputs
from core.networks.layer_selection import TracedTensor, has_submodules, layer_depths, select_layers
from core.networks.receptive_fields.pointwise import ACTIVATIONS, is_activation
from core.networks.receptive_fields.propagation import propagate
from core.networks.receptive_fields.rules import Value
from core.networks.receptive_fields.spans import Axes, AxisKind, Span
from core.networks.tracing import OutputNode, Trace, function_name, trace, truncate


@dataclass(frozen=True)
class Layer:
    """A layer of a network whose activations can be read.

    Attributes:
        name: the displayed name. It is the path of a module such as ``features.7`` if the layer is
            the output of that whole module, else the name of the node.
        node: torchvision's name of the graph node; for a network that cannot be traced, the path of
            the module.
        index: index of the layer in the order of execution.
        channels: number of channels.
        stride: numbers of input pixels between neighbouring rows and between neighbouring columns;
            None if the layer has no rows and columns, or if the stride is unknown.
        receptive_field: (height, width) of the receptive field in input pixels; None for the whole
            image.
        size: (height, width) of the activation for images of ``input_size``; None if the layer has
            no rows and columns, as in ``[N, C]`` or tokens ``[N, C, T]``.
        depth: from 0 at the image to 1 at the logits, in equal steps from one shown layer to the
            next.
        shown: whether the layer is shown by default.
        axis: index of the channel axis in the output of the node; extractors move this axis to
            index 1.
        input_size: (height, width) of the images that ``list_layers`` was called for.
        spans: receptive fields of all rows, and of all columns; None if every position depends on
            the whole image.
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

    def receptive_box(self, row: int, col: int, clipped: bool = True) -> tuple[int, int, int, int]:
        """Return (top, left, bottom, right) of the input pixels that can change one position.

        The box is half open: it contains ``image[..., top:bottom, left:right]``. A position that
        depends on nothing but padding has an empty box, with its end before its start.

        Args:
            row, col: the position; ignored if the layer has no rows and columns.
            clipped: whether the box is for an image of ``input_size``. It then contains only pixels
                inside the image, and is exact for positions near the border too. Otherwise the box
                is for an image without borders: it is valid for images of any size, and may reach
                outside them. If the receptive field has no fixed size, this second box is the whole
                image of ``input_size``.

        Raises:
            ExplorerError: a clipped box is requested for a position that the layer does not have.
        """
        if self.spans is None:
            return (0, 0, *self.input_size)
        if clipped and not (0 <= row < len(self.spans[0]) and 0 <= col < len(self.spans[1])):
            height, width = map(len, self.spans)
            raise ExplorerError(
                f"layer {self.name} has {height} rows and {width} columns, no place ({row}, {col})"
            )
        top, bottom = _field_interval(self.spans[0], row, clipped)
        left, right = _field_interval(self.spans[1], col, clipped)
        return (top, left, bottom, right)


def _field_interval(span: Span, position: int, clipped: bool) -> tuple[int, int]:
    if clipped:
        return span.starts[position], span.stops[position]
    if span.window is None or span.stride is None:
        return 0, span.extent
    return span.window[0] + position * span.stride, span.window[1] + position * span.stride


def list_layers(module: nn.Module, input_size: tuple[int, int]) -> tuple[Layer, ...]:
    """Return all layers of a network that have channels, in order of execution.

    Args:
        module: the network, in evaluation mode; it is not changed.
        input_size: (height, width) of the images for which sizes and receptive fields are computed.

    Raises:
        ExplorerError: the network is in training mode, does not accept images of this size, or has
            no layer.
    """
    if module.training:
        raise ExplorerError("the layers of a network in training mode are not fixed; call eval()")
    weight = next(module.parameters(), torch.zeros(()))
    image = torch.zeros(1, 3, *input_size, dtype=weight.dtype, device=weight.device)
    traced = trace(module)
    try:
        tensors, outputs = (
            _observe_tensors(module, image) if traced is None else _trace_tensors(traced, image)
        )
    except Exception as error:
        # Any exception in the network's own code means that it does not accept this image.
        height, width = input_size
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ExplorerError(
            f"the network takes no pictures of {height} x {width} pixels: {reason}"
        ) from error
    if not tensors:
        raise ExplorerError("the network has no layer with channels")
    names = select_layers(module, tensors, outputs)
    return tuple(
        _make_layer(tensor, names.get(tensor.node), depth, input_size)
        for tensor, depth in zip(tensors, layer_depths(tensors, names), strict=True)
    )


def _trace_tensors(traced: Trace, image: Tensor) -> tuple[list[TracedTensor], dict[str, str]]:
    """Return the tensors of a traced network, and by module path the name of its output node."""
    values = propagate(traced, image)
    tensors = []
    for index, node in enumerate(traced.graph.nodes):
        value = values.get(node)
        if node.op == "placeholder" or not isinstance(value, Value) or not value.has_channels:
            continue
        name = traced.names[node]
        leaf = node.op == "call_module"
        path = str(node.target) if leaf else name
        part = traced.parts[path] if leaf else None
        activation = is_activation(part) or (not leaf and function_name(node) in ACTIVATIONS)
        tensors.append(TracedTensor(name, index, path, leaf, activation, value))
    outputs = {path: traced.names[node] for path, node in traced.outputs.items()}
    returned = next(node for node in traced.graph.nodes if node.op == "output").all_input_nodes
    outputs[""] = traced.names[returned[0]] if returned else ""
    return tensors, outputs


def _observe_tensors(module: nn.Module, image: Tensor) -> tuple[list[TracedTensor], dict[str, str]]:
    """Run a network that cannot be traced; return the same as ``_trace_tensors``."""
    tensors: dict[str, TracedTensor] = {}

    def observer(path: str, part: nn.Module, output: Tensor) -> None:
        if path in tensors or not path or output.dim() < 2:
            return
        positions = (AxisKind.POSITION,) * (output.dim() - 2)
        last = output.dim() == 3 or isinstance(part, (nn.Linear, nn.LayerNorm))
        axes: Axes = (*positions, AxisKind.CHANNEL) if last else (AxisKind.CHANNEL, *positions)
        value = Value((AxisKind.BATCH, *axes), tuple(output.shape))
        leaf = not has_submodules(part)
        tensors[path] = TracedTensor(path, len(tensors), path, leaf, is_activation(part), value)

    with torch.no_grad(), observe_outputs(module, observer):
        module(image)
    return list(tensors.values()), {path: path for path in tensors}


def _make_layer(
    tensor: TracedTensor, display_name: str | None, depth: float, input_size: tuple[int, int]
) -> Layer:
    axes, shape = tensor.value.axes, tensor.value.shape
    axis = axes.index(AxisKind.CHANNEL)
    positions = [i for i in range(len(axes)) if i not in (0, axis)]
    size = (shape[positions[0]], shape[positions[1]]) if len(positions) == 2 else None
    spans = stride = receptive_field = None
    if size is not None:
        rows, cols = axes[positions[0]], axes[positions[1]]
        if isinstance(rows, Span) and isinstance(cols, Span) and rows.side < cols.side:
            spans = (rows, cols)
            if rows.stride is not None and cols.stride is not None:
                stride = (rows.stride, cols.stride)
            if rows.reach is not None and cols.reach is not None:
                receptive_field = (rows.reach, cols.reach)
    return Layer(
        name=display_name or tensor.node,
        node=tensor.node,
        index=tensor.index,
        channels=shape[axis],
        stride=stride,
        receptive_field=receptive_field,
        size=size,
        depth=depth,
        shown=display_name is not None,
        axis=axis,
        input_size=input_size,
        spans=spans,
    )


def find_layer(layers: Iterable[Layer], name: str, network_name: str) -> Layer:
    """Return a layer by its name, the name of its node, or the path of a module that contains it.

    If the module contains several layers, the last of them is returned, as in torchvision.

    Raises:
        UnknownName: no layer fits the name; the message suggests the nearest name.
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
    """Build a module that computes only what some layers need.

    The network is not changed, and the new module shares its parameters. In-place operations are
    replaced, so that no later operation overwrites an activation.

    Args:
        module: the network that the layers belong to, in evaluation mode.
        layers: the layers whose activations are returned.
        redirect_relu: whether ReLU and ReLU6 use the gradient of ``tracing.RedirectedReLU``, so
            that dead units get a gradient.

    Returns:
        A module that takes an image and returns a dict of activations by layer name:
        ``[N, C, H, W]``, or ``[N, C]`` for fully connected layers, or ``[N, C, T]`` for tokens.
    """
    outputs = tuple(OutputNode(layer.node, layer.name, layer.axis) for layer in layers)
    traced = trace(module)
    if traced is None:
        return HookedExtractor(module, outputs, redirect_relu)
    return truncate(traced, outputs, redirect_relu)
