"""Attribution of activations to pixels.

A heatmap shows where in an image a unit responds. The effective receptive field is the box of the
pixels that influence one activation most. A projection, by guided backpropagation or by a
deconvolutional network, is an image of the pattern that caused one activation.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx, nn

from core.errors import ExplorerError, unknown
from core.images.center_crop import Box
from core.images.channels import with_channels
from core.networks.layers import Layer
from core.networks.network import FeatureExtractor, Network
from core.networks.receptive_fields.pointwise import ACTIVATIONS, is_activation
from core.networks.receptive_fields.spans import Span
from core.networks.redirected_relu import relu_ceiling
from core.networks.tracing import function_name

GUIDED, DECONVOLUTION = "guided", "deconvolution"
PROJECTIONS = (GUIDED, DECONVOLUTION)
# Activation functions that scale other activations, for example in squeeze-and-excitation. Networks
# of ReLUs have them, too, and gradients pass through them unchanged.
GATES = ("sigmoid", "hardsigmoid", "tanh")
# Share of the gradient's magnitude inside the effective receptive field, along each axis.
EFFECTIVE = 0.9
# Largest number of cached extractors. They share the weights of their network.
MAX_EXTRACTORS = 8
# Largest number of cached sentences of ``projection_problem``.
MAX_PROBLEMS = 512


def heatmap(network: Network, image: Tensor, layer: str, unit: int) -> Tensor:
    """Compute the activation map of a unit, enlarged to the size of the image.

    Args:
        network: the network.
        image: ``[1, 3, H, W]`` in ``[0, 1]``, of the network's input size.
        layer, unit: name of the layer, and index of the unit.

    Returns:
        Raw activations ``[H, W]`` on the CPU. The activation of each position is placed at the
        centre of its receptive field. Between these centres, activations are interpolated linearly.
        For a layer without positions the value is the same at all pixels.

    Raises:
        UnknownName, ExplorerError: there is no such layer or unit.
    """
    target = network.layer_with_units(layer, [unit])
    with torch.no_grad():
        output: Tensor = _extractor(network, target.name)(image.to(network.device))[target.name]
    return enlarge(target, output[0, unit].float().cpu(), (image.shape[2], image.shape[3]))


def enlarge(layer: Layer, values: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a map of a layer, enlarged to the (height, width) of the network's input.

    The value of each position is placed at the centre of its receptive field; between these
    centres, values are interpolated linearly. Without rows and columns the mean is at all pixels.
    """
    if layer.spans is None or values.ndim != 2:
        return values.mean().expand(*size).clone()
    vertical, horizontal = (_interpolation_matrix(span) for span in layer.spans)
    return vertical @ values @ horizontal.T


def _interpolation_matrix(span: Span) -> Tensor:
    """Return the weights of a linear interpolation from positions to pixels, along one axis.

    They are ``[extent, positions]``: for each pixel, the weight of each position.
    """
    pixels = np.arange(span.extent) + 0.5
    weights = [np.interp(pixels, centres(span), row) for row in np.eye(len(span))]
    return torch.from_numpy(np.stack(weights, axis=1)).float()


def centres(span: Span) -> npt.NDArray[np.float64]:
    """Return the centres of a layer's receptive fields along one axis, in input pixels."""
    if span.window is None or span.stride is None:
        return np.array([(a + b) / 2 for a, b in zip(span.starts, span.stops, strict=True)])
    return np.arange(len(span), dtype=np.float64) * span.stride + sum(span.window) / 2


def effective_field(
    network: Network, image: Tensor, layer: str, unit: int, row: int, col: int
) -> Box:
    """Compute the effective receptive field of an activation: the pixels with the largest effect.

    It is a box. Along each axis, the pixels on either side of the box have 5 % of the total
    magnitude of the activation's gradient. After Luo et al., "Understanding the Effective Receptive
    Field in Deep Convolutional Neural Networks" (2016). They average the gradient over many images;
    here it is computed for one image.

    Args:
        network: the network.
        image: ``[1, 3, H, W]`` in ``[0, 1]``, of the network's input size.
        layer, unit, row, col: name of the layer, index of the unit, and the position.

    Returns:
        (top, left, bottom, right), half open; the whole image if the gradient is zero everywhere.

    Raises:
        UnknownName, ExplorerError: there is no such layer or unit.
    """
    extractor = _extractor(network, network.layer_with_units(layer, [unit]).name)
    magnitude = _gradient(extractor, network, image, unit, row, col).abs().sum(0)  # [H, W]
    if float(magnitude.sum()) == 0:
        return (0, 0, *image.shape[2:])
    top, bottom = _central_interval(magnitude.sum(1))
    left, right = _central_interval(magnitude.sum(0))
    return top, left, bottom, right


def _central_interval(magnitude: Tensor) -> tuple[int, int]:
    """Return the half-open interval of indices that contains the central ``EFFECTIVE`` share.

    Args:
        magnitude: values ``[n]``, at least 0; their sum is 100 %.
    """
    share = torch.cumsum(magnitude.double(), 0) / magnitude.double().sum()
    low, high = (1 - EFFECTIVE) / 2, (1 + EFFECTIVE) / 2
    return int((share < low).sum()), int((share < high).sum()) + 1


