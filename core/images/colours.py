"""Colours of one picture on another: what style transfer needs to keep a photograph's own.

Gatys, Bethge, Hertzmann and Shechtman, "Preserving Color in Neural Artistic Style
Transfer" (2016) name the two ways: paint only the light, or with a painting whose colours are the
photograph's.
"""

import torch
from skimage import color
from torch import Tensor

# Added to variances of colours, in units of the range squared: a grey picture has none.
LEAST_VARIANCE = 1e-5


def to_grey(image: Tensor) -> Tensor:
    """Take the light alone: ``[N, 3, H, W]`` to the same shape, all three colours alike."""
    weights = torch.tensor(LUMA_WEIGHTS, device=image.device).view(1, 3, 1, 1)
    return (image * weights).sum(1, keepdim=True).expand_as(image).contiguous()


def match_luma(painting: Tensor, content: Tensor) -> Tensor:
    """Take a painting's light, as bright and as rich in contrast as the content's.

    Args:
        painting, content: ``[1, 3, H, W]`` in ``[0, 1]``, of any sizes.

    Returns:
        The painting in grey, its mean and standard deviation those of the content's light.
    """
    own, wanted = to_grey(painting), to_grey(content)
    spread = own.std().clamp(min=LEAST_VARIANCE**0.5)
    return ((own - own.mean()) / spread * wanted.std() + wanted.mean()).clamp(0, 1)


def match_colours(painting: Tensor, content: Tensor) -> Tensor:
    """Give a painting the colours of the content: their mean and covariance.

    The linear map of colours that moves them least on the whole, between normal distributions
    (Monge and Kantorovich; Pitie and Kokaram 2007): ``x -> T (x - m) + n`` with
    ``T = K^-1/2 (K^1/2 L K^1/2)^1/2 K^-1/2`` for the painting's mean m and covariance K and the
    content's n and L.

    Args:
        painting, content: ``[1, 3, H, W]`` in ``[0, 1]``, of any sizes.
    """
    mean, own = _colours(painting)
    wanted_mean, wanted = _colours(content)
    root = _power(own, 0.5)
    back = _power(own, -0.5)
    change = back @ _power(root @ wanted @ root, 0.5) @ back
    pixels = painting[0].flatten(1).double()  # [3, P]
    moved = change @ (pixels - mean[:, None]) + wanted_mean[:, None]
    return moved.to(painting).reshape_as(painting).clamp(0, 1)


def colour_distance(one: Tensor, other: Tensor) -> float:
    """Tell how far apart the colours of two pictures are, wherever they stand.

    The Wasserstein-2 distance of the normal distributions of their colours in CIELAB, whose unit is
    about the least difference that is seen: ``|m - n|^2 + trace(K + L - 2 (L^1/2 K L^1/2)^1/2)``,
    and the root of that.

    Args:
        one, other: ``[1, 3, H, W]`` in ``[0, 1]``, of any sizes.
    """
    (mean, own), (others_mean, others) = (_colours(_lab(it)) for it in (one, other))
    root = _power(others, 0.5)
    both = _power(root @ own @ root, 0.5)
    squared = (mean - others_mean).square().sum() + (own + others - 2 * both).trace()
    return float(squared.clamp(min=0).sqrt())


def _lab(image: Tensor) -> Tensor:
    """Turn ``[1, 3, H, W]`` in ``[0, 1]`` into lightness from 0 to 100, and two hues."""
    lab = color.rgb2lab(image[0].permute(1, 2, 0).double().cpu().numpy())
    return torch.from_numpy(lab).permute(2, 0, 1)[None]


def _colours(image: Tensor) -> tuple[Tensor, Tensor]:
    """Measure the mean ``[3]`` and covariance ``[3, 3]`` of colours."""
    pixels = image[0].flatten(1).double()
    spread = torch.cov(pixels, correction=0)
    return pixels.mean(1), spread + LEAST_VARIANCE * torch.eye(3).to(spread)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Raise a symmetric positive matrix to a power."""
    values, vectors = torch.linalg.eigh(matrix)
    power: Tensor = (vectors * values.clamp(min=1e-12) ** exponent) @ vectors.mT
    return power


# How much natural pictures differ in colour, as a share of how much they do in light: by the colour
# correlation of ImageNet that Lucid published. Gradients differ in colour more than in light, and
# by themselves turn dreams to neon.
CHROMA_SHARE = 0.31
# Weights of red, green and blue in light (ITU-R BT.601).
LUMA_WEIGHTS = (0.299, 0.587, 0.114)


def limit_chroma(gradient: Tensor) -> None:
    """Hold the colours of a gradient ``[1, 3, H, W]`` to those of natural pictures, in place.

    The mean ``m`` over red, green and blue stays. The differences ``d`` to it are weakened until
    ``rms(d) <= COLOUR * rms(m)``, both over all colours and places; calmer ones stay.
    """
    light = gradient.mean(1, keepdim=True)
    gradient.sub_(light)
    colour = float(torch.linalg.vector_norm(gradient))
    allowed = CHROMA_SHARE * float(torch.linalg.vector_norm(light)) * gradient.shape[1] ** 0.5
    if colour > allowed:
        gradient.mul_(allowed / colour)
    gradient.add_(light)


def with_chroma_of(image: Tensor, base: Tensor) -> Tensor:
    """Keep a picture's colours: only the light of the other one is taken.

    Args:
        image, base: ``[1, 3, H, W]`` in ``[0, 1]``.

    Returns:
        The base with the difference in light added to all colours alike, in ``[0, 1]``.
    """
    weights = torch.tensor(LUMA_WEIGHTS, device=image.device).view(1, 3, 1, 1)
    light = ((image - base) * weights).sum(1, keepdim=True)
    return (base + light).clamp(0, 1)
