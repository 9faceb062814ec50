"""The Layers page, run without a browser on a tiny network that stands in for SketchNet."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch import nn

from core.analysis import unit_activity, unit_labels
from core.errors import ExplorerError
from core.networks.network import Network
from core.progress import Progress
from core.recipes.neuron import NeuronRecipe
from core.sketchnet.labels import Label, Labels
from core.sketchworld.concepts import CONCEPTS
from core.sketchworld.seeds import World
from explorer import layer_pages
from explorer.jobs import job_queue
from explorer.jobs.claims import Claims
from explorer.rendering import render_recipe
from explorer.ui import server_state, urls
from explorer.ui.layers import layers_page
from tests.conftest import tiny_module
from tests.explorer.workers import alive
from tests.pages.app import html, open_at, query
from tests.pages.collection import index_of
from tests.pages.stand_in import StandIn, open_stand_in, visit, work_off


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


@pytest.fixture
def wide_stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Replace SketchNet by a network whose first layer fills more than one page."""
    wide = nn.Sequential(
        nn.Conv2d(3, 70, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(70, 4)
    )
    yield from open_stand_in(StandIn(wide), monkeypatch)


def test_first_visit_draws_the_grid_and_every_rung(stand_in: StandIn) -> None:
    app = visit("layers")
    drawn = [recipe.layer for recipe in stand_in.rendered]
    assert sorted(drawn) == sorted(layer.name for layer in stand_in.network.shown)
    assert not app.warning
    assert not app.error


def test_the_layer_that_is_looked_at_comes_first(stand_in: StandIn) -> None:
    last = stand_in.network.shown[-1].name
    visit(layer=last)
    assert stand_in.rendered[0].layer == last


def test_second_visit_draws_nothing(stand_in: StandIn) -> None:
    visit("layers")
    count = len(stand_in.rendered)
    visit("layers")
    assert count > 0
    assert len(stand_in.rendered) == count


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("network", "sketchnot", "did you mean 'sketchnet'?"),
        ("layer", "9", "no layer '9'"),
        ("page", "99", "page is 99"),
        ("page", "two", "page is 'two'"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_the_usual_page(
    stand_in: StandIn, name: str, value: str, words: str
) -> None:
    app = visit(**{name: value})
    assert len(app.warning) == 1
    assert words in app.warning[0].value.replace("\\", "")
    assert stand_in.rendered


def test_another_network_is_chosen(stand_in: StandIn) -> None:
    app = open_at(show="crops", page="1")
    app.selectbox(key="network").select("resnet18").run()
    assert query(app) == {"network": "resnet18", "show": "crops"}
    assert [it.label for it in app.button if it.key == "download"] == ["Download it"]


def test_a_large_layer_has_pages(wide_stand_in: StandIn) -> None:
    first = wide_stand_in.network.shown[0].name
    app = visit(layer=first)
    assert any("0 to 63 of 70" in text.value for text in app.markdown)
    assert {unit for it in wide_stand_in.rendered if it.layer == first for unit in it.units} == set(
        range(64)
    )
    app.button(key="Next").click().run()
    assert query(app) == {"network": "sketchnet", "layer": first, "page": "2"}
    work_off(app)
    assert any("64 to 69 of 70" in text.value for text in app.markdown)
    assert wide_stand_in.rendered[-1].units == tuple(range(64, 70))
    assert app.button(key="Next").disabled


def test_a_page_that_is_being_drawn_shows_how_far_it_is(stand_in: StandIn) -> None:
    layer = stand_in.network.shown[0]
    app = open_at(layer=layer.name)
    assert any("Starting" in text.value for text in app.markdown)
    queue, claims = server_state.jobs(), Claims(server_state.store())
    (job,) = queue.open()
    with alive(server_state.store(), "test"):
        claim = claims.claim("test")
        assert claim is not None and claim.job == job.key
        claims.report(claim, 1, 2, {0: b"half a picture"})
        app.run()
    assert f"{layer.channels // 2} of {layer.channels} neurons" in app.get("progress")[0].proto.text
    app.button(key=f"stop page {job.key}").click().run()
    stopped = queue.get(job.key)
    assert stopped is not None and stopped.state == "cancelled"
    claims.release(claim)
    app.run()
    assert any(text.value.startswith("Stopped (") for text in app.markdown)
    app.button(key=f"go on page {job.key}").click().run()
    work_off(app)
    assert not app.get("progress")
    assert set(range(layer.channels)) == {
        unit for it in stand_in.rendered if it.layer == layer.name for unit in it.units
    }


def test_a_job_that_failed_says_why_and_can_be_tried_again(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: Network, recipe: NeuronRecipe, inputs: object) -> Iterator[Progress]:
        raise ExplorerError("the disk of the moon is full")

    layer = stand_in.network.shown[0].name
    with monkeypatch.context() as patch:
        patch.setitem(render_recipe.RENDERERS, "neurons", broken)
        app = visit(layer=layer)
    assert any("The disk of the moon is full" in text.value for text in app.markdown)
    (button,) = [it for it in app.button if it.label == "Go on"]
    button.click().run()
    work_off(app)
    assert not any("moon" in text.value for text in app.markdown)


def test_a_full_queue_says_so_and_the_page_stays(
    stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "OPEN_AT_MOST", 0)
    app = open_at("layers")
    assert any("busy" in text.value for text in app.caption)
    assert not app.error


def test_a_network_that_cannot_be_fetched_leaves_the_page_usable(stand_in: StandIn) -> None:
    app = visit(network="resnet18")
    assert not app.error
    assert any("45 MB" in text.value for text in app.markdown)
    app.button(key="download").click().run()
    assert [it.value for it in app.error] == ["the weights of resnet18 are not on this machine"]
    app.selectbox(key="network").set_value("sketchnet").run()
    work_off(app)
    assert not app.error
    assert query(app) == {"network": "sketchnet"}
    assert stand_in.rendered


@pytest.fixture
def labelled(stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Give labels to the units of the first two layers of the network."""
    first, second = (layer.name for layer in stand_in.network.shown[:2])
    rows = {
        first: [("red", 0.3), ("eye", 0.2), ("red", 0.05), ("disc", 0.4), ("red", 0.1)],
        second: [("eye", 0.5), ("wheel", 0.01), *[("leaf", 0.2)] * 5],
    }
    known = Labels(
        stand_in.network.fingerprint,
        World(0, 10),
        (0.01,),
        World(1, 10),
        {
            layer: tuple(
                Label(layer, unit, concept, CONCEPTS[concept], iou)
                for unit, (concept, iou) in enumerate(row)
            )
            for layer, row in rows.items()
        },
    )
    monkeypatch.setattr(unit_labels, "_shipped", lambda: known)
    unit_labels._names.cache_clear()
    yield stand_in
    unit_labels._names.cache_clear()


def find(app: AppTest, text: str) -> AppTest:
    """Type a text into the search box, and press Enter."""
    app.text_input(key="find").set_value(text)
    (button,) = [it for it in app.button if it.label == "Find"]
    app = button.click().run()
    assert not app.exception
    return app


def found(app: AppTest) -> list[str]:
    """Return the layer and number of each tile of all grids, in the order of the page."""
    data = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    return [tile["id"] for it in data if "tiles" in it for tile in it["tiles"]]


def captions(app: AppTest) -> str:
    return " ".join(it.value.replace("\\", "") for it in app.caption)


def test_neurons_are_found_by_what_they_stand_for(labelled: StandIn) -> None:
    first, second = (layer.name for layer in labelled.network.shown[:2])
    app = visit(layer=first)
    assert [it["caption"] for it in grid_tiles(app)] == [
        "0 (red)",
        "1 (eye)",
        "neuron 2",
        "3 (disc)",
        "4 (red)",
    ]
    app = find(app, " eyes ")
    assert query(app) == {"network": "sketchnet", "layer": first, "find": "eyes"}
    assert "2 neurons in 2 layers." in html(app)
    assert found(app) == [f"{second} 0", f"{first} 1"]
    assert 'The name has "eye"' in html(app)
    (tile, _) = grid_tiles(app)
    assert (tile["caption"], tile["detail"]) == ("0 (eye)", f"{second} \N{MIDDLE DOT} 0.50")
    app.button(key="leave search").click().run()
    assert query(app) == {"network": "sketchnet", "layer": first}
    assert app.text_input(key="find").value == ""


def test_what_is_not_found_is_said_with_searches_that_find_something(labelled: StandIn) -> None:
    nothing = visit(find="unicorn")
    assert "No neuron fits 'unicorn'." in html(nothing)
    assert [it.label for it in nothing.button if (it.key or "").startswith("try ")] == [
        "eye",
        "red",
    ]
    nothing.button(key="try eye").click().run()
    assert query(nothing)["find"] == "eye"
    typo = visit(find="discc")
    assert 'Nothing is called "discc"; this is spelled like it: disc.' in captions(typo)
    assert found(typo) == [f"{labelled.network.shown[0].name} 3"]
    # No label says "wheel" clearly.
    unclear = visit(find="wheel")
    assert "None picks this out clearly; these come nearest." in captions(unclear)
    assert found(unclear) == [f"{labelled.network.shown[1].name} 1"]


def test_classes_and_numbers_are_found_and_what_is_missing_is_drawn(stand_in: StandIn) -> None:
    last, second = stand_in.network.shown[-1].name, stand_in.network.shown[1].name
    app = open_at(find="thre")
    assert found(app) == [f"{last} 2"]
    assert [it["opens"] for it in grid_tiles(app)] == [True]
    app = work_off(app)
    assert grid_tiles(app)[0]["picture"]
    assert [it.units for it in stand_in.rendered if it.layer == last] == [(2,)]
    everywhere = visit(find="#6", layer=second)
    assert found(everywhere) == [f"{second} 6"] + [
        f"{it.name} 6" for it in stand_in.network.shown if it.channels > 6 and it.name != second
    ]


def test_enter_opens_a_place_at_once_and_the_first_result_the_second_time(
    labelled: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, str, int]] = []
    monkeypatch.setattr(urls, "open_neuron", lambda *place: opened.append(place))
    first, second = (layer.name for layer in labelled.network.shown[:2])
    app = find(visit(layer=first), f"{second}:3")
    assert opened == [("sketchnet", second, 3)]
    app = find(visit(layer=first), "eye")
    assert len(opened) == 1
    find(app, "eye")
    assert opened[1:] == [("sketchnet", second, 0)]
    app = find(visit(layer=first), second)
    assert query(app) == {"network": "sketchnet", "layer": second}
    assert app.text_input(key="find").value == "" and len(opened) == 2


def test_one_kind_of_names_is_shown(labelled: StandIn) -> None:
    first, second = (layer.name for layer in labelled.network.shown[:2])
    app = visit(layer=first)
    app.selectbox(key="kind").set_value("colour").run()
    assert query(app) == {"layer": first, "kind": "colour"}
    assert found(app) == [f"{first} 0", f"{first} 4"]
    app = visit(layer=second, kind="colour")
    assert "No neuron of the kind colour fits" in html(app)
    app.button(key="try colour").click().run()
    assert found(app) == [f"{first} 0", f"{first} 4"]
    app = visit("layers", kind="colours")
    assert "did you mean 'colour'?" in app.warning[0].value.replace("\\", "")


def test_units_are_sorted_by_their_pictures_and_the_missing_ones_come_last(
    stand_in: StandIn,
) -> None:
    layer = stand_in.network.shown[0]
    app = open_at(layer=layer.name, sort="picture")
    assert f"{layer.channels} of {layer.channels} are not drawn yet" in captions(app)
    app = work_off(app)
    assert "not drawn yet" not in captions(app)
    recipe = layer_pages.plan_page(stand_in.network, layer, 1)
    pictures = server_state.store().pictures(recipe)
    order = sorted(pictures, key=lambda it: -float(pictures[it].facts["activation"]))
    assert order != sorted(order)
    assert found(app) == [f"{layer.name} {unit}" for unit in order]


def test_units_are_sorted_by_an_index_and_without_one_it_is_said(
    stand_in: StandIn, tmp_path: Path
) -> None:
    layer = stand_in.network.shown[1]
    app = visit(layer=layer.name, sort="often")
    assert "Not sorted yet: this order needs a collection of pictures." in captions(app)
    assert found(app) == [f"{layer.name} {unit}" for unit in range(layer.channels)]
    index = index_of(stand_in.network, tmp_path)
    for order, measure in (
        ("often", unit_activity.response_shares),
        ("activation", unit_activity.highest_activations),
    ):
        app = visit(layer=layer.name, sort=order)
        values = measure(index, layer.name)
        expected = sorted(range(layer.channels), key=lambda unit: -values[unit])
        assert found(app) == [f"{layer.name} {unit}" for unit in expected]
        assert "20 pictures in photos" in captions(app)


def test_many_results_have_pages(wide_stand_in: StandIn) -> None:
    first = wide_stand_in.network.shown[0].name
    app = open_at(layer=first, sort="picture")
    assert found(app) == [f"{first} {unit}" for unit in range(60)]
    app.button(key="resultsNext").click().run()
    assert query(app)["results"] == "2"
    assert found(app) == [f"{first} {unit}" for unit in range(60, 70)]
    assert any("61 to 70 of 70 neurons" in it.value for it in app.markdown)


def grid_tiles(app: AppTest) -> list[dict[str, Any]]:
    """Return the tiles of the grid that is shown."""
    data = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    (tiles,) = (it["tiles"] for it in data if "tiles" in it)
    return list(tiles)


def shown_grid(app: AppTest) -> dict[str, Any]:
    """Return the data of the grid of units."""
    data = [json.loads(element.proto.json) for element in app.get("bidi_component")]
    return next(it for it in data if "tiles" in it)


def test_crops_stand_in_place_of_pictures_or_beside_them(stand_in: StandIn, tmp_path: Path) -> None:
    index_of(stand_in.network, tmp_path)
    layer = stand_in.network.shown[1].name
    crops = shown_grid(open_at(layer=layer, show="crops"))
    assert not stand_in.rendered and not crops["pairs"]
    assert all(tile["picture"] and tile["beside"] is None for tile in crops["tiles"])
    both = shown_grid(visit(layer=layer, show="both"))
    assert both["pairs"]
    for tile, crop in zip(both["tiles"], crops["tiles"], strict=True):
        assert tile["beside"] == crop["picture"] != tile["picture"]


def test_what_is_shown_is_chosen_and_stays_from_layer_to_layer(
    stand_in: StandIn, tmp_path: Path
) -> None:
    index_of(stand_in.network, tmp_path)
    app = open_at(layer=stand_in.network.shown[1].name)
    app.button_group(key="show").set_value("crops").run()
    assert query(app)["show"] == "crops"
    assert any("the parts of 20 pictures in photos" in it.value for it in app.caption)


def test_an_index_is_chosen_among_several(stand_in: StandIn, tmp_path: Path) -> None:
    index_of(stand_in.network, tmp_path, "birds")
    index_of(stand_in.network, tmp_path, "photos")
    app = open_at(show="crops")
    assert app.selectbox(key="index").value == "birds"
    app.selectbox(key="index").set_value("photos").run()
    assert query(app)["index"] == "photos"


def test_without_an_index_crops_are_not_shown_and_it_is_said_why(stand_in: StandIn) -> None:
    app = visit(show="both")
    assert any("explorer index" in it.value for it in app.caption)
    assert not shown_grid(app)["pairs"]


def test_grey_pictures_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    module = tiny_module()
    assert isinstance(module[0], nn.Conv2d) and module[0].bias is not None
    with torch.no_grad():
        module[0].weight[2] = 0
        module[0].bias[2] = -1
    for stand_in in open_stand_in(StandIn(module), monkeypatch):
        first, second = stand_in.network.shown[:2]
        assert any(layers_page.GREY in it.value for it in visit("layers", layer=first.name).caption)
        other = visit("layers", layer=second.name)
        assert not any(layers_page.GREY in it.value for it in other.caption)
