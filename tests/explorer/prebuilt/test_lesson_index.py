"""The index of lesson 2 ships: it fits SketchNet and the drawings, and nothing has to be built."""

import pytest

from core.analysis.crops import network_input
from core.datasets import sources
from core.images.center_crop import CenterCrop
from core.index import build, reader
from core.index.reader import Index
from core.networks import registry
from core.networks.network import Network
from explorer.ui import page_runner
from explorer.ui.lessons import remembered, top_examples

REMAKE = "run python -m explorer.prebuilt.lesson_index: weights, drawings or the format changed"


@pytest.fixture(scope="module")
def network() -> Network:
    return registry.load(registry.SKETCHNET, device="cpu")


@pytest.fixture(scope="module")
def shipped() -> Index:
    return reader.open_index(top_examples.SHIPPED)


def test_it_fits_the_network_and_the_drawings(network: Network, shipped: Index) -> None:
    source = sources.find_source(top_examples.DRAWINGS)
    assert shipped.complete and not shipped.misfit(network), REMAKE
    assert shipped.plan.collection == source.identity, REMAKE
    assert shipped.count == sum(1 for _ in source.entries())
    assert [it.name for it in shipped.plan.layers] == [it.name for it in network.shown]
    assert shipped.path.stat().st_size < 600_000


@pytest.mark.parametrize("name", ["relu2b", "relu4a", "logits"])
def test_a_drawing_excites_its_neuron_as_it_says(
    network: Network, shipped: Index, name: str
) -> None:
    best = shipped.top(name, 7)[0]
    picture = shipped.picture(best.picture)
    image = network_input(picture, CenterCrop(best.size, network.input_size))
    activation = network.activations(image, [name])[name][0, 7].float()
    assert float(activation.max()) == pytest.approx(best.value, rel=1e-3), REMAKE
    assert float(activation.reshape(-1).max()) == float(
        activation[best.row, best.col] if activation.ndim else activation
    )


def test_the_lesson_builds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise AssertionError("an index is built")

    monkeypatch.setattr(build, "build_index", fail)
    page_runner.run_page("lessons", {"lesson": "2"})
    assert not list(remembered.folder().glob("*.index"))


def test_another_network_has_an_index_of_its_own(tiny: Network) -> None:
    assert "was made with weights" in top_examples._opened(top_examples.SHIPPED).misfit(tiny)
