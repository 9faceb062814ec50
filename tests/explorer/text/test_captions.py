"""Captions of gallery entries."""

from datetime import timedelta, timezone

import pytest

from explorer.text import captions


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "just now"), (300, "5 min ago"), (7300, "2 h ago"), (200_000, "2 d ago")],
)
def test_how_long_ago(seconds: float, words: str) -> None:
    assert captions.time_ago(seconds) == words


def test_what_became_of_an_entry_in_the_readers_time_zone() -> None:
    zone = timezone(timedelta(hours=2))
    assert captions.state_caption("done", 0, zone) == "made 01 Jan 1970, 02:00"
    assert captions.state_caption("cancelled", 0, zone) == "stopped 01 Jan 1970, 02:00"


def test_settings_come_in_a_fixed_order_with_their_captions() -> None:
    settings = {"blur": 0.5, "gone": "x" * 99, "seed": 1, "size": 64, "units": [0, 1, 2, 9]}
    assert list(captions.setting_rows("neurons", settings).items()) == [
        ("Neurons", "0-2, 9"),
        ("Size", "64 px"),
        ("Seed", "1"),
        ("Blur", "0.5"),
        ("Gone", "x" * 59 + "…"),
    ]
