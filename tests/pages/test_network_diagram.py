"""The diagram of the Layers page, run without a browser on tiny networks."""

import io
import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest
from torch import Tensor, nn

from core.analysis import activation_maps, probe
from core.analysis.activation_maps import ActivationMap
from explorer.charts import depth_colours
from explorer.text import formatting, layer_summary
from explorer.ui import image_picker
from explorer.ui.layers import network_diagram
from tests.conftest import tiny_module
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in


class Residual(nn.Module):
    """Two convolutions with a skip connection around the second."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 5, 3, padding=1), nn.ReLU())
        self.block = Inner()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.head(self.block(self.stem(image)))
        return result


class Inner(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(5, 5, 3, padding=1), nn.ReLU()

    def forward(self, seen: Tensor) -> Tensor:
        result: Tensor = self.act(self.conv(seen) + seen)
        return result


class Undecided(nn.Module):
    """A network whose control flow depends on the image, so that it cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = tiny_module()

    def forward(self, image: Tensor) -> Tensor:
        result: Tensor = self.inner(-image if image.sum() > 1e9 else image)
        return result


@pytest.fixture
def stand_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    make = getattr(request, "param", tiny_module)
    torch.manual_seed(0)
    yield from open_stand_in(StandIn(make().eval()), monkeypatch)


def graph(app: AppTest) -> dict[str, Any]:
    data = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    (found,) = (it for it in data if "nodes" in it)
    return found


def test_a_button_opens_the_diagram_and_nothing_has_to_be_drawn(stand_in: StandIn) -> None:
    app = open_at("layers", picture="cat")
    (button,) = [it for it in app.button if it.key == "diagram"]
    assert button.label == "See the whole network"
    stand_in.rendered.clear()
    button.click().run()
    assert query(app) == {"network": "sketchnet", "picture": "cat", "diagram": "open"}
    nodes = graph(app)["nodes"]
    assert [it["id"] for it in nodes] == ["", *(it.name for it in stand_in.network.shown)]
    assert all(it["picture"].startswith("data:image/") for it in nodes)
    assert nodes[0]["fixed"] and not any(it["fixed"] for it in nodes[1:])
    assert not stand_in.rendered and not app.warning and not app.error
    app.button(key="diagram").click().run()
    assert query(app) == {"network": "sketchnet", "picture": "cat"}


def test_another_network_is_shown_as_a_diagram_too(stand_in: StandIn) -> None:
    app = open_at("layers", diagram="open", maps="one", layer=stand_in.network.shown[0].name)
    app.selectbox(key="network").select("resnet18").run()
    assert query(app) == {"network": "resnet18", "diagram": "open", "maps": "one"}


def test_the_last_node_has_the_answer_and_the_others_their_size(stand_in: StandIn) -> None:
    nodes = graph(open_at("layers", diagram="open", picture="cat"))["nodes"]
    picture = image_picker.find_image("cat").picture
    name, share = probe.probe_image(stand_in.network, picture).classes[0]
    logits = stand_in.network.shown[-1].name
    note = f"{name} {formatting.probability(share)}"
    assert (nodes[-1]["title"], nodes[-1]["note"]) == (logits, note)
    first = stand_in.network.shown[0]
    assert first.size is not None
    assert nodes[1]["note"] == f"{first.channels} of {layer_summary.times(first.size)}"


def test_maps_of_one_neuron_name_it(stand_in: StandIn) -> None:
    app = open_at("layers", diagram="open", picture="cat")
    mean = graph(app)["nodes"]
    app.button_group(key="maps").set_value("one").run()
    assert query(app)["maps"] == "one"
    nodes = graph(app)["nodes"]
    layer = stand_in.network.shown[0]
    picture = image_picker.find_image("cat").picture
    activation = probe.probe_image(stand_in.network, picture).activations[layer.name]
    best = activation_maps.most_varied_map(activation).unit
    assert nodes[1]["note"] == f"neuron {best}"
    assert nodes[1]["picture"] != mean[1]["picture"] and nodes[0] == mean[0]


@pytest.mark.parametrize("stand_in", [Residual], indirect=True)
def test_a_block_with_a_skip_connection_is_a_box(stand_in: StandIn) -> None:
    app = open_at("layers", diagram="open")
    shown = graph(app)
    boxed = [it for it in shown["nodes"] if it["group"]]
    assert {it["group"] for it in boxed} == {"block · Inner"}
    assert [it["title"] for it in boxed] == [layer_summary.times((3, 3)), "added"]
    assert "from block.conv and stem.1" in boxed[1]["label"]
    assert [it["kind"] for it in shown["edges"]].count("skip") == 1
    assert "1 connection (orange) skips" in html(app)
    columns = [it["place"][0] for it in boxed]
    assert not set(shown["breaks"]) & set(range(min(columns) + 1, max(columns) + 1))


@pytest.mark.parametrize("stand_in", [Undecided], indirect=True)
def test_a_network_that_cannot_be_traced_is_a_chain_and_it_is_said(stand_in: StandIn) -> None:
    app = open_at("layers", diagram="open")
    assert len(graph(app)["edges"]) == len(stand_in.network.shown)
    assert any("cannot be read from its code" in it.value for it in app.caption)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("maps", "most", "maps"), ("picture", "nothing", "no picture 'nothing'")],
)
def test_a_bad_link_gets_one_sentence_and_the_diagram(
    stand_in: StandIn, name: str, value: str, words: str
) -> None:
    app = open_at("layers", diagram="open", **{name: value})
    assert len(app.warning) == 1 and words in app.warning[0].value.replace("\\", "")
    assert graph(app)["nodes"]


def test_a_map_goes_from_dark_through_the_colour_of_the_depth_to_bright() -> None:
    values = torch.tensor([[0.0, 0.502, 1.0]])
    drawn = network_diagram.colour_map(ActivationMap(values, 3), 0.5)
    picture = Image.open(io.BytesIO(b64decode(drawn.url.partition(",")[2]))).convert("RGB")
    dark, middle, bright = (picture.getpixel((at, 0)) for at in range(3))
    assert drawn.unit == 3 and picture.size == (3, 1)
    assert dark == network_diagram.DARK
    assert middle == depth_colours.DEPTH_COLOURS[1]
    assert isinstance(bright, tuple)
    assert all(abs(a - b) < 3 for a, b in zip(bright, network_diagram.BRIGHT, strict=True))
