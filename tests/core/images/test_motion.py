"""Motion between frames, against known answers."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from core.images.motion import (
    camera_motion,
    carry,
    consistency,
    match_tone,
    warp_detail,
    zoom_and_rotate,
)
from core.images.resize import resize_image


def disc(height: int, width: int, row: float, col: float, radius: float) -> Tensor:
    rows, cols = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    inside = ((rows - row) ** 2 + (cols - col) ** 2).sqrt() < radius
    return inside.float().expand(1, 3, height, width).contiguous()


def centre(image: Tensor) -> tuple[float, float]:
    light = image[0, 0]
    rows, cols = torch.meshgrid(*(torch.arange(side) for side in light.shape), indexing="ij")
    return float((light * rows).sum() / light.sum()), float((light * cols).sum() / light.sum())


@pytest.mark.parametrize("turn", [0.0, 30.0, -40.0])
@pytest.mark.parametrize("zoom", [1.0, 1.5])
def test_things_move_as_geometry_says(zoom: float, turn: float) -> None:
    # A wide image, so that swapped axes or stretched coordinates are detected.
    height, width, radius = 61, 121, 5.0
    down, right = 6.0, 10.0
    image = disc(height, width, 30 + down, 60 + right, radius)
    moved = zoom_and_rotate(image, zoom, turn)
    angle = math.radians(turn)
    # Counter-clockwise, with rows counted downwards.
    wanted = (
        30 + zoom * (math.cos(angle) * down - math.sin(angle) * right),
        60 + zoom * (math.sin(angle) * down + math.cos(angle) * right),
    )
    assert centre(moved) == pytest.approx(wanted, abs=0.6)
    assert float(moved[0, 0].sum() / image[0, 0].sum()) == pytest.approx(zoom**2, rel=0.1)
    assert moved.min() >= 0 and moved.max() <= 1


def test_without_zoom_and_turn_nothing_moves(photograph: Tensor) -> None:
    before = photograph.clone()
    assert torch.allclose(zoom_and_rotate(photograph, 1.0, 0.0), photograph, atol=1e-5)
    assert torch.equal(photograph, before)


def test_a_larger_picture_has_the_same_means(photograph: Tensor) -> None:
    height, width = photograph.shape[2:]
    for size in ((height // 2, width // 2), (2 * height, 2 * width)):
        there = resize_image(photograph, size)
        assert tuple(there.shape[2:]) == size
        assert float(there.mean()) == pytest.approx(float(photograph.mean()), abs=0.01)
    assert resize_image(photograph, (height, width)) is photograph


def test_light_and_contrast_return_to_where_they_were() -> None:
    generator = torch.Generator().manual_seed(0)
    like = 0.4 + 0.1 * torch.randn(1, 3, 40, 50, generator=generator)
    loud = 0.6 + 0.2 * torch.randn(1, 3, 40, 50, generator=generator)
    calm = match_tone(loud.clamp(0, 1), like.clamp(0, 1), change=0.05)
    assert torch.allclose(calm.mean((2, 3)), like.mean((2, 3)), atol=0.01)
    wanted = (like.var((2, 3)) + 0.05**2).sqrt()
    assert torch.allclose(calm.std((2, 3)), wanted, rtol=0.05)
    # Contrast below the limit is not changed.
    quiet = like.clamp(0, 1)
    assert torch.allclose(match_tone(quiet, quiet, 0.05), quiet, atol=1e-5)


def test_a_dream_moves_with_its_things() -> None:
    generator = torch.Generator().manual_seed(3)
    # A textured background that moves 4 pixels down and 6 to the right.
    ground = torch.nn.functional.interpolate(
        torch.rand(1, 3, 20, 26, generator=generator), size=(120, 156), mode="bicubic"
    ).clamp(0, 1)
    before = ground[..., 10:106, 10:138]
    now = ground[..., 6:102, 4:132]
    detail = torch.zeros_like(before)
    detail[..., 40:50, 60:74] = 0.3
    moved = warp_detail(detail, before, now)
    row, col = centre(moved.abs())
    assert (row, col) == pytest.approx((44.5 + 4, 66.5 + 6), abs=1.5)


def test_a_dream_fades_where_something_else_is_seen() -> None:
    before = torch.zeros(1, 3, 48, 64)
    now = torch.zeros(1, 3, 48, 64)
    now[..., 32:] = 1  # an object enters from the right
    moved = warp_detail(torch.full((1, 3, 48, 64), 0.2), before, now)
    assert float(moved[..., 40:56].abs().max()) < 0.02
    assert float(moved[..., 4:20].mean()) == pytest.approx(0.2, abs=0.02)


def flows(seed: int) -> tuple[Tensor, Tensor]:
    """Return two flows of a small size, mostly back and forth, ``[1, 2, 9, 13]``."""
    generator = torch.Generator().manual_seed(seed)
    backward = torch.randn(1, 2, 9, 13, generator=generator)
    return backward, -backward + 0.5 * torch.randn(1, 2, 9, 13, generator=generator)


@pytest.mark.parametrize("seed", [0, 1])
def test_flows_agree_where_one_leads_back(seed: int) -> None:
    backward, forward = flows(seed)
    found = consistency(backward, forward)[0, 0]
    for row, col in itertools.product(range(9), range(13)):
        down, right = backward[0, :, row, col].double().tolist()
        # Bilinear interpolation at the place, which is moved to the border if it is beyond it.
        at = (min(max(row + down, 0.0), 8.0), min(max(col + right, 0.0), 12.0))
        top, left = (min(int(it), last) for it, last in zip(at, (7, 11), strict=True))
        y, x = at[0] - top, at[1] - left
        corners = forward[0, :, top : top + 2, left : left + 2].double()
        weights = torch.tensor([[(1 - y) * (1 - x), (1 - y) * x], [y * (1 - x), y * x]])
        back = (corners * weights).sum((1, 2)).tolist()
        gap = (down + back[0]) ** 2 + (right + back[1]) ** 2
        limit = 0.01 * (down**2 + right**2 + back[0] ** 2 + back[1] ** 2) + 0.5
        if abs(gap - limit) > 1e-3:
            assert bool(found[row, col]) == (gap < limit), (row, col)
    assert 0.1 < float(found.mean()) < 0.9


def ground(height: int, width: int, seed: int, coarse: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(1, 3, height // coarse, width // coarse, generator=generator)
    return torch.nn.functional.interpolate(values, (height, width), mode="bicubic").clamp(0, 1)


def test_what_is_painted_moves_along_and_new_borders_are_uncovered() -> None:
    whole = ground(140, 180, 3)
    # The camera moves 5 pixels up and 8 to the left: things move down and to the right.
    before, now = whole[..., 20:116, 30:162], whole[..., 15:111, 22:154]
    painted = 1 - before
    moved, visible, fitting = carry(painted, before, now)
    assert moved.shape == now.shape and visible.shape == (1, 1, 96, 132)
    inner = (..., slice(16, -10), slice(18, -10))
    assert float((moved - (1 - now))[inner].abs().mean()) < 0.02
    assert float(visible[inner].mean()) > 0.8
    # Nothing before shows what comes in at the top and at the left.
    assert float(visible[..., :3, :].max()) < 0.3 and float(visible[..., :5].max()) < 0.3
    assert bool((fitting >= visible).all()) and bool((fitting[inner] == visible[inner]).all())


def test_an_even_sky_goes_on_beyond_the_border() -> None:
    """The camera moves up: more of the sky comes in, and what was painted there fits."""
    whole = ground(110, 130, 4)
    whole[..., :50, :] = 0.6
    before, now = whole[..., 14:110, :], whole[..., 10:106, :]
    moved, visible, fitting = carry(1 - before, before, now)
    assert float(visible[..., :3, 20:110].max()) < 0.3
    assert float(fitting[..., :3, 20:110].min()) > 0.9
    assert torch.allclose(moved[..., :3, 20:110], torch.tensor(0.4), atol=0.02)


def test_what_an_object_uncovers_is_not_visible_before() -> None:
    back, object_ = (ground(96, 128, seed, coarse=9) for seed in (1, 7))
    before, now = back.clone(), back.clone()
    before[..., 30:66, 40:76] = object_[..., 30:66, 40:76]
    now[..., 30:66, 46:82] = object_[..., 30:66, 40:76]
    painted = before.flip(1)
    moved, visible, _ = carry(painted, before, now)
    uncovered = visible[..., 34:62, 41:45]
    assert float(uncovered.mean()) < 0.2
    assert float(visible[..., 4:20, 4:120].mean()) > 0.9
    on_object = (..., slice(38, 58), slice(56, 72))
    assert float(visible[on_object].mean()) > 0.6
    assert float((moved - now.flip(1))[on_object].abs().mean()) < 0.05


def test_nothing_moves_in_a_still_film() -> None:
    still = ground(70, 90, 2)
    moved, visible, _ = carry(1 - still, still, still)
    assert torch.allclose(moved, 1 - still, atol=1e-4) and float(visible.min()) > 0.99


def test_the_motion_of_the_camera_is_found_beside_things_that_move() -> None:
    height, width = 40, 60
    rows, cols = torch.meshgrid(
        torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij"
    )
    exact = torch.stack([0.5 + 0.2 * rows - 1.5 * cols, -2.0 + 1.0 * rows + 0.3 * cols])[None]
    flow = exact.clone()
    flow[..., 5:20, 8:30] += 4.0  # a thing that moves on its own
    image = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0))
    image[..., 25:, :] = 0.5  # an even area, whose flow is arbitrary and must not count
    flow[..., 27:, :] = 9.0
    assert torch.allclose(camera_motion(flow, image), exact, atol=0.05)
    still = camera_motion(torch.zeros(1, 2, 20, 30), torch.full((1, 1, 20, 30), 0.5))
    assert torch.equal(still, torch.zeros(1, 2, 20, 30))
