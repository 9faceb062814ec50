"""The layers of an image network: a list of all layers, receptive fields and activations."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from core.errors import ExplorerError, reason_of, unknown
from core.networks.hooks import NO_SCALES, HookedExtractor, observe_outputs
from core.networks.known_networks import KnownLayer
from core.networks.layer_selection import TracedTensor, has_submodules, layer_depths, select_layers
from core.networks.receptive_fields.described_call import Value
from core.networks.receptive_fields.pointwise import ACTIVATIONS, is_activation
from core.networks.receptive_fields.propagation import propagate
from core.networks.receptive_fields.rules import CONCATENATIONS
from core.networks.receptive_fields.spans import Axis, AxisKind, Span
from core.networks.tracing import OutputNode, Trace, function_name, trace, truncate


@dataclass(frozen=True)
class Layer(KnownLayer):
    """A layer of a loaded network, whose activations can be read.

    Attributes, besides those of ``KnownLayer``:
        index: index of the layer in the order of execution.
        axis, batch_axis: indices of the channel axis and of the batch axis in the output of the
            node; extractors move them to index 1 and 0.
        input_size: (height, width) of the images that ``list_layers`` was called for.
        spans: local receptive fields of all rows, and of all columns; None if every position
            depends on the whole image.
        exact_spans: exact receptive fields of all rows, and of all columns; None if ``spans`` is.
    """

    index: int
    axis: int = 1
    batch_axis: int = 0
    input_size: tuple[int, int] = (0, 0)
    spans: tuple[Span, Span] | None = field(default=None, repr=False, compare=False)
    exact_spans: tuple[Span, Span] | None = field(default=None, repr=False, compare=False)

    def receptive_box(
        self, row: int, col: int, clipped: bool = True, exact: bool = False
    ) -> tuple[int, int, int, int]:
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
            exact: whether global gates count too; see ``local_field``.

        Raises:
            ExplorerError: a clipped box is requested for a position that the layer does not have.
        """
        spans = self.exact_spans if exact else self.spans
        if spans is None:
            return (0, 0, *self.input_size)
        if clipped and not (0 <= row < len(spans[0]) and 0 <= col < len(spans[1])):
            height, width = map(len, spans)
            raise ExplorerError(
                f"layer {self.name} has {height} rows and {width} columns, no place ({row}, {col})"
            )
        top, bottom = _field_interval(spans[0], row, clipped)
        left, right = _field_interval(spans[1], col, clipped)
        return (top, left, bottom, right)


def _field_interval(span: Span, position: int, clipped: bool) -> tuple[int, int]:
    if clipped:
        return span.starts[position], span.stops[position]
    if span.window is None or span.stride is None:
        return 0, span.extent
    return span.window[0] + position * span.stride, span.window[1] + position * span.stride


def list_layers(
    module: nn.Module, input_size: tuple[int, int], channels: int = 3
) -> tuple[Layer, ...]:
    """Return all layers of a network that have channels, in order of execution.

    Args:
        module: the network, in evaluation mode; it is not changed.
        input_size: (height, width) of the images for which sizes and receptive fields are computed.
        channels: number of channels of the images.

    Raises:
        ExplorerError: the network is in training mode, does not accept images of this size, or has
            no layer.
    """
    if module.training:
        raise ExplorerError("the layers of a network in training mode are not fixed; call eval()")
    weight = next(module.parameters(), torch.zeros(()))
    image = torch.zeros(1, channels, *input_size, dtype=weight.dtype, device=weight.device)
    traced = trace(module)
    try:
        tensors, outputs = (
            _observe_tensors(module, image)
            if traced is None
            else _trace_tensors(module, traced, image)
        )
    except Exception as error:
        # Any exception in the network's own code means that it does not accept this image.
        height, width = input_size
        raise ExplorerError(
            f"the network takes no pictures of {height} x {width} pixels: {reason_of(error)}"
        ) from error
    if not tensors:
        raise ExplorerError("the network has no layer with channels")
    names = select_layers(module, tensors, outputs)
    return tuple(
        _make_layer(tensor, names.get(tensor.node), depth, input_size)
        for tensor, depth in zip(tensors, layer_depths(tensors, names), strict=True)
    )


def _trace_tensors(
    module: nn.Module, traced: Trace, image: Tensor
) -> tuple[list[TracedTensor], dict[str, str]]:
    """Return the tensors of a traced network, and by module path the name of its output node."""
    values = propagate(module, traced, image)
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
        joined = tuple(traced.names[it] for it in node.all_input_nodes if it in traced.names)
        tensors.append(
            TracedTensor(
                *(name, index, path, leaf, activation, value),
                joined=joined if function_name(node) in CONCATENATIONS else (),
            )
        )
    outputs = {path: traced.names[node] for path, node in traced.outputs.items()}
    returned = next(node for node in traced.graph.nodes if node.op == "output").all_input_nodes
    outputs[""] = traced.names[returned[0]] if returned else ""
    return tensors, outputs


