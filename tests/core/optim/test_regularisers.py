"""Regularisers, compared with plain loops, and their gradients in double precision."""

import pytest
import torch
from torch import Tensor

from core.optim import regularisers
from core.optim.activations import IMAGE
from core.optim.objectives import Objective


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def test_total_variation(image: Tensor) -> None:
    down = [
        abs(float(image[1, c, r + 1, k] - image[1, c, r, k]))
        for c in range(3)
        for r in range(4)
        for k in range(7)
    ]
    right = [
        abs(float(image[1, c, r, k + 1] - image[1, c, r, k]))
        for c in range(3)
        for r in range(5)
        for k in range(6)
    ]
    expected = sum(down) / len(down) + sum(right) / len(right)
    objective = regularisers.total_variation()
    assert objective.layers == {IMAGE}
    assert float(objective({IMAGE: image})[1]) == pytest.approx(expected)


def test_contrast(image: Tensor) -> None:
    squares = [(float(value) - 0.5) ** 2 for value in image[0].flatten()]
    assert float(regularisers.contrast()({IMAGE: image})[0]) == pytest.approx(
        sum(squares) / len(squares)
    )


def test_sharpness(image: Tensor) -> None:
    total = 0.0
    for colour in range(3):
        for row in range(5):
            for col in range(7):
                blurred = 0.0
                for down, weight_down in ((-1, 1), (0, 2), (1, 1)):
                    for right, weight_right in ((-1, 1), (0, 2), (1, 1)):
                        r, c = abs(row + down), abs(col + right)  # reflection padding
                        r, c = r if r < 5 else 8 - r, c if c < 7 else 12 - c
                        blurred += weight_down * weight_right * float(image[1, colour, r, c]) / 16
                total += (float(image[1, colour, row, col]) - blurred) ** 2
    value = float(regularisers.sharpness()({IMAGE: image})[1])
    assert value == pytest.approx(total / (3 * 5 * 7) / 2)


def test_sharpness_leads_to_the_blurred_image(image: Tensor) -> None:
    still = image.requires_grad_()
    regularisers.sharpness()({IMAGE: still}).sum().backward()
    assert still.grad is not None
    with torch.no_grad():
        blurred = image - still.grad * (3 * 5 * 7)
        again = regularisers.sharpness()({IMAGE: blurred})
    assert (again < regularisers.sharpness()({IMAGE: image})).all()
    assert float(blurred.detach()[0, 0].std()) < float(image.detach()[0, 0].std())


@pytest.mark.parametrize(
    "penalty",
    [regularisers.total_variation(), regularisers.squared_variation(), regularisers.contrast()],
    ids=["total variation", "squared variation", "contrast"],
)
def test_gradcheck(image: Tensor, penalty: Objective) -> None:
    assert torch.autograd.gradcheck(lambda it: penalty({IMAGE: it}), (image.requires_grad_(),))


def test_squared_variation(image: Tensor) -> None:
    down = [
        float(image[1, c, r + 1, k] - image[1, c, r, k]) ** 2
        for c in range(3)
        for r in range(4)
        for k in range(7)
    ]
    right = [
        float(image[1, c, r, k + 1] - image[1, c, r, k]) ** 2
        for c in range(3)
        for r in range(5)
        for k in range(6)
    ]
    value = float(regularisers.squared_variation()({IMAGE: image})[1])
    assert value == pytest.approx(sum(down) / len(down) + sum(right) / len(right))


def test_gradcheck_of_sharpness_with_the_blurred_image_held_still(image: Tensor) -> None:
    """The blurred image is a constant, so the distance to a fixed image is differentiated."""
    still = regularisers._blurred(image)
    moved = image.clone().requires_grad_()
    (found,) = torch.autograd.grad(regularisers.sharpness()({IMAGE: moved}).sum(), moved)
    step = 1e-6
    for place in [(0, 0, 0, 0), (1, 2, 4, 6), (0, 1, 2, 3)]:
        sides = []
        for sign in (1, -1):
            changed = image.clone()
            changed[place] += sign * step
            sides.append(float((changed - still).square().flatten(1).mean(1).sum() / 2))
        assert float(found[place]) == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-4)
