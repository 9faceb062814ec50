"""The canvas of dreams, compared with slow reference implementations."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from core.dreams.dream_canvas import (
    BANDS,
    COARSER_GAIN,
    DreamCanvas,
    equalise_bands,
    root_mean_square,
)
from core.images.colours import CHROMA_SHARE, limit_chroma, with_chroma_of
from core.optim.canvases import COLOUR_CORRELATION


def halved(image: Tensor) -> Tensor:
    """Return means of two by two pixels, of fewer at a border of odd length, in a loop."""
    height, width = image.shape[2:]
    small = torch.zeros(1, 3, -(-height // 2), -(-width // 2), dtype=image.dtype)
    for row in range(small.shape[2]):
        for col in range(small.shape[3]):
            own = image[..., 2 * row : 2 * row + 2, 2 * col : 2 * col + 2]
            small[..., row, col] = own.mean((2, 3))
    return small


def enlarged(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return an image enlarged twice by bilinear interpolation, and cropped, in a loop."""
    large = torch.zeros(1, 3, *size, dtype=image.dtype)
    for row in range(size[0]):
        for col in range(size[1]):
            places = []
            for at, small in zip((row, col), image.shape[2:], strict=True):
                where = max((at + 0.5) / 2 - 0.5, 0.0)
                low = min(int(where), small - 1)
                places.append((low, min(low + 1, small - 1), where - low))
            (top, bottom, down), (left, right, along) = places
            above = (1 - along) * image[..., top, left] + along * image[..., top, right]
            below = (1 - along) * image[..., bottom, left] + along * image[..., bottom, right]
            large[..., row, col] = (1 - down) * above + down * below
    return large


def slow_bands(gradient: Tensor, bands: int) -> Tensor:
    """Compute the bands of the pyramid, normalise each, and add them up at full size."""
    levels = [gradient]
    for _ in range(bands - 1):
        levels.append(halved(levels[-1]))
    found = []
    for fine, coarse in itertools.pairwise(levels):
        found.append(fine - enlarged(coarse, (fine.shape[2], fine.shape[3])))
    found.append(levels[-1])
    found = [band / band.square().mean().sqrt() for band in found]
    whole = found[-1]
    for band in reversed(found[:-1]):
        whole = band + COARSER_GAIN * enlarged(whole, (band.shape[2], band.shape[3]))
    return whole


@pytest.mark.parametrize("size", [(16, 24), (17, 21)])
def test_every_band_counts_the_same(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(1)
    gradient = torch.randn(1, 3, *size, generator=generator, dtype=torch.float64)
    # A high frequency a hundred times as strong as all others.
    gradient += 100 * (torch.arange(size[1]) % 2)
    wanted = slow_bands(gradient, BANDS)
    equalise_bands(gradient)
    assert torch.allclose(gradient, wanted, atol=1e-9)


def test_a_gradient_of_nothing_stays_nothing() -> None:
    gradient = torch.zeros(1, 3, 8, 8)
    equalise_bands(gradient)
    assert not gradient.any()


def test_loud_colours_are_calmed_and_light_is_not() -> None:
    gradient = torch.tensor([[3.0, 0.0, -6.0], [0.0, 9.0, 3.0]]).T.reshape(1, 3, 1, 2)
    limit_chroma(gradient)
    # By hand: means -1 and 4, differences (4, 1, -5) and (-4, 5, -1) with squares 42 and 42.
    less = CHROMA_SHARE * math.sqrt(3 * (1 + 16)) / math.sqrt(84)
    assert gradient[0, :, 0, 0].tolist() == pytest.approx(
        [-1 + 4 * less, -1 + 1 * less, -1 - 5 * less], abs=1e-6
    )
    assert gradient[0, :, 0, 1].tolist() == pytest.approx(
        [4 - 4 * less, 4 + 5 * less, 4 - 1 * less], abs=1e-6
    )


def test_calm_colours_stay() -> None:
    gradient = torch.tensor([5.0, 5.5, 4.5]).view(1, 3, 1, 1)
    limit_chroma(gradient)
    assert gradient.flatten().tolist() == pytest.approx([5.0, 5.5, 4.5])


def test_colours_are_as_calm_as_those_of_natural_pictures() -> None:
    root = np.array(COLOUR_CORRELATION)
    covariance = root @ root.T
    onto_light = np.full((3, 3), 1 / 3)
    light = np.trace(onto_light @ covariance @ onto_light)
    assert pytest.approx(math.sqrt(np.trace(covariance) / light - 1), abs=0.005) == CHROMA_SHARE


def test_the_change_is_brought_to_its_strength(photograph: Tensor) -> None:
    photograph = photograph * 0.5 + 0.25  # no pixel may be clamped
    before = photograph.clone()
    canvas = DreamCanvas(photograph, None, None, (0.0, 0.06), steps=3)
    generator = torch.Generator().manual_seed(2)
    optimiser = canvas.optimiser(canvas.learning_rate, canvas.damping)
    for step in range(3):
        canvas.values.grad = torch.randn(canvas.values.shape, generator=generator)
        canvas.refine_gradients()
        optimiser.step()
        canvas.finish_step()
        change = (canvas.values - photograph).detach()
        wanted = 0.02 * (step + 1)
        assert math.sqrt(float(change.square().mean())) == pytest.approx(wanted, rel=0.01)
        assert float(canvas.values.detach().min()) >= 0 and float(canvas.values.detach().max()) <= 1
    assert torch.equal(photograph, before)


def test_nothing_changes_outside_the_mask(photograph: Tensor) -> None:
    mask = torch.zeros(1, 1, *photograph.shape[2:])
    mask[..., :20] = 1
    canvas = DreamCanvas(photograph, None, mask, (0.0, 0.1), steps=1)
    optimiser = canvas.optimiser(canvas.learning_rate, canvas.damping)
    canvas.values.grad = torch.randn(canvas.values.shape)
    canvas.refine_gradients()
    optimiser.step()
    canvas.finish_step()
    assert torch.equal(canvas.values[..., 20:], photograph[..., 20:])
    inside = (canvas.values - photograph)[..., :20].square().mean().sqrt()
    assert float(inside.detach()) == pytest.approx(0.1, rel=0.1)


def test_strength_is_measured_where_the_mask_lets_it_be() -> None:
    detail = torch.full((1, 3, 4, 4), 0.5)
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    assert root_mean_square(detail) == pytest.approx(0.5)
    assert root_mean_square(detail * mask, mask) == pytest.approx(0.5)


def test_only_light_is_taken_where_colours_stay(photograph: Tensor) -> None:
    light = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    base = 0.3 + 0.4 * photograph
    image = base + 0.1 * torch.tensor([1.0, 0.0, -0.5]).view(1, 3, 1, 1)
    kept = with_chroma_of(image, base)
    difference = kept - base
    assert torch.allclose(difference[:, 0], difference[:, 2], atol=1e-6)
    assert torch.allclose((kept * light).sum(1), (image * light).sum(1), atol=1e-6)
