"""The page Styles by layer, run without a browser on a tiny stand-in for SketchNet."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.images import image_io
from core.networks.known_networks import SKETCHNET
from core.networks.network import Network
from core.recipes.neuron import NeuronRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.style import defaults, grid
from explorer.gallery.queries import Gallery, Search
from explorer.ui import image_picker, png_drop, server_state, url_codecs, urls
from explorer.ui.style import gram_page, gram_view, style_grid_view, style_view
from explorer.ui.style.gram_view import GramView
from tests.conftest import tiny_module
from tests.pages.app import html, open_at, query
from tests.pages.stand_in import StandIn, open_stand_in, visit, work_off

USUAL = {"style_layers": ("1", "3"), "content_layers": ("3",)}
QUICK = {"size": "32", "steps": "2"}
PLAN = grid.plan_grid


def quick(network: Network, content: str, style: str, seed: int, **settings: Any) -> Any:
    """Plan small images unless a link has other settings."""
    given = {name: it for name, it in settings.items() if it is not None}
    small = {"size": 32, "smallest": 32, "steps": 2}
    return PLAN(network, content, style, seed, **{**small, **given})


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setitem(defaults.DEFAULTS, SKETCHNET, USUAL)
    monkeypatch.setattr(grid, "plan_grid", quick)
    # This painting is drawn fastest.
    monkeypatch.setattr(style_view, "PAINTING", "dots")
    yield from open_stand_in(StandIn(tiny_module()), monkeypatch)


def matrices(app: AppTest) -> list[dict[str, Any]]:
    """Return the data of the page's matrix components."""
    found = [json.loads(it.proto.json) for it in app.get("bidi_component")]
    return [it for it in found if "corner" in it]


def grids(app: AppTest) -> dict[str, list[dict[str, Any]]]:
    """Return the data of the page's grids of tiles, by their labels."""
    return {it["label"]: it["tiles"] for it in data_of(app) if "tiles" in it}


def data_of(app: AppTest) -> list[dict[str, Any]]:
    """Return the data of all components of a page."""
    return [json.loads(it.proto.json) for it in app.get("bidi_component")]


def test_the_matrix_is_there_before_the_first_click_with_what_was_measured(
    stand_in: StandIn,
) -> None:
    app = visit("style_depths")
    (shown,) = matrices(app)
    depths = grid.spread(stand_in.network, grid.DEFAULT_DEPTHS)
    assert [it["name"] for it in shown["columns"]] == list(depths)
    assert [it["head"]["name"] for it in shown["rows"]] == list(depths)
    assert all(cell["picture"] for row in shown["rows"] for cell in row["cells"])
    # Charts of edges and colours, and a table of style losses; the units of this network have no
    # labels.
    assert len(app.get("plotly_chart")) == 2
    assert html(app).count('<table class="heat"') == 1
    assert Gallery(server_state.jobs()).count(Search()) == 0


def test_cells_fill_in_as_they_finish(stand_in: StandIn) -> None:
    app = open_at("style_depths", picture="coffee", style="tissue", **QUICK)
    (shown,) = matrices(app)
    cells = [cell for row in shown["rows"] for cell in row["cells"]]
    assert not any(cell["picture"] for cell in cells)
    worker_turns(1)
    app.run()
    (shown,) = matrices(app)
    cells = [cell for row in shown["rows"] for cell in row["cells"]]
    assert [bool(cell["picture"]) for cell in cells] == [True] + [False] * (len(cells) - 1)
    # Finished images stay when the job is stopped, and are not rendered again.
    job = server_state.jobs().get(recipe_of(app).key)
    assert job is not None
    server_state.jobs().cancel(job.key, server_state.visitor())
    first = server_state.store().pictures(recipe_of(app))[0].image
    work_off(open_at("style_depths", picture="coffee", style="tissue", **QUICK))
    server_state.jobs().resume(job.key, server_state.visitor())
    app = work_off(open_at("style_depths", picture="coffee", style="tissue", **QUICK))
    (shown,) = matrices(app)
    assert all(cell["picture"] for row in shown["rows"] for cell in row["cells"])
    assert server_state.store().pictures(recipe_of(app))[0].image == first