def _observe_tensors(module: nn.Module, image: Tensor) -> tuple[list[TracedTensor], dict[str, str]]:
    """Run a network that cannot be traced; return the same as ``_trace_tensors``.

    The node of the network's own output has the name "" unless a module in it returned this output.
    """
    single, double = _observe_calls(module, image), dict[str, torch.Size]()
    with suppress(Exception):
        # The batch axis is the one that is longer for two images. The network may accept one only.
        double = {name: it.shape for name, _, it in _observe_calls(module, torch.cat([image] * 2))}
    paths = {part: path for path, part in module.named_modules()}
    tensors, outputs = list[TracedTensor](), dict[str, str]()
    for name, part, output in single:
        path = paths[part]
        value = _observed_value(part, output, double.get(name))
        if path == "":
            within = (it for it, _, value in reversed(single[:-1]) if value is output)
            outputs[path] = next(within, name)
        else:
            outputs[path] = name
        if value is not None and outputs[path] == name:
            leaf = not has_submodules(part)
            tensors.append(TracedTensor(name, len(tensors), path, leaf, is_activation(part), value))
    return tensors, outputs


def _observe_calls(module: nn.Module, image: Tensor) -> list[tuple[str, nn.Module, Tensor]]:
    """Return the name, module and output of every call in a run of a network."""
    calls: list[tuple[str, nn.Module, Tensor]] = []
    with torch.no_grad(), observe_outputs(module, lambda *call: calls.append(call)):
        module(image)
    return calls


def _observed_value(part: nn.Module, output: Tensor, double: torch.Size | None) -> Value | None:
    """Return the description of a module's output for one image; None without a batch axis.

    Args:
        part: the module.
        output: its output.
        double: the shape of its output for two images; None if it is not known.
    """
    shape = tuple(output.shape)
    pairs = enumerate(zip(shape, double or (), strict=False))
    doubled = [at for at, (length, longer) in pairs if longer == 2 * length == 2]
    batch = doubled[0] if doubled else 0
    if len(shape) < 2 or shape[batch] != 1 or (double and not doubled):
        return None
    positions = (AxisKind.POSITION,) * (len(shape) - 2)
    last = len(shape) == 3 and not isinstance(part, (nn.Conv1d, nn.BatchNorm1d))
    last = last or isinstance(part, (nn.Linear, nn.LayerNorm))
    axes: list[Axis] = [*positions, AxisKind.CHANNEL] if last else [AxisKind.CHANNEL, *positions]
    axes.insert(batch, AxisKind.BATCH)
    return Value(tuple(axes), shape)


def _make_layer(
    tensor: TracedTensor, display_name: str | None, depth: float, input_size: tuple[int, int]
) -> Layer:
    axes, shape = tensor.value.axes, tensor.value.shape
    axis, batch_axis = axes.index(AxisKind.CHANNEL), axes.index(AxisKind.BATCH)
    positions = [i for i in range(len(axes)) if i not in (batch_axis, axis)]
    size = (shape[positions[0]], shape[positions[1]]) if len(positions) == 2 else None
    exact = _spans([axes[i] for i in positions])
    spans = _spans([tensor.value.local_axes[i] for i in positions])
    stride = None
    if spans is not None and spans[0].stride is not None and spans[1].stride is not None:
        stride = (spans[0].stride, spans[1].stride)
    return Layer(
        name=display_name or tensor.node,
        node=tensor.node,
        index=tensor.index,
        channels=shape[axis],
        stride=stride,
        receptive_field=_field(exact),
        local_field=_field(spans),
        size=size,
        depth=depth,
        shown=display_name is not None,
        axis=axis,
        batch_axis=batch_axis,
        input_size=input_size,
        spans=spans,
        exact_spans=exact,
    )


def _spans(axes: Sequence[Axis]) -> tuple[Span, Span] | None:
    """Return the spans of rows and of columns; None if these are not the axes of positions."""
    if len(axes) != 2:
        return None
    rows, cols = axes
    if isinstance(rows, Span) and isinstance(cols, Span) and rows.side < cols.side:
        return rows, cols
    return None


def _field(spans: tuple[Span, Span] | None) -> tuple[int, int] | None:
    """Return (height, width) of a receptive field; None for the whole image."""
    if spans is None or spans[0].reach is None or spans[1].reach is None:
        return None
    return spans[0].reach, spans[1].reach


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
    module: nn.Module,
    traced: Trace | None,
    layers: Iterable[Layer],
    redirect_relu: bool = False,
    scales: Mapping[str, nn.Module] = NO_SCALES,
) -> nn.Module:
    """Build a module that computes only what some layers need.

    The network is not changed, and the new module shares its parameters. In-place operations are
    replaced, so that no later operation overwrites an activation.

    Args:
        module: the network that the layers belong to, in evaluation mode.
        traced: the trace of the network (``tracing.trace``), which is not changed; None if there is
            none, so that activations are read with hooks.
        layers: the layers whose activations are returned.
        redirect_relu: whether ReLU and ReLU6 use the gradient of ``RedirectedReLU``, so
            that dead units get a gradient.
        scales: without a trace: modules that replace the outputs of layers, by the layer's node.
            In a trace they are nodes already.

    Returns:
        A module that takes an image and returns a dict of activations by layer name:
        ``[N, C, H, W]``, or ``[N, C]`` for fully connected layers, or ``[N, C, T]`` for tokens.
    """
    outputs = tuple(OutputNode(it.node, it.name, it.axis, it.batch_axis) for it in layers)
    if traced is None:
        return HookedExtractor(module, outputs, redirect_relu, scales)
    return truncate(traced, outputs, redirect_relu)
