"""Explanations of an answer: which units raise its logit, with shares and exact effects."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from core.analysis import explanation
from core.analysis.contributions import Contributions, contributions
from core.analysis.probe import probe_image
from core.errors import ExplorerError, UnknownName
from core.figures.explanation_sheet import draw_explanation
from core.networks.interventions import with_units_switched
from core.networks.network import Network
from core.recipes.switched_units import SwitchedUnit
from tests.core.picture_folders import photograph


@pytest.fixture
def picture() -> Image.Image:
    return photograph(3)


def logits(network: Network, picture: Image.Image) -> list[float]:
    layer = network.class_layer
    assert layer is not None
    result: list[float] = probe_image(network, picture).activations[layer.name].tolist()
    return result


@pytest.mark.parametrize("against", ["", "three"])
def test_it_names_what_raises_and_lowers_the_logit(
    against: str, tiny: Network, picture: Image.Image
) -> None:
    found = explanation.explain(tiny, picture, "two", against, count=3)
    assert [it.layer for it in found.layers] == [
        it.name for it in reversed(tiny.shown) if it != tiny.class_layer
    ]
    other = 2 if against else None
    before = logits(tiny, picture)
    for layer in found.layers:
        (whole,) = contributions(tiny, found.image, [tiny.layer(layer.layer)], 1, other)
        for some, sign in ((layer.raising, 1), (layer.lowering, -1)):
            total = float((sign * whole.units).clamp(min=0).sum())
            assert len(some) <= 3
            for it in some:
                assert it.contribution == pytest.approx(float(whole.units[it.unit]), abs=1e-5)
                assert it.share == pytest.approx(sign * it.contribution / total, abs=1e-4)
                off = with_units_switched(tiny, [SwitchedUnit(layer.layer, it.unit)])
                after = logits(off, picture)
                loss = before[1] - after[1]
                loss -= before[2] - after[2] if against else 0
                assert it.effect == pytest.approx(loss, abs=1e-4)


def test_by_default_it_explains_the_likeliest_class(tiny: Network, picture: Image.Image) -> None:
    found = explanation.explain(tiny, picture)
    wanted, probability = probe_image(tiny, picture).classes[0]
    assert found.wanted == wanted and found.probability == pytest.approx(probability)


def test_the_map_is_bright_where_a_unit_contributes(tiny: Network) -> None:
    layer = tiny.layer("1")
    assert layer.spans is not None and layer.size is not None
    (height, width), size = layer.size, tiny.input_size
    for sign in (1, -1):
        places = torch.zeros(layer.channels, height, width)
        places[2, 3, 4], places[2, 1, 1] = sign * 2.0, -sign * 1.0
        found = explanation.contribution_map(Contributions(layer, places), 2, size)
        row, col = divmod(int(found.argmax()), size[1])
        top, left, bottom, right = layer.receptive_box(3, 4)
        assert top <= row <= bottom and left <= col <= right
        # Where it has the other sign is left dark.
        assert found.shape == size and float(found.min()) == 0
        top, left, bottom, right = layer.receptive_box(1, 1)
        assert float(found[(top + bottom) // 2, (left + right) // 2]) == 0


def test_the_sheet_has_a_row_for_each_layer(tiny: Network, picture: Image.Image) -> None:
    one = draw_explanation(explanation.explain(tiny, picture, layers=[tiny.shown[0].name]))
    every = draw_explanation(explanation.explain(tiny, picture))
    assert every.height > one.height and every.mode == "RGB"
    assert len(every.getcolors(10**6) or ()) > 100


def test_what_is_not_there_is_refused(tiny: Network, picture: Image.Image) -> None:
    for given in ({"wanted": "five"}, {"against": "five"}, {"layers": ["nothing"]}):
        with pytest.raises(UnknownName):
            explanation.explain(tiny, picture, **given)  # type: ignore[arg-type]
    with pytest.raises(ExplorerError, match="two different"):
        explanation.explain(tiny, picture, "two", "two")
    with pytest.raises(ExplorerError, match="has no answers"):
        explanation.explain(replace(tiny, labels=()), picture)