def test_cells_show_a_sample_until_they_are_painted(stand_in: StandIn) -> None:
    def words(app: AppTest) -> list[str]:
        return [it.value for it in app.caption if it.value.startswith("Faint until")]

    assert not words(visit("style_depths", **QUICK))
    app = open_at("style_depths", picture="coffee", **QUICK)
    (shown,) = matrices(app)
    cells = [cell for row in shown["rows"] for cell in row["cells"]]
    assert all(cell["sample"] and not cell["picture"] for cell in cells)
    assert len(words(app)) == 1
    work_off(app)
    (shown,) = matrices(app)
    assert all(cell["picture"] for row in shown["rows"] for cell in row["cells"])
    assert not words(app)


def worker_turns(count: int) -> None:
    from explorer.jobs.worker import Worker
    from explorer.rendering import render_recipe

    worker = Worker(server_state.store(), "test", render_recipe.render_updates)
    for _ in range(count):
        assert worker.run_next_part()


def recipe_of(app: AppTest) -> StyleDepthsRecipe:
    found = server_state.jobs().get(app.session_state["style depths"])
    assert found is not None and isinstance(found.recipe, StyleDepthsRecipe)
    return found.recipe


def test_rows_show_more_layers_one_alone_and_each_half(stand_in: StandIn) -> None:
    app = visit("style_depths", view="rows")
    shown = matrices(app)
    assert [it["label"].split(":")[0] for it in shown] == [
        style_grid_view.TITLES[part].split(":")[0] for part in style_grid_view.ROWS
    ]
    assert all(cell["picture"] for it in shown for row in it["rows"] for cell in row["cells"])
    assert [it["proportion"] for it in shown][2] == "1 / 1"
    assert [[row["head"] for row in it["rows"]] for it in shown] == [[None]] * 4
    assert html(app).count("content from 3.") == 2


def test_a_click_shows_one_large_with_a_way_to_paint_it(stand_in: StandIn) -> None:
    app = visit("style_depths", cell="matrix-2-1")
    depths = grid.spread(stand_in.network, grid.DEFAULT_DEPTHS)
    assert f"Style by {depths[1]}, content by {depths[0]}" in html(app)
    (link,) = [it.proto for it in app.get("page_link")]
    assert f"style_layers={depths[1]}" in link.query_string
    assert f"content_layers={depths[0]}" in link.query_string
    saved = [it.label for it in app.get("download_button")]
    assert [it for it in saved if it not in ("CSV", "JSON")] == ["Save it"]
    assert saved.count("CSV") == saved.count("JSON") == len(app.get("plotly_chart")) + 1


def test_a_saved_one_leads_back_to_its_page(stand_in: StandIn) -> None:
    app = visit("style_depths", picture="coffee", style="tissue", balance="0.1", seed="3", **QUICK)
    found = recipe_of(app)
    png_drop.check_shown(found)
    page, asked = url_codecs.link_to(found)
    assert page == urls.STYLE_DEPTHS
    assert recipe_of(visit("style_depths", **asked)) == found


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"view": "nowhere"}, "no view"),
        ({"size": "100000"}, "size is"),
        ({"steps": "0.5"}, "steps is"),
        ({"balance": "-1"}, "balance is"),
        ({"loss": "hinge"}, "no loss"),
        ({"style": "f" * 32}, "no picture"),
        ({"view": "together", "layer": "nowhere"}, "no layer"),
        ({"view": "together", "layer": "6"}, "no places"),
        ({"view": "together", "pair": "1,99"}, "pair is"),
        ({"view": "together", "pair": "3"}, "two different neurons"),
        ({"view": "together", "pair": "<b>,2"}, "pair is"),
    ],
)
def test_a_bad_link_gets_one_sentence_and_a_page(
    stand_in: StandIn, asked: dict[str, str], words: str
) -> None:
    app = open_at("style_depths", **asked)
    assert [words in it.value.replace("\\", "") for it in app.warning] == [True]
    assert matrices(app) or grids(app)


def test_a_cell_that_is_not_there_is_passed_over(stand_in: StandIn) -> None:
    assert not visit("style_depths", cell="matrix-99-1").get("page_link")


def test_a_broken_picture_is_refused_in_one_sentence(stand_in: StandIn) -> None:
    app = open_at("style_depths", view="together")
    app.file_uploader[0].upload("mine.png", b"no picture", "image/png")
    app.run()
    assert not app.exception
    assert [it.value.startswith("This picture cannot be used") for it in app.error] == [True]
    assert "picture" not in query(app)


