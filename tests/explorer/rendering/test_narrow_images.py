"""Images of every shape, also of one pixel, with layers that need more than they have."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from core.dreams import render_dreams
from core.images import image_io
from core.networks.network import Network
from core.neurons import render_neurons
from core.recipes.recipe import Recipe
from core.style import transfer
from explorer.rendering.render_recipe import RENDERERS
from tests.conftest import as_network

SHAPES = st.tuples(st.integers(1, 90), st.integers(1, 90))


def demanding() -> Network:
    """Build a network whose last layer needs images of at least 27 x 27 pixels."""
    torch.manual_seed(0)
    parts = (nn.Conv2d(3, 4, 7, stride=2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(4, 5, 5))
    return as_network(nn.Sequential(*parts, nn.ReLU()), (40, 48))


NETWORK = demanding()
LAYERS = ("1", "4")


def keep(image: Tensor) -> tuple[str, dict[str, bytes]]:
    picture = image_io.to_picture(image)
    fingerprint = image_io.fingerprint(picture)
    return fingerprint, {fingerprint: image_io.encode_png(picture)}


def dream(image: str) -> Recipe:
    return render_dreams.plan(NETWORK, ["4"], image, size=90, octaves=3, steps=1)


def zoom(image: str) -> Recipe:
    return render_dreams.plan(NETWORK, ["4"], image, size=60, steps=1, frames=2, zoom=1.1)


def neuron(image: str) -> Recipe:
    penalties: dict[str, Any] = {"total_variation": 0.1, "blur": 0.1, "l2": 0.1}
    return render_neurons.plan(NETWORK, "4", [1], size=60, steps=2, image=image, **penalties)


def caricature(image: str) -> Recipe:
    return render_neurons.plan(NETWORK, "4", size=60, steps=2, image=image, objective="caricature")


def style(image: str) -> Recipe:
    pictures: dict[str, Any] = {"content": image, "styles": (image,), "masks": (image,)}
    return transfer.plan(
        NETWORK, **pictures, style_layers=LAYERS, content_layers=LAYERS, size=90, steps=1
    )


KINDS = {it.__name__: it for it in (dream, zoom, neuron, caricature, style)}


def last_image(recipe: Recipe, inputs: Mapping[str, bytes]) -> Tensor:
    *_, last = RENDERERS[recipe.kind](NETWORK, recipe, inputs)
    return last.pictures[0].image


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=6, deadline=None)
@given(SHAPES)
@example((1, 1))
@example((1, 64))
@example((64, 1))
@example((4, 80))
@example((5000, 1))
def test_every_shape_of_image_is_rendered(kind: str, size: tuple[int, int]) -> None:
    fingerprint, inputs = keep(torch.rand(3, *size, generator=torch.Generator().manual_seed(0)))
    recipe = KINDS[kind](fingerprint)
    image = last_image(recipe, inputs)
    longer = recipe.size  # type: ignore[attr-defined]
    assert max(image.shape[1:]) == longer
    assert min(image.shape[1:]) == max(1, round(min(size) * longer / max(size)))
    assert bool(image.isfinite().all())


def test_octaves_that_are_too_small_for_a_layer_are_left_out() -> None:
    recipe = render_dreams.plan(NETWORK, ["4"], "ab" * 16, octaves=4, octave_scale=2.0)
    base, least = torch.zeros(1, 3, 400, 600), NETWORK.least_size(["4"])
    assert least == (27, 27)
    assert render_dreams.octave_sizes(base, recipe, least) == [
        (50, 75),
        (100, 150),
        (200, 300),
        (400, 600),
    ]
    assert render_dreams.octave_sizes(base, recipe, (51, 51))[0] == (100, 150)
    assert render_dreams.octave_sizes(base, recipe, (500, 1)) == [(400, 600)]
