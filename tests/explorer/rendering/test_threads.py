"""Every kind of picture is the same, bit for bit, with any number of threads and after pauses."""

import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from core.dreams import render_dreams
from core.networks import registry
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.recipe import Recipe
from core.style import film, grid, transfer
from explorer.rendering.render_recipe import RENDERERS
from tests.conftest import Pictures

# The number of threads changes before every step. PyTorch divides the work of an operation among
# threads only if a tensor has more than 32768 values, so images have a few more.
THREADS = (2, 3, 8, 4, 1, 5, 7, 6)
# The same where the gradients of convolutions themselves round in another way with more threads.
FEW_THREADS = (2, 1)
SIZE = 151


@pytest.fixture(scope="module")
def network() -> Network:
    return registry.load(registry.SKETCHNET, device="cpu")


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """Set the number of threads of the tests again after each test."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@functools.cache
def convolutions_agree() -> bool:
    """Whether oneDNN's gradients of convolutions are the same with each of ``THREADS``.

    On an AMD EPYC with AVX-VNNI they are not: one shape in ten rounds in another way with six
    threads (docs/findings.md).
    """
    generator = torch.Generator().manual_seed(0)
    for channels, filters in ((16, 16), (16, 32), (32, 32), (32, 48), (48, 96), (96, 96)):
        for height, width in ((9, 51), (23, 69), (36, 43), (68, 83)):
            kernel = torch.randn(filters, channels, 3, 3, generator=generator).bfloat16()
            image = torch.zeros(1, channels, height, width).bfloat16()
            image = image.to(memory_format=torch.channels_last).requires_grad_()
            value = torch.nn.functional.conv2d(image, kernel)
            towards = torch.randn(value.shape, generator=generator).to(value)
            gradients = []
            for count in (1, *THREADS):
                torch.set_num_threads(count)
                gradients += torch.autograd.grad(value, image, towards, retain_graph=True)
            if not all(torch.equal(gradients[0], it) for it in gradients[1:]):
                return False
    return True


def scene(shift: float) -> Tensor:
    """Return waves and edges, ``[3, 121, 151]``."""
    rows = torch.linspace(0, 9, 121)[:, None] + shift
    cols = torch.linspace(0, 13, SIZE)[None]
    planes = [torch.sin(rows * 2 + cols), torch.cos(rows * cols / 4), (rows + cols).frac() - 0.5]
    return (torch.stack(planes) * 0.35 + 0.5).clamp(0, 1)


def neurons(network: Network, images: list[str], layer: str = "relu3b", **other: Any) -> Recipe:
    units = other.pop("units", (0, 1, 2))
    return render_neurons.plan(network, layer, units, size=SIZE, steps=5, **other)


def dream(network: Network, images: list[str], **other: Any) -> Recipe:
    settings: dict[str, Any] = {"size": SIZE, "octaves": 2, "steps": 3, **other}
    return render_dreams.plan(network, ["relu4b"], images[0], **settings)


def style(
    network: Network,
    images: list[str],
    plan: Callable[..., Recipe] = transfer.plan,
    **other: Any,
) -> Recipe:
    pictures = {"content": images[0], "styles": images[1:2]}
    settings: dict[str, Any] = {"size": SIZE, "smallest": 100, "steps": 3, **pictures, **other}
    settings["styles"] = tuple(settings["styles"])
    return plan(network, **settings)


def style_depths(network: Network, images: list[str]) -> Recipe:
    layers = {"style_depths": ("relu2b",), "content_depths": ("relu4b",), "stages": ("relu3b",)}
    return grid.plan_grid(
        network, *images[:2], size=SIZE, smallest=100, steps=3, shows=("matrix", "single"), **layers
    )


KINDS: dict[str, Callable[[Network, list[str]], Recipe]] = {
    "neurons": neurons,
    "neurons maco": lambda *it: neurons(*it, canvas="maco"),
    "neurons pixels": lambda *it: neurons(*it, canvas="pixels", total_variation=0.1, blur=0.1),
    "neurons diverse": lambda *it: neurons(*it, units=(3,), count=3),
    "logits": lambda *it: neurons(*it, layer="logits"),
    "caricature": lambda *it: neurons(*it, units=(), objective="caricature", image=it[1][0]),
    "dream": dream,
    "dream guide": lambda *it: dream(*it, guide=it[1][1]),
    "dream mask": lambda *it: dream(*it, mask=it[1][1], keep_colours=True),
    "dream tiled": lambda *it: dream(*it, size=451, octaves=1, steps=2, tile=384),
    "zoom": lambda *it: dream(*it, frames=2, zoom=1.1, turn=3.0, steps=2),
    "film": lambda *it: dream(*it, frames=2, clip=tuple(it[1][1:2]), steps=2),
    "style": style,
    "style adam": lambda *it: style(*it, method="adam"),
    "style gram": lambda *it: style(*it, loss="gram", colours="matched"),
    "style mask": lambda *it: style(*it, masks=(it[1][1],), colours="light"),
    "style film": lambda *it: style(*it, film.plan, frames=2, clip=(it[1][1],), frame_steps=2),
    "style nearest": lambda *it: style(*it, loss="nearest"),
    "style tiled": lambda *it: style(*it, size=541, steps=1, smallest=541, tile=512),
    "style depths": style_depths,
    "texture": lambda *it: style(*it, content="", init="noise"),
    "reconstruction": lambda *it: style(*it, styles=(), init="noise"),
}

PAUSED_KINDS = (
    "neurons",
    "neurons maco",
    "dream",
    "dream tiled",
    "zoom",
    "style",
    "style adam",
    "style nearest",
)


def rendered(
    network: Network, recipe: Recipe, inputs: dict[str, bytes], threads: tuple[int, ...]
) -> list[Tensor]:
    """Render a recipe, with the next number of threads before each step."""
    found: list[Tensor] = []
    turns = itertools.cycle(threads)
    torch.set_num_threads(next(turns))
    for progress in RENDERERS[recipe.kind](network, recipe, inputs):
        found += [picture.image for picture in progress.pictures]
        torch.set_num_threads(next(turns))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_of_threads_changes_nothing(
    kind: str, network: Network, pictures: Pictures
) -> None:
    images = [pictures.keep(scene(shift)) for shift in (0.0, 0.2)]
    recipe = KINDS[kind](network, images)
    alone = rendered(network, recipe, pictures.inputs, (1,))
    counts = THREADS if convolutions_agree() else FEW_THREADS
    together = rendered(network, recipe, pictures.inputs, counts)
    assert alone and len(alone) == len(together)
    assert all(torch.equal(*pair) for pair in zip(alone, together, strict=True))


def test_others_rendered_between_two_steps_change_nothing(
    network: Network, pictures: Pictures
) -> None:
    images = [pictures.keep(scene(shift)) for shift in (0.0, 0.2)]
    recipes = [KINDS[kind](network, images) for kind in PAUSED_KINDS]
    torch.set_num_threads(1)
    found: dict[str, list[Tensor]] = {recipe.key: [] for recipe in recipes}
    running = {it.key: RENDERERS[it.kind](network, it, pictures.inputs) for it in recipes}
    while running:
        for key in list(running):
            progress = next(running[key], None)
            if progress is None:
                del running[key]
            else:
                found[key] += [picture.image for picture in progress.pictures]
    for recipe in recipes:
        alone = rendered(network, recipe, pictures.inputs, (1,))
        assert alone and len(alone) == len(found[recipe.key])
        assert all(torch.equal(*pair) for pair in zip(alone, found[recipe.key], strict=True))
