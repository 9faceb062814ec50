"""Contributions of units, against Captum, finite differences and true ablation."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from core.analysis.contributions import class_number, contributions, exact_effects
from core.errors import ExplorerError, UnknownName
from core.networks.interventions import with_units_switched
from core.networks.network import Network
from core.networks.tracing import never_trace
from core.recipes.switched_units import SwitchedUnit
from tests.conftest import as_network, tiny_module
from tests.core.networks.test_interventions import SIZE, Mixed, Tokens, in_double, lively


@pytest.fixture
def image() -> Tensor:
    return torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(3))


def of(module: nn.Module, traced: bool = True) -> Network:
    if not traced:
        never_trace(module)
    return as_network(lively(module), SIZE)


def logit(network: Network, image: Tensor, wanted: int) -> float:
    name = network.layers[-1].name
    return float(network.activations(image, [name])[name][0, wanted])


@pytest.mark.parametrize("wanted", [0, 3])
@pytest.mark.parametrize("path", ["stem", "fire.narrow", "block.bn1", "block.conv2"])
def test_they_equal_captums(path: str, wanted: int, image: Tensor) -> None:
    attr = pytest.importorskip("captum.attr", reason="captum is not installed")
    network = of(Mixed())
    layer = next(it for it in network.layers if it.node == path)
    (found,) = contributions(network, image, [layer], wanted)
    # Captum cannot follow modules that work in place.
    module = network.module
    assert isinstance(module, Mixed)
    for part in module.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    reference = attr.LayerGradientXActivation(module, module.get_submodule(path))
    mean, std = (torch.tensor(it).view(1, 3, 1, 1) for it in (network.mean, network.std))
    expected = reference.attribute((image - mean) / std, target=wanted)[0]
    torch.testing.assert_close(found.places, expected.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found.units, expected.detach().sum((1, 2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("make", [Mixed, Tokens, tiny_module])
def test_they_are_the_slope_of_the_logit_in_the_factor_of_a_unit(
    make: type[nn.Module], traced: bool, image: Tensor
) -> None:
    # In float64 the step is so small that no ReLU changes sides.
    network, image = in_double(of(make(), traced)), image.double()
    found = contributions(network, image, network.layers, 1)
    step = 1e-6
    for layer, its in zip(network.layers, found, strict=True):
        for unit in (0, layer.channels - 1):
            up, down = (
                logit(
                    with_units_switched(network, [SwitchedUnit(layer.name, unit, 1 + it)]), image, 1
                )
                for it in (step, -step)
            )
            assert float(its.units[unit]) == pytest.approx(
                (up - down) / (2 * step), rel=1e-4, abs=1e-5
            )


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("make", [Mixed, Tokens, tiny_module])
def test_exact_effects_are_those_of_turning_each_unit_off(
    make: type[nn.Module], traced: bool, image: Tensor
) -> None:
    network = of(make(), traced)
    before = logit(network, image, 2)
    for layer in network.layers:
        found = exact_effects(network, image, layer, 2)
        wanted = [
            before - logit(with_units_switched(network, [SwitchedUnit(layer.name, it)]), image, 2)
            for it in range(layer.channels)
        ]
        assert found.tolist() == pytest.approx(wanted, abs=1e-4)
        some = exact_effects(network, image, layer, 2, units=[1, 0])
        assert some.tolist() == pytest.approx([wanted[1], wanted[0]], abs=1e-4)


def test_behind_a_linear_layer_both_are_the_same(tiny: Network, image: Tensor) -> None:
    pooled = tiny.layer("4")
    (found,) = contributions(tiny, image, [pooled], 3)
    assert found.units.tolist() == pytest.approx(
        exact_effects(tiny, image, pooled, 3).tolist(), abs=1e-5
    )


def test_two_classes_are_told_apart_by_the_difference(tiny: Network, image: Tensor) -> None:
    layer = tiny.layer("3")
    one, other, both = (
        contributions(tiny, image, [layer], *it)[0].units for it in ((0,), (2,), (0, 2))
    )
    torch.testing.assert_close(both, one - other)


def test_units_are_in_order_for_and_against(tiny: Network, image: Tensor) -> None:
    (found,) = contributions(tiny, image, [tiny.layer("1")], 0)
    raising, lowering = found.strongest(9), found.strongest(9, negative=True)
    values = dict((*raising, *lowering))
    assert [it for _, it in raising] == sorted((it for _, it in raising), reverse=True)
    assert [it for _, it in lowering] == sorted(it for _, it in lowering)
    assert all(values[unit] == pytest.approx(float(found.units[unit])) for unit in values)


def test_switched_units_contribute_nothing(image: Tensor) -> None:
    for traced in (True, False):
        network = of(Mixed(), traced)
        layer = next(it for it in network.layers if it.node == "block.conv2")
        off = with_units_switched(network, [SwitchedUnit(layer.name, 3)])
        (found,) = contributions(off, image, [layer], 0)
        assert float(found.units[3]) == 0 and float(found.units.abs().sum()) > 0


def test_what_is_not_there_is_refused(tiny: Network, image: Tensor) -> None:
    assert class_number(tiny, "three") == 2
    with pytest.raises(UnknownName):
        class_number(tiny, "five")
    with pytest.raises(ExplorerError, match="no class 4"):
        contributions(tiny, image, tiny.layers[:1], 4)
    headless = replace(tiny, labels=())
    for call in (
        lambda: class_number(headless, "one"),
        lambda: contributions(headless, image, tiny.layers[:1], 0),
    ):
        with pytest.raises(ExplorerError, match="has no answers"):
            call()
