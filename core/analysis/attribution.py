"""Evidence of what in a picture excites a neuron: heat-maps, effective fields and projections."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, fx

from core.errors import ExplorerError, unknown
from core.images.center_crop import Box
from core.networks.network import FeatureExtractor, Network
from core.networks.receptive_fields.spans import Span
from core.networks.tracing import relu_ceiling

GUIDED, DECONVOLUTION = "guided", "deconvolution"
PROJECTIONS = (GUIDED, DECONVOLUTION)
# Share of the gradient that lies inside the effective field, along each side.
EFFECTIVE = 0.9
# Cut networks that are kept at hand; they share their network's weights.
CUTS_AT_MOST = 8


def heatmap(network: Network, image: Tensor, layer: str, unit: int) -> Tensor:
    """Tell how excited a unit is by each part of an image.

    Args:
        network: the network.
        image: ``[1, 3, H, W]`` in ``[0, 1]``, of the network's input size.
        layer, unit: the neuron.

    Returns:
        Raw activations ``[H, W]`` on the CPU: each position's at the centre of what it sees, and
        between these interpolated linearly. Of a layer without positions the same everywhere.

    Raises:
        UnknownName, ExplorerError: there is no such layer or unit.
    """
    found = network.layer_with_units(layer, [unit])
    with torch.no_grad():
        seen: Tensor = _extractor(network, found.name)(image.to(network.device))[found.name]
    own = seen[0, unit].float().cpu()
    if found.spans is None or own.ndim != 2:
        return own.mean().expand(*image.shape[2:]).clone()
    down, across = (_spread(span, len(span)) for span in found.spans)
    return down @ own @ across.T


def _spread(span: Span, places: int) -> Tensor:
    """Interpolate linearly between the centres of what places see: ``[extent, places]``."""
    pixels = np.arange(span.extent) + 0.5
    weights = [np.interp(pixels, centres(span)[:places], row) for row in np.eye(places)]
    return torch.from_numpy(np.stack(weights, axis=1)).float()


def centres(span: Span) -> npt.NDArray[np.float64]:
    """Tell around which pixel each place of a layer sees, along one side."""
    if span.window is None or span.stride is None:
        return np.array([(a + b) / 2 for a, b in zip(span.starts, span.stops, strict=True)])
    return np.arange(len(span), dtype=np.float64) * span.stride + sum(span.window) / 2


def effective_field(
    network: Network, image: Tensor, layer: str, unit: int, row: int, col: int
) -> Box:
    """Tell which input pixels matter most to one position.

    Along each side it leaves out 5 % of the gradient's magnitude at either end. After Luo et al.,
    "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks" (2016), for
    one picture where they average over many.

    Args:
        network: the network.
        image: ``[1, 3, H, W]`` in ``[0, 1]``, of the network's input size.
        layer, unit, row, col: the neuron and its position.

    Returns:
        (top, left, bottom, right), half open; all of the image where nothing has a gradient.
    """
    extractor = _extractor(network, network.layer_with_units(layer, [unit]).name)
    strength = _gradient(extractor, network, image, unit, row, col).abs().sum(0)  # [H, W]
    if float(strength.sum()) == 0:
        return (0, 0, *image.shape[2:])
    (top, bottom), (left, right) = (_middle(strength.sum(1)), _middle(strength.sum(0)))
    return top, left, bottom, right


def _middle(strength: Tensor) -> tuple[int, int]:
    """Leave out the same small share of ``[n]`` at either end."""
    share = torch.cumsum(strength.double(), 0) / strength.double().sum()
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
    """Project one position's activation back onto the image.

    Backpropagation in which ReLUs pass only positive signals: ``guided`` also only where they were
    open on the way forward (Springenberg et al., "Striving for Simplicity", 2015), while in a
    ``deconvolution`` it does not matter where that was (Zeiler and Fergus, "Visualizing and
    Understanding Convolutional Networks", 2014; here also for ReLU6 and outside of pooling
    networks).

    Args:
        network: the network; it is left as it is.
        image: ``[1, 3, H, W]`` in ``[0, 1]``, of the network's input size.
        layer, unit, row, col: the neuron and its position.
        how: ``guided`` or ``deconvolution``.

    Returns:
        The signal at each pixel, ``[3, H, W]`` on the CPU, of either sign.

    Raises:
        UnknownName, ExplorerError: there is no such layer, unit or projection, or the network
            cannot be traced.
    """
    if how not in PROJECTIONS:
        raise unknown("projection", how, PROJECTIONS)
    extractor = _extractor(network, network.layer_with_units(layer, [unit]).name, how)
    return _gradient(extractor, network, image, unit, row, col)


@functools.lru_cache(maxsize=CUTS_AT_MOST)
def _extractor(network: Network, layer: str, how: str = "") -> FeatureExtractor:
    """Cut a network off at a layer, once for many pictures; with a projection's own ReLUs.

    Raises:
        ExplorerError: the network cannot be traced, so nothing can be projected in it.
    """
    if not how:
        return network.extractor([layer])
    extractor = FeatureExtractor(network, [network.layer(layer)])  # its own, for it is changed
    graph = extractor.body
    if not isinstance(graph, fx.GraphModule):
        raise ExplorerError(f"{network.name} cannot be traced, so nothing can be projected in it")
    for node in graph.graph.nodes:
        part = graph.get_submodule(node.target) if node.op == "call_module" else node.target
        ceiling = relu_ceiling(part)
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
    """ReLU, or ReLU6, whose backward pass lets only positive signals through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, ceiling: float, guided: bool) -> Tensor:
        """Clamp ``x: [N, ...]`` to 0 and the ceiling."""
        ctx.save_for_backward((x > 0) & (x < ceiling) if guided else torch.ones_like(x).bool())
        return x.clamp(0.0, ceiling)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Pass what is positive, where that is allowed."""
        (open_,) = ctx.saved_tensors
        return gradients[0].clamp(min=0.0) * open_, None, None


def _gradient(
    extractor: FeatureExtractor, network: Network, image: Tensor, unit: int, row: int, col: int
) -> Tensor:
    """Backpropagate from one position of a cut network's only layer: ``[3, H, W]``."""
    image = image.detach().to(network.device, torch.float32).clone().requires_grad_()
    with torch.enable_grad():
        (activation,) = extractor(image).values()
        own = activation[0, unit]
        # Without rows and columns there is one value, or one for each token.
        value = own[row, col] if own.ndim == 2 else own.reshape(-1)[col]
        (gradient,) = torch.autograd.grad(value, image)
    return gradient[0].float().cpu()
