"""A command loads its network once, to plan and to render."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.networks import registry
from core.networks.network import Network
from explorer.rendering import render_recipe
from tests.explorer.commands import run


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the networks that are loaded from now on."""
    names: list[str] = []
    load: Callable[..., Network] = registry.load

    def counting(name: str, *options: Any, **settings: Any) -> Network:
        names.append(name)
        return load(name, *options, **settings)

    monkeypatch.setattr(registry, "load", counting)
    render_recipe.forget_networks()
    return names


@pytest.mark.parametrize(
    "words",
    [
        ("neurons", "sketchnet", "relu1a", "--units", "0-1", "--size", "16", "--steps", "2"),
        ("dream", "sketchnet", "relu2a", "{cat}", "--size", "64", "--octaves", "1", "--steps", "1"),
        ("style", "sketchnet", "{cat}", "dots", "--size", "32", "--steps", "1"),
        ("texture", "sketchnet", "dots", "relu1a", "--size", "32", "--steps", "1"),
        ("reconstruct", "sketchnet", "{cat}", "relu1a", "--size", "32", "--steps", "1"),
    ],
    ids=lambda words: words[0],
)
def test_a_command_loads_its_network_once(
    loads: list[str], words: tuple[str, ...], cat: Path, tmp_path: Path
) -> None:
    done = run(*(it.format(cat=cat) for it in words), "--out", tmp_path / "out.png")
    assert done.returncode == 0, done.stderr
    assert loads == ["sketchnet"]


def test_only_the_latest_networks_stay_loaded(loads: list[str], cat: Path, tmp_path: Path) -> None:
    words = ("dream", "sketchnet", "relu2a", cat, "--size", "64", "--octaves", "1", "--steps", "1")
    assert run(*words, "--out", tmp_path / "out.png").returncode == 0
    assert run("replay", tmp_path / "out.png").returncode == 0
    assert loads == ["sketchnet"]
    for number in range(render_recipe.NETWORKS_AT_MOST):
        render_recipe.remember_network(registry.load("sketchnet", device="cpu"), f"other {number}")
    assert run("replay", tmp_path / "out.png").returncode == 0
    assert loads == ["sketchnet"] * (2 + render_recipe.NETWORKS_AT_MOST)
    render_recipe.forget_networks()
