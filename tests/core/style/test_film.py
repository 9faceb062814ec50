"""Style transfer over a film, on a tiny network."""

import dataclasses
import itertools
import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core import devices
from core.errors import ExplorerError
from core.images import image_io
from core.networks import network as network_module
from core.networks.network import Network
from core.optim.activations import IMAGE
from core.recipes.style_film import StyleFilmRecipe
from core.style import film, transfer
from tests.conftest import Pictures


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in float32 on every processor; in half precision the order of sums matters."""
    for module in (devices, network_module):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)


def smooth(height: int, width: int, seed: int) -> Tensor:
    """Return smooth random colours, ``[3, height, width]``."""
    coarse = torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(seed))
    enlarged = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return enlarged[0].clamp(0, 1)


def panned(count: int, step: int = 3) -> list[Tensor]:
    """Return a film in which the camera moves to the right, ``[3, 50, 70]`` each."""
    whole = smooth(50, 70 + step * count, 0)
    return [whole[..., step * at : step * at + 70] for at in range(count)]


@pytest.fixture
def painting() -> Tensor:
    """Return diagonal stripes of two colours, ``[3, 60, 64]``."""
    rows, cols = torch.arange(60.0)[:, None], torch.arange(64.0)[None]
    stripe = ((rows + 2 * cols) % 12 < 6).float()
    one, other = torch.tensor([0.9, 0.7, 0.2]), torch.tensor([0.1, 0.2, 0.6])
    return one.view(3, 1, 1) * stripe + other.view(3, 1, 1) * (1 - stripe)


def planned(
    network: Network, pictures: Pictures, frames: list[Tensor], painting: Tensor, **given: Any
) -> StyleFilmRecipe:
    first, *rest = (pictures.keep(it) for it in frames)
    settings: dict[str, Any] = {
        "size": 70,
        "smallest": 35,
        "steps": 8,
        "frame_steps": 4,
        "content_layers": ("3",),
        "style_layers": ("1", "3"),
        "styles": (pictures.keep(painting),),
        "frames": len(frames),
    }
    return film.plan(network, content=first, clip=tuple(rest), **{**settings, **given})


def painted(network: Network, recipe: StyleFilmRecipe, inputs: dict[str, bytes]) -> list[Tensor]:
    """Render a film, and return its frames; each is shown while it is painted."""
    found, parts, shown = [], [], set[int]()
    for progress in film.render(network, recipe, inputs):
        assert 0 <= progress.done <= progress.total
        shown |= set(progress.previews)
        found += [it.image for it in progress.pictures]
        parts += [it.part for it in progress.pictures]
        for it in progress.pictures:
            assert set(json.loads(str(it.facts["losses"]))) == {"content 3", "style 1", "style 3"}
    assert progress.done == progress.total and tuple(parts) == recipe.pictures
    assert shown == set(parts)
    return found


def test_the_temporal_loss_and_its_gradient_are_those_of_the_paper() -> None:
    generator = torch.Generator().manual_seed(0)
    image, target = torch.rand(2, 1, 3, 7, 11, generator=generator, dtype=torch.float64)
    visible = torch.rand(1, 1, 7, 11, generator=generator, dtype=torch.float64)
    loss = film.temporal_loss(target, visible)
    x, w, c = (it[0].numpy() for it in (image, target, visible))
    expected, gradient = 0.0, np.zeros_like(x)
    for channel, row, col in np.ndindex(x.shape):
        apart = x[channel, row, col] - w[channel, row, col]
        expected += c[0, row, col] * apart**2 / x.size
        gradient[channel, row, col] = 2 * c[0, row, col] * apart / x.size
    image.requires_grad_()
    value = loss({IMAGE: image})
    value.sum().backward()
    assert value.shape == (1,) and float(value.detach()) == pytest.approx(expected, rel=1e-12)
    assert image.grad is not None
    assert np.allclose(image.grad[0].numpy(), gradient, rtol=1e-12, atol=0)
    assert torch.autograd.gradcheck(lambda it: loss({IMAGE: it}), (image,))
    # What is not visible before is free.
    assert float(film.temporal_loss(target, visible * 0)({IMAGE: image.detach()})) == 0


def test_a_film_is_the_same_in_one_piece_or_frame_by_frame(
    tiny: Network, pictures: Pictures, painting: Tensor
) -> None:
    recipe = planned(tiny, pictures, panned(3), painting)
    together = painted(tiny, recipe, pictures.inputs)
    assert not any(torch.equal(*pair) for pair in itertools.pairwise(together))
    alone: list[Tensor] = []
    for part in recipe.parts():
        given = {it: pictures.inputs[it] for it in part.inputs_with_previous}
        if part.previous is not None:
            given[part.previous.key] = image_io.encode_png(image_io.to_picture(alone[-1]))
        alone += painted(tiny, part, given)
    assert all(torch.equal(*pair) for pair in zip(together, alone, strict=True))
    # Without the frame before among the inputs, it is painted as well.
    (last,) = (
        it.image
        for step in film.render(tiny, recipe.parts()[2], pictures.inputs)
        for it in step.pictures
    )
    assert torch.equal(last, together[2])


@pytest.mark.parametrize("switched", [(), ("1:2", "3:0:2")])
def test_the_first_frame_is_a_style_transfer(
    tiny: Network, pictures: Pictures, painting: Tensor, switched: tuple[str, ...]
) -> None:
    recipe = planned(tiny, pictures, panned(2), painting, switched=switched)
    single = transfer.plan(
        tiny,
        **{
            name: getattr(recipe, name)
            for name in (
                "content",
                "styles",
                "content_layers",
                "style_layers",
                "size",
                "smallest",
                "steps",
                "switched",
            )
        },
    )
    *_, last = transfer.render(tiny, single, pictures.inputs)
    first = painted(tiny, recipe.parts()[0], pictures.inputs)[0]
    rounded = image_io.from_bytes(image_io.to_bytes(last.pictures[0].image[None]))[0]
    assert torch.equal(first, rounded)


def test_what_was_painted_moves_along(tiny: Network, pictures: Pictures, painting: Tensor) -> None:
    """The camera moves by 3 pixels, so strokes do; single style transfers differ more."""
    recipe = planned(tiny, pictures, panned(3), painting, keep=30.0)
    kept = painted(tiny, recipe, pictures.inputs)
    free = painted(tiny, dataclasses.replace(recipe, keep=0.0), pictures.inputs)

    def flicker(frames: list[Tensor]) -> float:
        pairs = itertools.pairwise(frames)
        inner = slice(6, -8)
        return float(
            torch.stack(
                [
                    (now[..., inner] - old[..., 3:][..., inner.start : 70 - 8]).square().mean()
                    for old, now in pairs
                ]
            ).mean()
        )

    assert flicker(kept) < 0.5 * flicker(free)


def test_a_still_film_stays_still(tiny: Network, pictures: Pictures, painting: Tensor) -> None:
    recipe = planned(tiny, pictures, [smooth(50, 70, 1)] * 3, painting, keep=30.0)
    first, second, third = painted(tiny, recipe, pictures.inputs)
    assert float((second - first).square().mean().sqrt()) < 0.03
    assert float((third - second).square().mean().sqrt()) < 0.03


def test_what_an_object_uncovers_is_painted_anew(
    tiny: Network, pictures: Pictures, painting: Tensor
) -> None:
    """Where the object was, the next frame shows the background and no ghost of the object."""
    back = smooth(60, 80, 2)
    frames = [back.clone(), back.clone()]
    for frame, left in zip(frames, (20, 36), strict=True):
        frame[:, 20:40, left : left + 20] = torch.tensor([0.95, 0.02, 0.02]).view(3, 1, 1)
    settings = {"balance": 1.0, "keep": 30.0, "size": 80, "smallest": 40}
    with_object = painted(
        tiny, planned(tiny, pictures, frames, painting, **settings), pictures.inputs
    )
    without = painted(
        tiny, planned(tiny, pictures, [back, back], painting, **settings), pictures.inputs
    )
    place = (slice(None), slice(24, 36), slice(22, 34))
    ghost = (with_object[0][place] - without[0][place]).square().mean().sqrt()
    left = (with_object[1][place] - without[1][place]).square().mean().sqrt()
    assert float(left) < 0.5 * float(ghost)


@pytest.mark.parametrize("colours", ["light", "matched"])
def test_own_colours_stay(
    tiny: Network, pictures: Pictures, painting: Tensor, colours: str
) -> None:
    recipe = planned(tiny, pictures, panned(3), painting, colours=colours)
    for frame, original in zip(painted(tiny, recipe, pictures.inputs), panned(3), strict=True):
        means = (it.mean((1, 2)) for it in (frame, original))
        assert torch.allclose(*means, atol=0.12)


def test_refusals(tiny: Network, pictures: Pictures, painting: Tensor) -> None:
    recipe = planned(tiny, pictures, panned(2), painting)
    with pytest.raises(ExplorerError, match="is not here"):
        painted(tiny, recipe, {it: pictures.inputs[it] for it in recipe.inputs[1:]})
    uneven = planned(tiny, pictures, [smooth(50, 70, 0), smooth(70, 50, 0)], painting)
    with pytest.raises(ExplorerError, match="of different shapes"):
        painted(tiny, uneven, pictures.inputs)


def test_what_comes_into_view_starts_in_painted_colours() -> None:
    content = smooth(64, 96, 5)[None]
    halves = torch.tensor([[0.8, 0.2, 0.1], [0.1, 0.3, 0.9]])[:, :, None, None]
    painted = torch.cat([it.expand(1, 3, 64, 48) for it in halves], 3)
    dots = (torch.arange(96) % 2).float() * 0.2 - 0.1  # much finer than areas
    painted = (painted + dots).clamp(0, 1)
    anywhere = film.start_uncovered(content, painted, torch.zeros(1, 1, 64, 96))
    assert torch.allclose(anywhere.mean((2, 3)), painted.mean((2, 3)), atol=0.03)
    here = film.start_uncovered(content, painted, torch.ones(1, 1, 64, 96))
    for cols in (slice(4, 40), slice(56, 92)):
        means = [it[..., cols].mean((2, 3)) for it in (here, painted)]
        assert torch.allclose(*means, atol=0.05)
    # The strokes themselves are not taken.
    assert float(here[..., 4:40].diff(dim=3).abs().mean()) < 0.05
    assert float(painted[..., 4:40].diff(dim=3).abs().mean()) > 0.15
