"""Transforms of images, compared with known answers."""

import numpy as np
import pytest
import torch
from torch import Tensor

from core.optim.transforms import RandomAffine, RandomCrop, RandomShift, SymmetricPad


def draws(seed: int) -> list[float]:
    numbers = torch.rand(4, generator=torch.Generator().manual_seed(seed))
    return (2 * numbers - 1).tolist()


def test_nothing_to_do_changes_nothing(photograph: Tensor) -> None:
    moved = RandomAffine(jitter=0, scale=0, rotate=0)(photograph, torch.Generator().manual_seed(0))
    assert torch.allclose(moved, photograph, atol=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_jitter_moves_by_pixels(photograph: Tensor, seed: int) -> None:
    _, _, down, right = draws(seed)
    # With this jitter the random shift is 3 whole pixels vertically. The horizontal shift is not
    # whole, so the image is constant along rows.
    column = photograph[:, :, :, :1].expand_as(photograph).contiguous()
    moved = RandomAffine(jitter=3 / abs(down) / 37, scale=0, rotate=0)(
        column, torch.Generator().manual_seed(seed)
    )
    shift = 3 if down > 0 else -3
    inner = moved[:, :, 8:-8, 26]
    expected = column[:, :, 8 + shift : column.shape[2] - 8 + shift, 26]
    assert abs(right) * 3 / abs(down) < 26
    assert torch.allclose(inner, expected, atol=1e-4)


def test_rotation_keeps_proportions() -> None:
    # A disc in a wide image stays a disc under rotation if the aspect ratio is respected.
    rows, cols = torch.meshgrid(torch.arange(41.0), torch.arange(81.0), indexing="ij")
    disc = ((rows - 20) ** 2 + (cols - 40) ** 2 < 12**2).float()
    moved = RandomAffine(jitter=0, scale=0, rotate=90)(
        disc.expand(1, 3, 41, 81).contiguous(), torch.Generator().manual_seed(3)
    )
    assert abs(draws(3)[0]) > 0.05
    inner = slice(22, 59)  # reflections of the disc are outside
    assert (moved[..., inner] - disc[:, inner]).abs().mean() < 0.02


def test_scale_grows_what_is_seen() -> None:
    rows, cols = torch.meshgrid(torch.arange(41.0), torch.arange(41.0), indexing="ij")
    disc = ((rows - 20) ** 2 + (cols - 20) ** 2 < 10**2).float() / 2 + 0.5  # white on grey
    disc = disc.expand(1, 3, 41, 41).contiguous()
    for seed in range(4):
        grow = draws(seed)[1]
        moved = RandomAffine(jitter=0, scale=0.3, rotate=0)(
            disc, torch.Generator().manual_seed(seed)
        )
        ratio = float((moved - 0.5).mean() / (disc - 0.5).mean()) ** 0.5
        assert ratio == pytest.approx(1 + 0.3 * grow, abs=0.02)


def test_beyond_its_border_the_picture_is_mirrored(photograph: Tensor) -> None:
    generator = torch.Generator().manual_seed(1)
    moved = RandomAffine(jitter=0.5, scale=0, rotate=0)(photograph, generator)
    _, _, down, right = (2 * torch.rand(4, generator=torch.Generator().manual_seed(1)) - 1).tolist()
    beyond = torch.nn.functional.pad(photograph, (20, 20, 20, 20), mode="reflect")
    # grid_sample repeats the border pixel in its reflection and F.pad does not. They differ by at
    # most one pixel, and the image is smooth.
    row, col = 20 + round(18.5 * down), 20 + round(18.5 * right)
    expected = beyond[:, :, row : row + 37, col : col + 52]
    assert (moved - expected).abs().mean() < 0.05
    assert (moved - photograph).abs().mean() > 0.1


def test_same_seed_same_movement_and_the_input_is_left_alone(photograph: Tensor) -> None:
    before = photograph.clone()
    first, second = (RandomAffine()(photograph, torch.Generator().manual_seed(7)) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(photograph, before)


def test_a_crop_shows_a_part_enlarged(photograph: Tensor) -> None:
    still = RandomCrop(smallest=0.5, largest=0.5, centre=0, noise=0)
    shown = still(photograph, torch.Generator().manual_seed(0))
    height, width = photograph.shape[2:]
    middle = photograph[..., height // 4 : height - height // 4, width // 4 : width - width // 4]
    enlarged = torch.nn.functional.interpolate(middle, (height, width), mode="bilinear")
    assert shown.shape == photograph.shape
    assert (shown - enlarged).abs().mean() < 0.02 < (shown - photograph).abs().mean()


def test_crops_are_within_their_bounds_and_differ() -> None:
    # The colours of this image are its coordinates, so a crop's position can be read from it.
    rows, cols = torch.meshgrid(torch.arange(40.0), torch.arange(60.0), indexing="ij")
    places = torch.stack([rows / 39, cols / 59, torch.zeros(40, 60)])[None]
    generator = torch.Generator().manual_seed(0)
    sides, middles = [], []
    for _ in range(40):
        shown = RandomCrop(noise=0, centre=0.02)(places, generator)[0]
        sides.append(float(shown[0, -1, 30] - shown[0, 0, 30]))
        middles.append(float(shown[1, 20, 30]))
    assert 0.35 < min(sides) < 0.5 and 0.8 < max(sides) < 0.95
    assert 0.3 < min(middles) < max(middles) < 0.7


def test_noise_is_as_strong_as_it_says() -> None:
    grey = torch.full((4, 3, 50, 50), 0.5)
    noisy = RandomCrop(noise=0.1)(grey, torch.Generator().manual_seed(0)) - 0.5
    # Variances of normal and uniform noise add up: 0.1 ** 2 * (1 + 1 / 12).
    assert float(noisy.std()) == pytest.approx(0.1 * (13 / 12) ** 0.5, rel=0.03)
    assert abs(float(noisy.mean())) < 0.01


@pytest.mark.parametrize("transform", [RandomAffine(), RandomCrop()])
def test_the_same_whatever_the_threads(transform: RandomAffine | RandomCrop) -> None:
    image = torch.rand(4, 3, 20, 30).requires_grad_()
    found = []
    threads = torch.get_num_threads()
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        moved = transform(image, torch.Generator().manual_seed(1))
        (gradient,) = torch.autograd.grad(moved.square().sum(), image)
        found.append((moved.detach(), gradient))
    torch.set_num_threads(threads)
    assert all(torch.equal(a, b) for it in found for a, b in zip(it, found[0], strict=True))


def test_a_shift_is_by_whole_pixels_and_mirrored(photograph: Tensor) -> None:
    height, width = photograph.shape[2:]
    before = photograph.clone()
    seen = set()
    for seed in range(30):
        moved = RandomShift(reach=5)(photograph, torch.Generator().manual_seed(seed))
        down, right = torch.randint(
            -5, 6, (2,), generator=torch.Generator().manual_seed(seed)
        ).tolist()
        seen |= {down, right}
        for row in (0, 3, 17, height - 1):
            for col in (0, 2, 25, width - 1):
                there = (row - down, col - right)
                # Reflection at the border, without a repetition of the outermost pixel.
                mirrored = [
                    -at if at < 0 else 2 * (side - 1) - at if at >= side else at
                    for at, side in zip(there, (height, width), strict=True)
                ]
                assert torch.equal(moved[..., row, col], photograph[..., mirrored[0], mirrored[1]])
    assert seen == set(range(-5, 6))
    assert torch.equal(photograph, before)


def test_a_tiny_picture_is_shifted_no_further_than_it_is_wide() -> None:
    tiny = torch.rand(1, 3, 3, 2, generator=torch.Generator().manual_seed(0))
    for seed in range(9):
        moved = RandomShift(reach=16)(tiny, torch.Generator().manual_seed(seed))
        assert moved.shape == tiny.shape and set(moved.flatten().tolist()) <= set(
            tiny.flatten().tolist()
        )


@pytest.mark.parametrize("size", [(37, 52), (8, 9), (3, 64), (64, 2), (1, 5)])
def test_a_frame_mirrors_thin_pictures_again_and_again(size: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *size).requires_grad_()
    framed = SymmetricPad(8)(image)
    beyond = ((0, 0), (0, 0), (8, 8), (8, 8))
    assert np.array_equal(framed.detach(), np.pad(image.detach().numpy(), beyond, mode="symmetric"))
    framed.sum().backward()
    assert image.grad is not None and float(image.grad.sum()) == framed.numel()
