"""Guided backpropagation and deconvolution: for which networks they exist, and results of zero."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from core.analysis import attribution, crops
from core.errors import ExplorerError
from core.figures import crop_grids
from tests.conftest import as_network
from tests.core.analysis.test_crops import indexed
from tests.core.picture_folders import fill

RELUS = (nn.ReLU, nn.ReLU6)
GATES = (nn.Sigmoid, nn.Hardsigmoid, nn.Tanh)
OTHERS = (nn.SiLU, nn.GELU, nn.Hardswish, nn.LeakyReLU, nn.ELU, nn.Mish, nn.PReLU, nn.Softplus)


def network_of(kinds: list[type[nn.Module]]) -> nn.Sequential:
    """Return convolutions, each followed by an activation function of one of the classes."""
    torch.manual_seed(0)
    parts: list[nn.Module] = []
    for at, kind in enumerate(kinds):
        parts += [nn.Conv2d(4 if at else 3, 4, 3, padding=1), kind()]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 4))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from((*RELUS, *GATES, *OTHERS)), min_size=1, max_size=3))
def test_projections_exist_only_where_all_rectifiers_are_relus(
    kinds: list[type[nn.Module]],
) -> None:
    network = as_network(network_of(kinds), (9, 8))
    image, layer = torch.rand(1, 3, 9, 8), network.layers[2 * len(kinds) - 1].name
    possible = any(it in RELUS for it in kinds) and not any(it in OTHERS for it in kinds)
    for how in attribution.PROJECTIONS:
        if possible:
            assert attribution.project(network, image, layer, 1, 2, 3, how).shape == (3, 9, 8)
            continue
        with pytest.raises(ExplorerError, match=r"defined for ReLUs only.*heat map") as refused:
            attribution.project(network, image, layer, 1, 2, 3, how)
        assert all(it.__name__ in str(refused.value) for it in kinds if it in OTHERS)
    assert (attribution.projection_problem(network, layer) == "") == possible


class Functional(nn.Module):
    """A network that calls its activation function as a function."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3), nn.Linear(4, 4)

    def forward(self, image: Tensor) -> Tensor:
        logits: Tensor = self.last(nn.functional.gelu(self.first(image)).mean((2, 3)))
        return logits


def test_a_function_counts_as_a_module_does() -> None:
    network = as_network(Functional(), (9, 8))
    assert "tiny has gelu up to" in attribution.projection_problem(network, network.layers[-1].name)


def blocked() -> nn.Sequential:
    """Return a network with units whose deconvolution is zero: all their weights are negative."""
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(5, 7, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(7, 4),
    )
    second = module[2]
    assert isinstance(second, nn.Conv2d) and second.bias is not None
    second.weight.data.copy_(-second.weight.data.abs())
    second.bias.data.fill_(50.0)
    return module


def test_a_deconvolution_of_zero_says_so_instead_of_being_grey(tmp_path: Path) -> None:
    network = as_network(blocked())
    index = indexed(network, str(fill(tmp_path / "pictures", 9)), tmp_path / "index")
    hit = index.top("3", 2)[0]
    part = crops.attribution_overlay(index, network, "3", 2, hit, attribution.DECONVOLUTION)
    side = 120
    drawn, plain = (
        np.asarray(crop_grids.draw_crop(it, side).convert("L"), float)
        for it in (part, crops.crop_hit(index, "3", hit))
    )
    assert drawn.min() < 60 < 200 < np.median(drawn), "dark letters on a pale crop"
    assert not np.array_equal(drawn, plain)
    assert part.note == crops.ZERO
    assert crops.attribution_overlay(index, network, "3", 2, hit).note == ""
    grid = crop_grids.draw_crop_grid(index, "3", 2, side, network, 1, how=attribution.DECONVOLUTION)
    assert np.array_equal(np.asarray(grid.convert("L"), float), drawn)
