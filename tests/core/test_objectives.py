"""Objectives against plain loops, and their gradients in double precision."""

import pytest
import torch

from core.objectives import Objective, channels


@pytest.fixture
def seen() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "a": torch.randn(3, 5, 4, 6, generator=generator, dtype=torch.float64),
        "b": torch.randn(3, 7, generator=generator, dtype=torch.float64),
    }


def test_channels_are_means_over_positions(seen: dict[str, torch.Tensor]) -> None:
    values = channels("a", [4, 0, 2])(seen)
    for image, unit in enumerate([4, 0, 2]):
        total = sum(float(seen["a"][image, unit, r, c]) for r in range(4) for c in range(6))
        assert float(values[image]) == pytest.approx(total / 24, rel=1e-6)


def test_a_unit_without_positions_is_itself(seen: dict[str, torch.Tensor]) -> None:
    assert torch.allclose(channels("b", [6, 1, 3])(seen).double(), seen["b"][range(3), [6, 1, 3]])


def test_one_unit_serves_all_images(seen: dict[str, torch.Tensor]) -> None:
    assert torch.equal(channels("a", [3])(seen), channels("a", [3, 3, 3])(seen))


def test_algebra(seen: dict[str, torch.Tensor]) -> None:
    one, other = channels("a", [1]), channels("b", [2])
    mixed = 2.0 * one - other * 0.5 + -one
    assert mixed.layers == {"a", "b"}
    assert torch.allclose(mixed(seen), one(seen) - 0.5 * other(seen))


def test_half_precision_activations_are_summed_in_full() -> None:
    # 257 ones: in bfloat16 the sum would stick at 256.
    ones = torch.ones(1, 1, 1, 257, dtype=torch.bfloat16)
    ones[..., 0] = 2
    assert float(channels("a", [0])({"a": ones})) == pytest.approx(258 / 257)


def test_images_climb_independently(seen: dict[str, torch.Tensor]) -> None:
    activations = seen["a"].requires_grad_()
    channels("a", [4, 0, 2])(seen).sum().backward()
    expected = torch.zeros_like(activations)
    for image, unit in enumerate([4, 0, 2]):
        expected[image, unit] = 1 / 24
    assert torch.allclose(activations.grad, expected, rtol=1e-6)  # type: ignore[arg-type]


def test_gradcheck(seen: dict[str, torch.Tensor]) -> None:
    def squared(objective: Objective) -> None:
        def of(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return objective({"a": a**2, "b": b**3})

        inputs = (seen["a"].requires_grad_(), seen["b"].requires_grad_())
        assert torch.autograd.gradcheck(of, inputs)

    squared(channels("a", [4, 0, 2]) + 0.5 * channels("b", [1]))
