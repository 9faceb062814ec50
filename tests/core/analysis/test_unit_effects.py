"""What units change in a network's answers, against runs of edited networks in plain Python."""

import copy
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.analysis.picture_sample import sample_pictures
from core.analysis.unit_effects import EffectMeter, UnitEffect, no_answers
from core.datasets.sources import SketchWorldSource, find_source
from core.datasets.tensor_source import TensorSource
from core.errors import ExplorerError
from core.networks.network import Network
from core.networks.tracing import never_trace
from tests.conftest import as_network, tiny_module
from tests.core.picture_folders import fill


def headless() -> Network:
    return replace(as_network(nn.Sequential(*list(tiny_module())[:4])), labels=())


def effect_of(before: list[list[float]], after: list[list[float]]) -> UnitEffect:
    names = tuple(f"{at}.png" for at in range(len(before)))
    labels = ("one", "two", "three")[: len(before[0])]
    return UnitEffect(labels, names, names, torch.tensor(before), torch.tensor(after))


@pytest.fixture
def pictures() -> Tensor:
    return torch.rand(7, 3, 24, 20, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("kept", [0, 2**29])
@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("factor", [0.0, 0.5, 3.0])
def test_the_effect_equals_that_of_edited_weights(
    factor: float, traced: bool, kept: int, pictures: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.analysis.unit_effects.KEPT_BYTES", kept)
    monkeypatch.setattr("core.analysis.unit_effects.PIXELS_AT_A_TIME", 3 * 24 * 20)
    module = tiny_module()
    if not traced:
        never_trace(module)
    network = as_network(module)
    layer = network.layer("1")  # the first ReLU
    meter = EffectMeter(network, layer, sample_pictures(network, TensorSource(pictures)))
    assert list(meter.prepare()) == [(3, 7), (6, 7), (7, 7)]
    for unit in (2, 4):
        edited = copy.deepcopy(module)
        edited[0].weight.data[unit] *= factor
        edited[0].bias.data[unit] *= factor
        mean = torch.tensor(network.mean).view(1, 3, 1, 1)
        std = torch.tensor(network.std).view(1, 3, 1, 1)
        with torch.no_grad():
            before, after = (it((pictures - mean) / std) for it in (module, edited))
        found = meter.measure({unit: factor})
        torch.testing.assert_close(found.before, before, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(found.after, after, rtol=1e-5, atol=1e-5)


def test_mean_changes_have_an_interval_of_their_spread() -> None:
    effect = effect_of([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]], [[0.5, 1.0], [2.0, 0.0], [1.0, 0.5]])
    fall, rise = effect.changes()
    changes = [-0.5, 0.0, -2.0]
    mean = sum(changes) / 3
    spread = math.sqrt(sum((it - mean) ** 2 for it in changes) / 2)
    assert fall.mean == pytest.approx(mean)
    assert fall.margin == pytest.approx(1.96 * spread / math.sqrt(3))
    assert not fall.sure and rise.mean == pytest.approx(0.5)
    assert [it.label for it in effect.falling(5)] == ["one"]
    assert [it.label for it in effect.rising(5)] == ["two"]
    (single,) = effect_of([[1.0]], [[0.0]]).changes()
    assert single.mean == -1.0 and math.isinf(single.margin) and not single.sure


def test_other_answers_come_before_those_that_lose_their_lead() -> None:
    before = [[3.0, 1.0, 0.0], [3.0, 0.0, 0.0], [0.0, 1.0, 0.9], [0.0, 0.0, 2.0]]
    after = [[3.0, 2.5, 0.0], [3.0, 0.0, 0.0], [0.0, 0.8, 0.9], [0.0, 0.0, 3.0]]
    effect = effect_of(before, after)
    assert effect.other_answers == 1
    found = effect.most_changed(9)
    # The second picture does not change at all.
    assert [it.picture for it in found] == ["2.png", "0.png", "3.png"]
    assert (found[0].before, found[0].after) == ("two", "three")
    leads = [(it.lead_before, it.lead_after) for it in found]
    assert leads == [pytest.approx(it) for it in ((0.1, -0.1), (2.0, 0.5), (2.0, 3.0))]
    shares = [math.exp(it) for it in (0.0, 1.0, 0.9)]
    assert found[0].before_share == pytest.approx(shares[1] / sum(shares))


def test_a_factor_of_one_changes_nothing(tiny: Network, pictures: Tensor) -> None:
    meter = EffectMeter(tiny, tiny.layers[1], sample_pictures(tiny, TensorSource(pictures)))
    effect = meter.measure({0: 1.0, 3: 1.0})
    assert torch.equal(effect.before, effect.after)
    assert not effect.falling(9) and not effect.rising(9) and not effect.most_changed(9)


def test_a_network_without_a_head_says_so(pictures: Tensor, tiny: Network) -> None:
    network = headless()
    assert network.class_layer is None
    assert "has no answers" in no_answers(network) and not no_answers(tiny)
    with pytest.raises(ExplorerError, match="has no answers"):
        EffectMeter(network, network.layers[1], sample_pictures(network, TensorSource(pictures)))


def test_pictures_are_spread_over_a_collection_and_cropped_as_for_an_index(
    tiny: Network, tmp_path: Path
) -> None:
    some = sample_pictures(tiny, SketchWorldSource(40), 8)
    assert some.names == tuple(str(it) for it in range(0, 40, 5)) and len(some) == 8
    assert some.labels[2] == SketchWorldSource(40).label("10")
    images = some.images(slice(2, 5))
    assert images.shape == (3, 3, *tiny.input_size)
    assert images.dtype == torch.float32 and 0 <= float(images.min()) < float(images.max()) <= 1
    fill(tmp_path / "photos", 5)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"no picture")
    found = sample_pictures(tiny, find_source(str(tmp_path / "photos")))
    assert "broken.jpg" in found.skipped and "broken.jpg" not in found.names and len(found) >= 5


def test_an_empty_collection_is_refused(tiny: Network, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("no picture")
    with pytest.raises(ExplorerError, match="no picture of"):
        sample_pictures(tiny, find_source(str(tmp_path)))
    with pytest.raises(ExplorerError, match="number of pictures"):
        sample_pictures(tiny, SketchWorldSource(4), 0)
