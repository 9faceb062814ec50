"""URLs of recipes: the page that shows each, and its settings."""

from dataclasses import replace
from typing import Any

import pytest

from core.errors import ExplorerError
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.style.defaults import family_settings
from explorer.ui import url_codecs, urls
from tests.conftest import ROOT


def recipe(*units: int) -> NeuronRecipe:
    weights = "0123456789abcdef"
    return NeuronRecipe("tiny", weights, 7, layer="features.3", units=units, size=96, steps=64)


def test_a_neuron_is_opened_with_its_settings() -> None:
    page, query = url_codecs.link_to(recipe(3, 5), 5)
    assert page == str(ROOT / "pages" / "neuron.py")
    assert query == {
        "network": "tiny",
        "layer": "features.3",
        "unit": "5",
        "size": "96",
        "steps": "64",
        "seed": "7",
    }


def test_a_recipe_for_one_neuron_is_that_neuron() -> None:
    assert url_codecs.link_to(recipe(5)) == url_codecs.link_to(recipe(5), 5)


@pytest.mark.parametrize(
    ("manner", "part", "view", "canvas"),
    [
        ({"count": 4}, 21, "2", None),
        ({"count": 4}, None, "1", None),
        ({"negative": True}, 5, "negative", None),
        ({"canvas": "maco"}, 5, None, "maco"),
    ],
)
def test_every_picture_of_a_neurons_page_leads_there(
    manner: dict[str, Any], part: int | None, view: str | None, canvas: str | None
) -> None:
    page, query = url_codecs.link_to(replace(recipe(5), **manner), part)
    assert page == urls.NEURON
    assert (query["unit"], query.get("view"), query.get("canvas")) == ("5", view, canvas)


@pytest.mark.parametrize(
    "manner", [{"count": 3}, {"objective": "joint"}, {"blur": 1.0}, {"negative": True, "count": 4}]
)
def test_pictures_that_no_page_shows_are_refused(manner: dict[str, Any]) -> None:
    with pytest.raises(ExplorerError, match="no page shows"):
        url_codecs.link_to(replace(recipe(5), **manner))


def test_unusual_pictures_of_several_neurons_have_no_page() -> None:
    with pytest.raises(ExplorerError, match="several neurons at once"):
        url_codecs.link_to(replace(recipe(3, 5), negative=True))
    assert url_codecs.link_to(replace(recipe(3, 5), negative=True), 5)[1]["unit"] == "5"


def test_many_neurons_are_opened_as_the_page_where_they_begin() -> None:
    _, query = url_codecs.link_to(recipe(64, 65, 66))
    assert query == {"network": "tiny", "layer": "features.3", "page": "2"}


def test_a_picture_that_the_recipe_does_not_make_is_refused() -> None:
    with pytest.raises(ExplorerError, match="does not make picture 9"):
        url_codecs.link_to(recipe(3, 5), 9)


def test_a_kind_without_a_page_is_refused() -> None:
    class Other(Recipe):
        kind = "other"

    with pytest.raises(ExplorerError, match="no page shows recipes of the kind 'other'"):
        url_codecs.link_to(Other("tiny", "0123456789abcdef"))


def test_fields_are_read_from_a_query_by_their_kinds() -> None:
    query = {"size": "96", "strength": "1.5", "colours": "kept", "layer": "features.3", "seed": "7"}
    assert url_codecs.read_fields("dream", query) == {
        "size": 96,
        "strength": 1.5,
        "keep_colours": True,
        "seed": 7,
    }
    query = {"style_layers": "a,b", "loss": "gram", "init": "", "content_layers": ""}
    assert url_codecs.read_fields("style", query) == {"style_layers": ("a", "b"), "loss": "gram"}


@pytest.mark.parametrize(
    ("kind", "query", "words"),
    [
        ("dream", {"size": ""}, "size is ''; it must be a whole number from 32 to 8192"),
        ("dream", {"octaves": "99"}, "octaves is 99; it must be a whole number from 1 to 12"),
        ("dream", {"strength": "nan"}, "strength is 'nan'; it must be a number from 0.0 to 4.0"),
        ("dream", {"colours": "lost"}, "no colours 'lost'; there is kept"),
        ("style", {"init": "picture"}, "no init 'picture'; there is content, noise"),
        ("neurons", {"canvas": "oil"}, "no canvas 'oil'; there is fourier, pixels, maco"),
    ],
)
def test_values_that_do_not_fit_are_refused(kind: str, query: dict[str, str], words: str) -> None:
    with pytest.raises(ExplorerError) as refused:
        url_codecs.read_fields(kind, query)
    assert str(refused.value) == words


def test_defaults_of_the_page_are_left_out_of_its_query() -> None:
    common = {"content": "c" * 32, "styles": ("5" * 32,), "content_layers": ("b",)}
    made = StyleRecipe("tiny", "0123456789abcdef", style_layers=("a", "b"), steps=20, **common)
    written = url_codecs.write_fields(made)
    # The page's own size is not the recipe's, and the default of the balance is the network's.
    layers = {"content_layers": "b", "style_layers": "a,b"}
    assert written == {**layers, "balance": "0.05", "size": "512"}
    assert url_codecs.read_fields("style", written) == {
        "content_layers": ("b",),
        "style_layers": ("a", "b"),
        "balance": 0.05,
        "size": 512,
    }


@pytest.mark.parametrize(("network", "default"), [("vgg16", 0.5), ("tiny", 0.05)])
@pytest.mark.parametrize("balance", [0.05, 0.5])
def test_a_setting_whose_default_depends_on_the_network_is_always_written(
    network: str, default: float, balance: float
) -> None:
    made = StyleRecipe(
        *(network, "0123456789abcdef"),
        content="c" * 32,
        styles=("5" * 32,),
        content_layers=("b",),
        style_layers=("a", "b"),
        **{**family_settings(network), "balance": balance},
    )
    assert family_settings(network).get("balance", StyleRecipe.balance) == default
    assert url_codecs.style_to_query(made)["balance"] == str(balance)


@pytest.mark.parametrize("balance", [0.05, 0.5])
def test_the_balance_of_the_nearest_loss_is_always_written(balance: float) -> None:
    # 0.05 is the default of other losses, and 0.5 that of this one.
    made = StyleRecipe(
        *("sketchnet", "0123456789abcdef"),
        content="c" * 32,
        styles=("5" * 32,),
        content_layers=("b",),
        style_layers=("a", "b"),
        loss="nearest",
        balance=balance,
    )
    query = url_codecs.style_to_query(made)
    assert (query["balance"], query["loss"]) == (f"{balance:g}", "nearest")


def test_switched_neurons_stand_in_the_query() -> None:
    switched = ("relu4b:3:0.5", "relu5b:17")
    dream = DreamRecipe("tiny", "ab" * 8, layers=("a",), image="c" * 32, switched=switched)
    page, query = url_codecs.link_to(dream)
    assert page == urls.DREAM and query["off"] == "relu4b:3:0.5,relu5b:17"
    assert url_codecs.read_fields("dream", query) == {"switched": switched}
    assert "off" not in url_codecs.link_to(replace(dream, switched=()))[1]
