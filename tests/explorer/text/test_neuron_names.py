"""Names of neurons: the number first, and a label only if there is one."""

import pytest

from explorer.text import neuron_names


@pytest.mark.parametrize(
    ("label", "short", "long", "title"),
    [
        ("", "neuron 12", "neuron 12", "Neuron 12"),
        ("eye", "12 (eye)", "neuron 12 (eye)", "Neuron 12 (eye)"),
        ("SketchNet", "12 (SketchNet)", "neuron 12 (SketchNet)", "Neuron 12 (SketchNet)"),
    ],
)
def test_the_number_stands_before_the_label(label: str, short: str, long: str, title: str) -> None:
    assert neuron_names.short_name(12, label) == short
    assert neuron_names.long_name(12, label) == long
    assert neuron_names.long_name(12, label, "relu3B") == f"{long} of relu3B"
    assert neuron_names.title(12, label) == title
