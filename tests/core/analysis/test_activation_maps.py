"""Maps of a layer's activations, against loops over positions."""

import statistics

import pytest
import torch

from core.analysis import activation_maps


def test_the_mean_map_is_the_mean_size_at_each_position() -> None:
    activation = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
    means = [
        [sum(abs(float(activation[unit, row, col])) for unit in range(5)) / 5 for col in range(4)]
        for row in range(3)
    ]
    low, high = min(map(min, means)), max(map(max, means))
    found = activation_maps.mean_map(activation)
    assert found.unit is None and found.values.shape == (3, 4)
    for row in range(3):
        for col in range(4):
            expected = (means[row][col] - low) / (high - low)
            assert float(found.values[row, col]) == pytest.approx(expected, abs=1e-6)


def test_the_most_varied_map_is_that_of_the_unit_with_the_highest_deviation() -> None:
    activation = torch.zeros(4, 2, 3)
    activation[1] = 9.0  # the highest mean, but the same everywhere
    activation[3, 0, 0] = 7.0  # the highest standard deviation, in a corner alone
    activation[2, 1], activation[2, 0, 0] = 4.0, -1.0
    deviations = []
    for values in (activation[unit].flatten().tolist() for unit in range(4)):
        mean = statistics.fmean(values)
        deviations.append(statistics.fmean(abs(value - mean) for value in values))
    found = activation_maps.most_varied_map(activation)
    assert found.unit == max(range(4), key=deviations.__getitem__) == 2
    assert torch.equal(found.values, torch.tensor([[0.0, 0.2, 0.2], [1.0, 1.0, 1.0]]))


def test_units_without_positions_are_arranged_as_a_square() -> None:
    found = activation_maps.most_varied_map(torch.tensor([0.0, 1.0, 4.0, 2.0, 3.0]))
    assert found.unit == 2
    assert torch.equal(found.values, torch.tensor([[0.0, 0.25, 1.0], [0.5, 0.75, 0.0]]))
    assert activation_maps.mean_map(torch.ones(72)).values.shape == (8, 9)


def test_tokens_are_arranged_as_patches_without_the_token_of_the_class() -> None:
    tokens = torch.zeros(2, 5)
    tokens[1, 0], tokens[1, 3] = 9.0, 4.0
    assert torch.equal(
        activation_maps.mean_map(tokens).values, torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    )


def test_a_layer_that_is_the_same_everywhere_has_no_bright_place() -> None:
    assert not activation_maps.mean_map(torch.full((2, 3, 3), 5.0)).values.any()
