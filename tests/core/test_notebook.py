"""What notebooks add: progress and pictures in a row, and results that show themselves."""

import dataclasses
import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image

from core import networks, neurons, notebook
from core.analysis import probe_image
from core.images import image_io
from core.networks.network import Network
from core.neurons.render_neurons import NeuronPicture
from core.notebook import Row, watch
from core.progress import Progress
from tests.core.images.test_html_pictures import opened, tags


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Pretend to run in a notebook; return what its cell has shown, in order."""
    shown: list[str] = []
    pytest.importorskip("IPython")

    def display(html: Any, display_id: bool) -> SimpleNamespace:
        shown.append(html.data)
        return SimpleNamespace(update=lambda it: shown.append(it.data))

    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=object()))
    monkeypatch.setattr("IPython.display.display", display)
    return shown


def test_watching_returns_every_picture(tiny: Network, capfd: pytest.CaptureFixture[str]) -> None:
    recipe = neurons.plan(tiny, "3", [2, 0, 5], size=300, steps=2)
    assert len(recipe.parts()) > 1
    pictures = watch(neurons.render(tiny, recipe))
    assert [it.part for it in pictures] == [2, 0, 5] and repr(pictures) == "3 pictures"
    expected = [it for step in neurons.render(tiny, recipe) for it in step.pictures]
    assert all(torch.equal(a.image, b.image) for a, b in zip(pictures, expected, strict=True))
    assert [it.width for it in opened(pictures._repr_html_())] == [300] * 3
    assert "neuron 5" in pictures._repr_html_() and 'title="activation' in pictures._repr_html_()
    assert "%|" in capfd.readouterr().err


def test_a_notebook_sees_the_pictures_grow(
    tiny: Network, kernel: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "PAUSE", 0.0)
    monkeypatch.setattr(notebook, "PAUSE_FACTOR", 0)
    pictures = watch(neurons.render(tiny, neurons.plan(tiny, "3", [1, 4], size=24, steps=3)))
    first, *grown, last = kernel
    # Nothing stays: the result of the cell has the same pictures.
    assert first == last == "" and len(grown) >= 3
    assert all(len(opened(it)) == 2 for it in grown) and grown[0] != grown[1]
    assert len(opened(pictures._repr_html_())) == 2


@pytest.mark.parametrize(("factor", "updates"), [(0, 4), (20, 2)])
def test_pictures_are_not_drawn_faster_than_they_can_be_seen(
    kernel: list[str],
    monkeypatch: pytest.MonkeyPatch,
    factor: int,
    updates: int,
) -> None:
    # Each look at the clock takes a sixteenth of a second: a step, and an update of the pictures.
    clock = itertools.count(1.0, 0.0625)
    monkeypatch.setattr(notebook, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(notebook, "PAUSE_FACTOR", factor)
    steps = (Progress(done, 30, {0: torch.rand(3, 9, 9)}) for done in range(1, 31))
    watch(steps)
    # The first and the last are empty.
    assert len(kernel) - 2 == updates


def test_without_tqdm_there_is_no_bar(
    tiny: Network, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(notebook, "find_spec", lambda _: None)
    assert len(watch(neurons.render(tiny, neurons.plan(tiny, "3", [1], size=24)))) == 1
    assert capfd.readouterr().err == ""


def test_leaving_stops_the_work() -> None:
    ended = []

    def steps() -> Iterator[Progress]:
        try:
            yield Progress(1, 2, {})
            raise KeyboardInterrupt
        finally:
            ended.append(True)

    with pytest.raises(KeyboardInterrupt):
        watch(steps())
    assert ended


def test_progress_shows_what_is_there() -> None:
    done = NeuronPicture(0, torch.rand(3, 9, 9), 1.0, True, 0.1, 7)
    step = Progress(1, 2, {1: torch.rand(3, 9, 9)}, (done,))
    assert len(opened(step._repr_html_())) == 2
    assert "silent" in done._repr_html_() and "neuron 7" in done._repr_html_()
    assert "silent" not in NeuronPicture(0, torch.rand(3, 9, 9), 1.0, False, 0.1)._repr_html_()


def test_a_row_takes_pictures_of_every_kind() -> None:
    done = NeuronPicture(0, torch.rand(3, 12, 12), 1.0, False, 0.1, 7)
    row = Row(
        {
            "a photograph": Image.new("RGB", (10, 10)),
            "an image": torch.rand(3, 11, 11),
            "a batch of one": torch.rand(1, 1, 11, 11),
            "<b>": done,
        }
    )
    html = row._repr_html_()
    assert [it.width for it in opened(html)] == [10, 11, 11, 12]
    assert "b" not in tags(html) and "&lt;b&gt;" in html and "neuron 7" not in html


def test_a_probe_shows_its_image_and_its_classes() -> None:
    network = networks.load("sketchnet", device="cpu")
    picture = image_io.to_picture(torch.rand(3, 64, 64))
    result = probe_image(network, picture)
    html = result._repr_html_()
    assert len(opened(html)) == 1 and tags(html).count("tr") == len(result.classes) == 5
    for name, share in result.classes:
        assert f">{name}<" in html and f"{share:.0%}" in html
    assert "knows drawings only" in html


def test_a_network_without_classes_shows_the_image_only(tiny: Network) -> None:
    nameless = dataclasses.replace(tiny, labels=())
    result = probe_image(nameless, Image.new("RGB", (24, 20)))
    assert len(opened(result._repr_html_())) == 1 and tags(result._repr_html_()).count("table") == 0
