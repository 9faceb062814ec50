"""Objectives, compared with plain loops, and their gradients in double precision."""

import math

import pytest
import torch

from core.optim.objectives import (
    Objective,
    channels,
    cosine_similarity,
    direction,
    diversity,
    energy,
    match_activations,
    positions,
    proportional_sum,
    total,
)


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


def test_gradcheck_of_what_keeps_in_proportion(seen: dict[str, torch.Tensor]) -> None:
    """The scale has no gradient, so the product with a constant is differentiated."""
    a, b = (seen[name].clone().requires_grad_() for name in ("a", "b"))
    scaled = proportional_sum(energy("a"), channels("b", [2]))
    found = torch.autograd.grad(scaled({"a": a, "b": b}).sum(), (a, b), allow_unused=True)
    scale = seen["b"][:, 2].abs()
    assert torch.autograd.gradcheck(lambda it: scale * energy("a")({"a": it}), (a,))
    (expected,) = torch.autograd.grad((scale * energy("a")({"a": a})).sum(), a)
    assert torch.allclose(found[0], expected) and found[1] is None


def test_a_weight_for_each_image(seen: dict[str, torch.Tensor]) -> None:
    weights = torch.tensor([0.0, 0.5, 2.0])
    values = (weights * channels("a", [1]))(seen)
    assert torch.allclose(values, channels("a", [1])(seen) * weights)


@pytest.mark.parametrize("place", [(0.5, 0.5), (0.0, 1.0), (0.99, 0.2)])
def test_a_position_is_one_place_of_a_channel(
    seen: dict[str, torch.Tensor], place: tuple[float, float]
) -> None:
    values = positions("a", [4, 0, 2], place)(seen)
    row, col = min(3, int(place[0] * 4)), min(5, int(place[1] * 6))
    expected = [float(seen["a"][n, unit, row, col]) for n, unit in enumerate([4, 0, 2])]
    assert values.tolist() == pytest.approx(expected)
    assert torch.equal(positions("b", [6, 1, 3])(seen), seen["b"][range(3), [6, 1, 3]])


def slow_direction(seen: torch.Tensor, towards: torch.Tensor, power: float) -> float:
    """Return one image's mean over positions of dot product times cosine, by plain loops.

    Args:
        seen: activations, ``[C, H, W]``.
        towards: vector at each position, in the same shape.
        power: exponent of the cosine.
    """
    total, (channels_, height, width) = 0.0, seen.shape
    for row in range(height):
        for col in range(width):
            a = [float(seen[c, row, col]) for c in range(channels_)]
            v = [float(towards[c, row, col]) for c in range(channels_)]
            dot = sum(x * y for x, y in zip(a, v, strict=True))
            lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in v))
            total += dot * max(0.1, dot / lengths) ** power
    return total / (height * width)


@pytest.mark.parametrize("power", [0.0, 1.0, 4.0])
def test_direction_against_loops(seen: dict[str, torch.Tensor], power: float) -> None:
    vector = torch.tensor([0.5, -1.0, 0.0, 2.0, 1.0], dtype=torch.float64)
    values = direction("a", vector, power)(seen)
    field = vector[:, None, None].expand(5, 4, 6)
    expected = [slow_direction(image, field, power) for image in seen["a"]]
    assert values.tolist() == pytest.approx(expected)
    flat = direction("b", torch.arange(7.0), power)(seen)
    wanted = torch.arange(7.0)[:, None, None]
    expected = [slow_direction(image[:, None, None], wanted, power) for image in seen["b"]]
    assert flat.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("power", [0.0, 2.0])
def test_likeness_against_loops(seen: dict[str, torch.Tensor], power: float) -> None:
    target = seen["a"][1:2].roll(1, 3) + 0.5
    values = cosine_similarity("a", target, power)(seen)
    strength = float(target.square().sum(1).mean())
    expected = [slow_direction(image, target[0], power) / strength for image in seen["a"]]
    assert values.tolist() == pytest.approx(expected)


def test_a_picture_is_as_like_itself_as_can_be(seen: dict[str, torch.Tensor]) -> None:
    own = cosine_similarity("a", seen["a"][:1], 4.0)(seen)
    assert float(own[0]) == pytest.approx(1.0) and (own[1:] < 0.5).all()


def test_likeness_to_a_layer_of_another_size(seen: dict[str, torch.Tensor]) -> None:
    target = torch.ones(1, 5, 8, 12, dtype=torch.float64)
    same = torch.ones(1, 5, 4, 6, dtype=torch.float64)
    assert torch.allclose(cosine_similarity("a", target)(seen), cosine_similarity("a", same)(seen))


