"""Colour operations: transfer of colour statistics, luma, colour distance, limited chroma.

Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic Style Transfer" (2016)
describe the two ways to keep a photograph's colours in style transfer: transfer the luma only, or
first give the painting the photograph's colours.
"""

import torch
from skimage import color
from torch import Tensor

from core.devices import exact, like
from core.fixed_order import norm, one_thread
from core.images.channels import COLOUR, LUMA_WEIGHTS

# Added to the variances of colours in ``[0, 1]``, because the covariance of a grey image cannot be
# inverted.
LEAST_VARIANCE = 1e-5
# Ratio of chroma to luma in natural images, from the colour correlation of ImageNet that Lucid
# published. Gradients have more chroma than luma; without a limit, dreams get neon colours.
CHROMA_SHARE = 0.31


def to_grey(image: Tensor) -> Tensor:
    """Return the luma of ``[N, C, H, W]`` in the same shape, with equal channels."""
    return _luma(image).expand_as(image).contiguous()


def match_luma(painting: Tensor, content: Tensor) -> Tensor:
    """Return a painting in grey, with the brightness and contrast of the content image.

    Args:
        painting, content: ``[1, 3, H, W]`` in ``[0, 1]``; their sizes may differ.

    Returns:
        The painting's luma, with the mean and standard deviation of the content's luma.
    """
    luma, target = to_grey(painting), to_grey(content)
    with one_thread():
        deviation = luma.std().clamp(min=LEAST_VARIANCE**0.5)
        return ((luma - luma.mean()) / deviation * target.std() + target.mean()).clamp(0, 1)


def match_colours(painting: Tensor, content: Tensor) -> Tensor:
    """Return a painting with the mean and covariance of the content image's colours.

    This is the optimal transport (the linear map that changes colours least in the mean square)
    between two normal distributions (Monge and Kantorovich; Pitie and Kokaram 2007):
    ``x -> T (x - m) + n`` with ``T = K^-1/2 (K^1/2 L K^1/2)^1/2 K^-1/2`` where m and K are the mean
    and the covariance of the painting's colours, and n and L those of the content's colours.

    Args:
        painting, content: ``[1, C, H, W]`` in ``[0, 1]``, of any sizes.
    """
    with one_thread():
        mean, covariance = _colour_statistics(painting)
        target_mean, target = _colour_statistics(content)
        root = _matrix_power(covariance, 0.5)
        inverse_root = _matrix_power(covariance, -0.5)
        transport = inverse_root @ _matrix_power(root @ target @ root, 0.5) @ inverse_root
        pixels = exact(painting[0].flatten(1))  # [C, P]
        moved = transport @ (pixels - mean[:, None]) + target_mean[:, None]
    return like(moved, painting).reshape_as(painting).clamp(0, 1)


def colour_distance(one: Tensor, other: Tensor) -> float:
    """Return how different the colours of two images are, wherever they are in the images.

    The result is the Wasserstein-2 distance between two normal distributions, fitted to the colours
    of the two images in CIELAB, where a distance of 1 is about the smallest visible difference. It
    is the square root of ``|m - n|^2 + trace(K + L - 2 (L^1/2 K L^1/2)^1/2)``, where m and n are
    the means of the distributions, and K and L their covariances.

    Args:
        one, other: ``[1, 3, H, W]`` in ``[0, 1]``, of any sizes.
    """
    (mean, covariance), (other_mean, other_covariance) = (
        _colour_statistics(to_lab(image)) for image in (one, other)
    )
    root = _matrix_power(other_covariance, 0.5)
    cross = _matrix_power(root @ covariance @ root, 0.5)
    squared = (mean - other_mean).square().sum() + (
        covariance + other_covariance - 2 * cross
    ).trace()
    return float(squared.clamp(min=0).sqrt())


def to_lab(image: Tensor) -> Tensor:
    """Convert RGB or grey, in ``[0, 1]``, to CIELAB: lightness from 0 to 100, and a and b."""
    lab = color.rgb2lab(image[0].expand(COLOUR, -1, -1).permute(1, 2, 0).cpu().double().numpy())
    return torch.from_numpy(lab).permute(2, 0, 1)[None]


def _colour_statistics(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean ``[C]`` and covariance ``[C, C]`` of an image's colours."""
    pixels = exact(image[0].flatten(1))
    covariance = torch.cov(pixels, correction=0).reshape(len(pixels), -1)
    return pixels.mean(1), covariance + LEAST_VARIANCE * torch.eye(len(pixels)).to(covariance)


def _matrix_power(matrix: Tensor, exponent: float) -> Tensor:
    """Return a power of a symmetric positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = (vectors * values.clamp(min=1e-12) ** exponent) @ vectors.mT
    return power


def limit_chroma(gradient: Tensor) -> None:
    """Limit the chroma of a gradient ``[1, C, H, W]`` to that of natural images, in place.

    A gradient of other than three channels stays: its channels are no colours.

    The mean ``m`` over red, green and blue stays. The differences ``d`` from it are scaled down
    until ``rms(d) <= CHROMA_SHARE * rms(m)``, both over all colours and positions. If ``d`` is
    already that small, it stays.
    """
    if gradient.shape[1] != COLOUR:
        return
    luma = gradient.mean(1, keepdim=True)
    gradient.sub_(luma)
    chroma = norm(gradient)
    allowed = CHROMA_SHARE * norm(luma) * gradient.shape[1] ** 0.5
    # The numbers stay on the device: the host would have to wait for them.
    gradient.mul_(torch.where(chroma > allowed, allowed / chroma, 1.0))
    gradient.add_(luma)


def with_chroma_of(image: Tensor, base: Tensor) -> Tensor:
    """Combine the luma of ``image`` with the chroma of ``base``.

    Args:
        image: provides the luma, ``[1, 3, H, W]`` in ``[0, 1]``.
        base: provides the chroma, ``[1, 3, H, W]`` in ``[0, 1]``.

    Returns:
        ``base`` plus ``luma(image) - luma(base)``, which is added to all channels alike, clamped to
        ``[0, 1]``.
    """
    return (base + _luma(image - base)).clamp(0, 1)


def _luma(image: Tensor) -> Tensor:
    """Return the luma of RGB as ``[N, 1, H, W]``, or the mean of other than three channels."""
    if image.shape[1] != COLOUR:
        return image.mean(1, keepdim=True)
    weights = like(torch.tensor(LUMA_WEIGHTS), image).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True)