def project(
    network: Network,
    image: Tensor,
    layer: str,
    unit: int,
    row: int,
    col: int,
    how: str = GUIDED,
) -> Tensor:
    """Compute the pattern of pixels that caused the activation of a unit at one position.

    The activation is backpropagated to the image with a modified rule: ReLUs pass only positive
    gradients. With ``guided``, they pass gradients only where also the input of the ReLU was
    positive in the forward pass (Springenberg et al., "Striving for Simplicity", 2015). With
    ``deconvolution``, they pass positive gradients whatever the input was (Zeiler and Fergus,
    "Visualizing and Understanding Convolutional Networks", 2014; here also for ReLU6 and for
    networks without pooling).

    Args:
        network: the network; it is not modified.
        image: ``[1, 3, H, W]`` in ``[0, 1]``, of the network's input size.
        layer, unit, row, col: name of the layer, index of the unit, and the position.
        how: ``guided`` or ``deconvolution``.

    Returns:
        The backpropagated signal at each pixel, positive or negative, ``[C, H, W]`` on the CPU. It
        is zero everywhere if no positive gradient is left at one of the ReLUs.

    Raises:
        UnknownName, ExplorerError: there is no such layer, unit or projection, or
            ``projection_problem`` has a reason.
    """
    if how not in PROJECTIONS:
        raise unknown("projection", how, PROJECTIONS)
    if problem := projection_problem(network, network.layer_with_units(layer, [unit]).name):
        raise ExplorerError(problem)
    extractor = _extractor(network, network.layer_with_units(layer, [unit]).name, how)
    return _gradient(extractor, network, image, unit, row, col)


@functools.lru_cache(maxsize=MAX_PROBLEMS)
def projection_problem(network: Network, layer: str) -> str:
    """Return why ``project`` is not possible for a layer, in a sentence; "" if it is possible.

    Both projections change how gradients pass through ReLUs. Without ReLUs they would be the plain
    gradient, and for other activation functions, such as SiLU or GELU, the papers define no rule.
    """
    graph = FeatureExtractor(network, [network.layer(layer)]).body
    if not isinstance(graph, fx.GraphModule):
        return f"{network.name} cannot be traced, so nothing can be projected in it"
    relus, others = 0, set[str]()
    for node in graph.graph.nodes:
        part = _operation(graph, node)
        name = type(part).__name__ if isinstance(part, nn.Module) else function_name(node)
        if relu_ceiling(part) is not None:
            relus += 1
        elif (isinstance(part, nn.Module) and is_activation(part)) or name in ACTIVATIONS:
            others.add(name)
    others = {name for name in others if name.lower() not in GATES}
    if relus and not others:
        return ""
    has = f"has {', '.join(sorted(others))}" if others else "has no ReLU"
    return (
        f"guided backpropagation and deconvolution are defined for ReLUs only, and {network.name} "
        f"{has} up to {layer}; choose the heat map"
    )


def _operation(graph: fx.GraphModule, node: fx.Node) -> Any:
    """Return what a node calls: a module, a function, or the name of a method."""
    return graph.get_submodule(str(node.target)) if node.op == "call_module" else node.target


@functools.lru_cache(maxsize=MAX_EXTRACTORS)
def _extractor(network: Network, layer: str, how: str = "") -> FeatureExtractor:
    """Return the network up to a layer.

    Args:
        network: the network.
        layer: name of the layer.
        how: one of ``PROJECTIONS``, to replace the ReLUs by those of this projection; "" to leave
            them unchanged. ``projection_problem`` must be "" for a projection.
    """
    if not how:
        return network.extractor([layer])
    # Create a new extractor, because it is modified below. The network's cached extractors must not
    # be modified.
    extractor = FeatureExtractor(network, [network.layer(layer)])
    graph = extractor.body
    assert isinstance(graph, fx.GraphModule)
    for node in graph.graph.nodes:
        ceiling = relu_ceiling(_operation(graph, node))
        if ceiling is not None:
            node.op, node.target = "call_function", _relu(how == GUIDED)
            node.args, node.kwargs = (node.all_input_nodes[0], ceiling), {}
    graph.recompile()
    return extractor


def _relu(guided: bool) -> Callable[[Tensor, float], Tensor]:
    def positive_relu(x: Tensor, ceiling: float) -> Tensor:
        result: Tensor = PositiveReLU.apply(x, ceiling, guided)
        return result

    return positive_relu


class PositiveReLU(torch.autograd.Function):
    """ReLU, or ReLU6, whose backward pass keeps only positive gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float, guided: bool) -> Tensor:
        """Clamp ``x``, ``[N, ...]``, to the range from 0 to ``ceiling`` (infinite, or 6 for ReLU6).

        If ``guided``, save a mask of the values inside this range for the backward pass.
        """
        ctx.save_for_backward((x > 0) & (x < ceiling) if guided else torch.ones_like(x).bool())
        return x.clamp(0.0, ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Return the positive part of the gradient where the saved mask is true, 0 elsewhere."""
        (mask,) = ctx.saved_tensors
        return gradients[0].clamp(min=0.0) * mask, None, None


def _gradient(
    extractor: FeatureExtractor, network: Network, image: Tensor, unit: int, row: int, col: int
) -> Tensor:
    """Compute the gradient of one activation with respect to the image, ``[C, H, W]``.

    The activation is that of a unit at a position of the extractor's only layer.
    """
    image = with_channels(image.detach().to(network.device, torch.float32), network.channels)
    image = image.clone().requires_grad_()
    with torch.enable_grad():
        (output,) = extractor(image).values()
        activation = output[0, unit]
        # A unit of a layer without rows and columns has one activation, or one for each token.
        value = activation[row, col] if activation.ndim == 2 else activation.reshape(-1)[col]
        (gradient,) = torch.autograd.grad(value, image)
    return gradient[0].float().cpu()