def test_energy_is_the_mean_of_squares(seen: dict[str, torch.Tensor]) -> None:
    values = energy("a")(seen)
    squares = [float(value) ** 2 for value in seen["a"][2].flatten()]
    assert float(values[2]) == pytest.approx(sum(squares) / len(squares))


def test_diversity_against_loops() -> None:
    generator = torch.Generator().manual_seed(4)
    seen = torch.randn(4, 3, 2, 5, generator=generator, dtype=torch.float64)
    grams = []
    for image in seen:
        flat = image.reshape(3, 10)
        gram = [
            sum(float(flat[i, p] * flat[j, p]) for p in range(10))
            for i in range(3)
            for j in range(3)
        ]
        length = math.sqrt(sum(value * value for value in gram))
        grams.append([value / length for value in gram])

    def cosine(one: int, other: int) -> float:
        return sum(a * b for a, b in zip(grams[one], grams[other], strict=True))

    values = diversity("a", 2)({"a": seen})
    assert values.tolist() == pytest.approx([-cosine(0, 1)] * 2 + [-cosine(2, 3)] * 2)
    values = diversity("a", 4)({"a": seen})
    expected = [-sum(cosine(n, m) for m in range(4) if m != n) / 3 for n in range(4)]
    assert values.tolist() == pytest.approx(expected)
    assert diversity("a", 2)({"a": seen[[0, 0, 1, 1]]}).tolist() == pytest.approx([-1.0] * 4)


def test_in_proportion_keeps_step_and_does_not_climb_the_scale(
    seen: dict[str, torch.Tensor],
) -> None:
    base, other = channels("a", [1]), channels("b", [2])
    scaled = proportional_sum(other, base)
    assert scaled.layers == {"a", "b"}
    assert torch.allclose(scaled(seen), other(seen) * base(seen).abs())
    activations = seen["a"].requires_grad_()
    (0.0 * base(seen) + scaled(seen)).sum().backward()
    assert activations.grad is not None and not activations.grad.any()


@pytest.mark.parametrize(
    "objective",
    [
        positions("a", [4, 0, 2], (0.2, 0.7)),
        direction("a", torch.arange(1.0, 6.0), 2.0),
        cosine_similarity("a", torch.linspace(-1, 1, 120).reshape(1, 5, 4, 6), 2.0),
        energy("a"),
        diversity("a", 3),
        torch.tensor([0.2, 0.5, 1.0]) * channels("a", [1]) - energy("b"),
    ],
    ids=["position", "direction", "likeness", "energy", "diversity", "interpolation"],
)
def test_every_gradient(seen: dict[str, torch.Tensor], objective: Objective) -> None:
    def of(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return objective({"a": a, "b": b})

    assert torch.autograd.gradcheck(of, (seen["a"].requires_grad_(), seen["b"].requires_grad_()))


def test_energy_of_some_units_is_a_mean_of_squares(seen: dict[str, torch.Tensor]) -> None:
    values = energy("a", [1, 3])(seen)
    for image in range(3):
        squares = [
            float(seen["a"][image, unit, row, col]) ** 2
            for unit in (1, 3)
            for row in range(4)
            for col in range(6)
        ]
        assert float(values[image]) == pytest.approx(sum(squares) / len(squares))


def test_total_adds_the_means_of_units(seen: dict[str, torch.Tensor]) -> None:
    for layer in ("a", "b"):
        values = total(layer, [0, 2, 4])(seen)
        for image in range(3):
            means = [float(seen[layer][image, unit].mean()) for unit in (0, 2, 4)]
            assert float(values[image]) == pytest.approx(sum(means))


def test_resemblance_is_to_the_nearest_feature(seen: dict[str, torch.Tensor]) -> None:
    generator = torch.Generator().manual_seed(8)
    features = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    values = match_activations("a", features)(seen)
    for image in range(3):
        best = [
            max(
                sum(float(features[k, c] * seen["a"][image, c, row, col]) for c in range(5))
                for k in range(9)
            )
            for row in range(4)
            for col in range(6)
        ]
        assert float(values[image]) == pytest.approx(sum(best) / len(best))


@pytest.mark.parametrize(
    "objective",
    [
        energy("a", [1, 3]),
        total("a", [0, 2]),
        total("b", [0, 2]),
        match_activations("a", torch.eye(5, dtype=torch.float64)),
    ],
)
def test_gradients_of_dreams(objective: Objective, seen: dict[str, torch.Tensor]) -> None:
    free = {name: value.clone().requires_grad_() for name, value in seen.items()}
    (layer,) = objective.layers
    assert torch.autograd.gradcheck(lambda it: objective({**free, layer: it}), free[layer])