def measured(stand_in: StandIn, layer: str) -> GramView:
    found = stand_in.network.layer(layer)
    return gram_view.read_view(
        stand_in.network, found, image_picker.find_image("cat"), image_picker.find_image("dots")
    )


def test_who_fires_together_is_measured_in_both_pictures(stand_in: StandIn) -> None:
    found = measured(stand_in, "3")
    for chosen, told in ((found.style, found.painted), (found.content, found.seen)):
        image = image_io.to_tensor(
            image_io.resize_longer_side(chosen.picture, gram_view.IMAGE_PIXELS)
        )
        seen = stand_in.network.activations(image, ["3"])["3"][0].flatten(1).double()
        gram = seen @ seen.T / seen.shape[1]
        size = gram.diagonal().sqrt()
        expected = gram / size[:, None] / size[None]
        alive = told.active[:, None] & told.active[None]
        torch.testing.assert_close(
            told.cosines.double(), expected.where(alive, 0.0), rtol=1e-3, atol=1e-4
        )
    assert sorted(found.order) == sorted(set(found.order))


def test_pairs_that_differ_most_are_listed(stand_in: StandIn) -> None:
    found = measured(stand_in, "3")
    more = found.painted.cosines - found.seen.cosines
    listed = list(gram_view.notable_pairs(found).values())
    best = max(more[one, other] for one in found.order for other in found.order)
    assert float(more[listed[1][0]]) == pytest.approx(float(best))
    worst = min(more[one, other] for one in found.order for other in found.order)
    assert float(more[listed[2][0]]) == pytest.approx(float(worst))


def test_a_pair_is_shown_with_both_neurons_and_where_they_fire(stand_in: StandIn) -> None:
    app = visit("style_depths", view="together", layer="3", pair="4,1")
    found = [it for label, it in grids(app).items() if label.startswith("Neuron ")]
    tiles = [tile for it in found for tile in it]
    assert [it["id"] for it in tiles] == [
        f"{what} {unit}" for unit in (4, 1) for what in ("neuron", "painting", "picture")
    ]
    assert all(it["picture"] for it in tiles)
    assert "Neuron 4 and neuron 1" in html(app)
    drawn = [it for it in stand_in.rendered if isinstance(it, NeuronRecipe)]
    assert {4, 1} <= {unit for it in drawn for unit in it.units}
    squares = [it for it in data_of(app) if "ends" in it]
    assert [it["label"].partition(". ")[0] for it in squares] == 3 * [
        "Which neurons of 3 respond together"
    ]
    for it in squares:
        row, col = it["marked"]
        assert [it["names"][row], it["names"][col]] == ["neuron 4", "neuron 1"]
    # The third square says how much more often in one of the two pictures.
    here = row * len(it["names"]) + col
    painted, seen = (float(it["values"][here].split()[1]) for it in squares[:2])
    told = squares[2]["values"][here]
    if told != "alike":
        share, _, where = told.partition(" more in ")
        assert float(share) == pytest.approx(abs(painted - seen), abs=0.011)
        assert where == ("the style" if painted > seen else "the content")


def test_pictures_above_the_slider_are_drawn_after_everything_else(stand_in: StandIn) -> None:
    visit("style_depths", view="together", layer="3", pair="4,1")
    app = visit("style_depths", view="together", layer="3", pair="4,1")
    (slider,) = (it for it in data_of(app) if "stops" in it)
    layers = style_view.style_layers(stand_in.network)
    assert [it["name"] for it in slider["stops"]] == [it.name for it in layers]
    assert all(it["example"] and it["picture"] for it in slider["stops"])
    drawn = [it for it in stand_in.rendered if isinstance(it, NeuronRecipe)]
    examples = [it for it in drawn if it.units == (0,)]
    assert {it.layer for it in examples} >= {it.name for it in layers} - {"3"}
    assert drawn.index(examples[0]) > max(
        at for at, it in enumerate(drawn) if {4, 1} & set(it.units)
    )


def test_where_a_neuron_fires_is_where_its_map_is_bright(stand_in: StandIn) -> None:
    chosen = image_picker.find_image("cat")
    layer = stand_in.network.layer("3")
    url = gram_page.activation_overlay(stand_in.network, chosen, layer.name, 2)
    other = gram_page.activation_overlay(stand_in.network, chosen, layer.name, 3)
    assert url.startswith("data:image/webp") and url != other
