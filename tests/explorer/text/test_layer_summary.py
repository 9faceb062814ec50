"""What pages say of a layer: both receptive fields, where they differ."""

import pytest

from core.networks.layers import Layer
from explorer.text import layer_summary

WHOLE, LARGE, SMALL = None, (90, 91), (7, 7)


@pytest.mark.parametrize(
    ("exact", "local", "words"),
    [
        (SMALL, SMALL, "sees 7 \N{MULTIPLICATION SIGN} 7 px"),
        (WHOLE, SMALL, "sees 7 \N{MULTIPLICATION SIGN} 7 px, and the whole picture in summary"),
        (
            *(LARGE, SMALL),
            "sees 7 \N{MULTIPLICATION SIGN} 7 px, and 90 \N{MULTIPLICATION SIGN} 91 px in summary",
        ),
        (WHOLE, WHOLE, "sees the whole picture"),
        # The local field is not smaller than the picture.
        (WHOLE, (64, 65), "sees the whole picture"),
    ],
)
def test_both_fields_are_named(
    exact: tuple[int, int] | None, local: tuple[int, int] | None, words: str
) -> None:
    layer = Layer("it", "it", 5, (2, 2), exact, local, (9, 9), 0.5, True, 0, input_size=(64, 65))
    assert layer_summary.describe_field(layer) == words
    expected = f"5 neurons; each {words}, at places 2 px apart"
    assert layer_summary.describe_layer(layer) == expected
