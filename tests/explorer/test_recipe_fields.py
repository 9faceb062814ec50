"""The table of recipe fields agrees with the recipes, and with what pages offer."""

import pytest

from core.recipes.kinds import KINDS
from explorer import recipe_fields
from explorer.recipe_fields import FIELDS
from explorer.recipe_fields.field import RecipeField

ROWS = [(kind, field) for kind, fields in FIELDS.items() for field in fields.values()]


def test_every_kind_of_recipe_is_in_the_table() -> None:
    assert set(KINDS) <= set(FIELDS)


@pytest.mark.parametrize(("kind", "field"), ROWS, ids=[f"{kind} {it.name}" for kind, it in ROWS])
def test_defaults_and_choices_are_valid(kind: str, field: RecipeField) -> None:
    if field.bounds:
        low, high = field.bounds
        offered = (*field.choices, *(field.slider or ())[:2])
        assert all(low <= it <= high for it in (field.default, *offered))
        assert {type(it) for it in offered} <= {type(field.default)}
    assert field.default in field.known or not field.known
    assert set(field.words or ()) <= set(field.known)
    assert not isinstance(field.default, bool) or bool(field.flag) == bool(field.query)
    # What a page offers has a place in its URL, so that it can be linked to.
    assert bool(field.query) >= bool(field.title)


def test_page_defaults_are_of_fields_in_the_table() -> None:
    for kind, defaults in recipe_fields.PAGE_DEFAULTS.items():
        assert set(defaults) <= set(FIELDS[kind])
    assert recipe_fields.page_default("style", "size") == 384
    assert recipe_fields.page_default("style", "balance") is None
    assert recipe_fields.page_default("style", "variation") == FIELDS["style"]["variation"].default


def test_only_numbers_words_and_flags_are_settings() -> None:
    values = {"size": 64, "units": "0-3", "image": "cat", "keep_colours": True, "out": "a.png"}
    assert recipe_fields.recipe_settings("dream", values) == {"size": 64, "keep_colours": True}
