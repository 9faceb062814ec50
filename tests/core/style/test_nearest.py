"""The nearest-neighbour loss, compared with a float64 reference by loops, and its renders."""

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from core import devices
from core.errors import ExplorerError
from core.images import image_io
from core.images.tiles import Tiles
from core.networks import network as network_module
from core.networks.network import Network
from core.optim.activations import IMAGE
from core.optim.image_pass import ImagePass
from core.optim.transforms import SymmetricPad
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import StyleDepthsRecipe
from core.style import nearest, transfer
from core.style.cell_matching import StyleCells
from core.style.loss_builder import build_losses
from core.style.loss_sum import LossSum
from core.style.losses import LayerWindow
from tests.conftest import Pictures, as_network, tiny_module

Array = npt.NDArray[np.float64]
CHANNELS = 5


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in float32 on every processor; in half precision the order of sums matters."""
    for module in (devices, network_module):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)


def cells(size: tuple[int, int], step: int, count: int = 11) -> StyleCells:
    """Return random matches of a grid of cells to ``count`` cells of a painting."""
    generator = torch.Generator().manual_seed(step)
    values = torch.randn(count, step**2, CHANNELS, generator=generator, dtype=torch.float64)
    matches = torch.randint(0, count, size, generator=generator)
    return StyleCells({"a": values}, matches, {"a": (step, step)})


def reference(activations: Array, found: StyleCells, step: int, mask: Array) -> float:
    """Compute the loss of a layer with ``step`` by ``step`` positions in a cell, by loops."""
    values = found.values["a"].numpy()
    error = energy = weights = 0.0
    for row, col in itertools.product(*map(range, activations.shape[1:])):
        match = int(found.matches[row // step, col // step])
        target = values[match, row % step * step + col % step]
        error += mask[row, col] * float(((activations[:, row, col] - target) ** 2).mean())
        energy += float((target**2).mean())
        weights += mask[row, col]
    return error / weights / (energy / activations[0].size)


@pytest.mark.parametrize(
    ("size", "step"), [((7, 6), 1), ((13, 12), 2), ((28, 24), 4), ((25, 22), 4)]
)
def test_the_loss_and_its_gradient_are_those_of_the_reference(
    size: tuple[int, int], step: int
) -> None:
    found = cells((7, 6), step)
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(1, CHANNELS, *size, generator=generator, dtype=torch.float64)
    mask = torch.rand(size, generator=generator, dtype=torch.float64)
    term = nearest.style_loss("a", found, size, mask)
    leaf = image.clone().requires_grad_()
    loss = term.loss(term.sums(leaf, LayerWindow()))
    expected = reference(image[0].numpy(), found, step, mask.numpy())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-10)
    (gradient,) = torch.autograd.grad(loss.sum(), leaf)
    for channel, row, col in ((0, 0, 0), (3, size[0] - 1, 2), (4, 5, size[1] - 1)):
        moved = [image.clone() for _ in range(2)]
        moved[0][0, channel, row, col] += 1e-4
        moved[1][0, channel, row, col] -= 1e-4
        ends = [reference(it[0].numpy(), found, step, mask.numpy()) for it in moved]
        assert float(gradient[0, channel, row, col]) == pytest.approx(
            (ends[0] - ends[1]) / 2e-4, rel=1e-5
        )


def test_a_coarse_position_is_compared_with_the_mean_of_its_cells() -> None:
    found = cells((6, 8), 1)
    term = nearest.style_loss("a", found, (3, 4))
    values = found.values["a"][:, 0]
    target = values[found.matches].view(3, 2, 4, 2, CHANNELS).mean((1, 3)).permute(2, 0, 1)[None]
    assert float(term.loss(term.sums(target, LayerWindow()))) == pytest.approx(0, abs=1e-20)
    assert float(term.loss(term.sums(target + 1, LayerWindow()))) > 0


def test_the_gradient_of_tiles_is_that_of_the_whole_image() -> None:
    network = as_network(tiny_module()[:4])  # type: ignore[arg-type]
    image = torch.rand(1, 3, 143, 217, generator=torch.Generator().manual_seed(2))
    frame = SymmetricPad(7)
    sizes = {
        name: tuple(it.shape[2:])
        for name, it in network.activations(frame(image), ["1", "3"]).items()
    }
    generator = torch.Generator().manual_seed(3)
    values = {
        "1": torch.rand(9, 16, 5, generator=generator),
        "3": torch.rand(9, 4, 7, generator=generator),
    }
    matches = torch.randint(0, 9, (40, 58), generator=generator)
    found = StyleCells(values, matches, {"1": (4, 4), "3": (2, 2)})
    mask = torch.rand(sizes["3"], generator=generator)
    terms = [
        (1.0, nearest.style_loss("1", found, sizes["1"])),
        (0.7, nearest.style_loss("3", found, sizes["3"], mask)),
    ]
    loss_sum = LossSum.of(terms)
    extractor = network.extractor(["1", "3"], for_gradients=True)
    one, tiled = (image.clone().requires_grad_() for _ in range(2))
    value = loss_sum({**extractor(frame(one)), IMAGE: one})
    (-value.sum()).backward()  # type: ignore[no-untyped-call]
    passed = ImagePass(network, extractor, tiled, frame, generator, Tiles(128, 32), generator)
    ((in_tiles, _),) = loss_sum.backward(passed)
    torch.testing.assert_close(in_tiles, value.detach(), rtol=1e-4, atol=1e-6)
    assert one.grad is not None and tiled.grad is not None
    scale = float(one.grad.abs().max())
    torch.testing.assert_close(tiled.grad / scale, one.grad / scale, rtol=1e-3, atol=1e-4)


def scene() -> Tensor:
    """Return an image of waves and edges, ``[3, 60, 86]``."""
    rows, cols = torch.linspace(0, 9, 60)[:, None], torch.linspace(0, 13, 86)[None]
    planes = [torch.sin(rows * 2 + cols), torch.cos(rows * cols / 4), (rows + cols).frac() - 0.5]
    return (torch.stack(planes) * 0.35 + 0.5).clamp(0, 1)


def stripes() -> Tensor:
    """Return diagonal stripes of two colours, ``[3, 70, 64]``."""
    rows, cols = torch.arange(70.0)[:, None], torch.arange(64.0)[None]
    stripe = ((rows + 2 * cols) % 12 < 6).float()
    one, other = torch.tensor([0.9, 0.7, 0.2]), torch.tensor([0.1, 0.2, 0.6])
    return one.view(3, 1, 1) * stripe + other.view(3, 1, 1) * (1 - stripe)


def planned(network: Network, pictures: Pictures, **given: Any) -> StyleRecipe:
    settings: dict[str, Any] = {
        "content": pictures.keep(scene()),
        "styles": (pictures.keep(stripes()),),
        "size": 80,
        "smallest": 40,
        "steps": 12,
        "loss": "nearest",
        "content_layers": ("3",),
        "style_layers": ("1", "3"),
        **given,
    }
    return transfer.plan(network, **settings)


def rendered(network: Network, recipe: StyleRecipe, pictures: Pictures) -> Tensor:
    *_, last = transfer.render(network, recipe, pictures.inputs)
    return last.pictures[0].image


def test_a_render_takes_the_colours_of_the_painting(tiny: Network, pictures: Pictures) -> None:
    recipe = planned(tiny, pictures, balance=0.05)
    steps = list(transfer.render(tiny, recipe, pictures.inputs))
    assert len(steps) == 2 * recipe.steps + 1 and steps[-1].done == steps[-1].total
    found = steps[-1].pictures[0]
    photograph = image_io.to_tensor(image_io.resize_longer_side(image_io.to_picture(scene()), 80))
    # The painting is blue or yellow: its red and its blue never go together.
    together = [
        float(torch.corrcoef(it.reshape(3, -1))[0, 2]) for it in (found.image, photograph[0])
    ]
    assert together[0] < together[1] - 0.1
    told = json.loads(str(found.facts["losses"]))
    assert all(told[name]["end"] < 0.6 * told[name]["start"] for name in ("style 1", "style 3"))
    killed = transfer.render(tiny, recipe, pictures.inputs)
    for _ in range(13):
        next(killed)
    killed.close()  # type: ignore[attr-defined]
    assert torch.equal(found.image, rendered(tiny, recipe, pictures)), "begun again after a kill"


@pytest.mark.parametrize("method", ["adam", "lbfgs"])
def test_rounds_have_enough_steps(tiny: Network, pictures: Pictures, method: str) -> None:
    assert [nearest.rounds(it) for it in (1, 15, 16, 31, 32, 47, 48, 500)] == [1] * 4 + [2, 2, 3, 3]
    recipe = planned(tiny, pictures, steps=33, method=method)
    *steps, last = transfer.render(tiny, recipe, pictures.inputs)
    assert len(steps) == 2 * 33 and last.done == last.total


def test_masks_and_several_paintings_are_combined(tiny: Network, pictures: Pictures) -> None:
    left = torch.zeros(3, 60, 86)
    left[..., :43] = 1
    paintings = (pictures.keep(stripes()), pictures.keep(stripes().flip(0) * 0.5))
    mask = pictures.keep(left)
    everywhere = rendered(tiny, planned(tiny, pictures, styles=paintings), pictures)
    shared = planned(tiny, pictures, styles=paintings, style_shares=(1.0, 0.0))
    alone = planned(tiny, pictures)
    assert torch.equal(rendered(tiny, shared, pictures), rendered(tiny, alone, pictures))
    assert not torch.equal(everywhere, rendered(tiny, alone, pictures))
    masked = rendered(tiny, planned(tiny, pictures, masks=(mask,)), pictures)
    photograph = image_io.to_tensor(image_io.resize_longer_side(image_io.to_picture(scene()), 80))
    apart = (masked - photograph[0]).abs().mean(0)
    assert float(apart[:, 44:].max()) < 1e-4 < 0.03 < float(apart[:, :36].mean())


def test_large_pictures_come_out_about_the_same_in_tiles(pictures: Pictures) -> None:
    network = as_network(tiny_module()[:4])  # type: ignore[arg-type]
    settings = {"size": 600, "smallest": 600, "steps": 1, "style_scale": 0.3}
    whole, tiled = (
        rendered(network, planned(network, pictures, **settings, tile=tile), pictures)
        for tile in (1024, 512)
    )
    assert float((whole - tiled).abs().mean()) < 5e-3


def test_a_texture_has_nothing_to_match(tiny: Network, pictures: Pictures) -> None:
    with pytest.raises(ExplorerError, match="name one for content, or choose the loss wasserstein"):
        planned(tiny, pictures, content=None, init="noise")
    painting = pictures.keep(stripes())
    layers: dict[str, Any] = {"style_depths": ("1",), "content_depths": ("3",), "stages": ("1",)}
    grid = StyleDepthsRecipe(
        *("tiny", "0" * 16),
        content=painting,
        style=painting,
        content_layer="3",
        shows=("matrix", "texture"),
        loss="nearest",
        **layers,
    )
    assert [it.loss for it in grid.parts()] == ["nearest", "wasserstein"]
    assert planned(tiny, pictures, styles=()).subject == "reconstruction"


def test_content_weighs_more_by_default(tiny: Network, pictures: Pictures) -> None:
    assert planned(tiny, pictures).balance == 0.5
    assert planned(tiny, pictures, balance=0.05).balance == 0.05
    assert planned(tiny, pictures, loss="gram").balance == StyleRecipe.balance


def test_statistics_have_their_share(tiny: Network, pictures: Pictures) -> None:
    recipe = planned(tiny, pictures)
    opened = transfer.open_inputs(recipe, pictures.inputs, tiny.device)
    assert opened.content is not None
    weights, values = {}, {}
    for loss in ("nearest", "wasserstein"):
        built = build_losses(tiny, replace(recipe, loss=loss), opened, opened.size)
        weights[loss] = {term.name: weight for weight, term in built.terms}
        values[loss] = transfer.evaluate_losses(tiny, recipe, built, opened.content)
    own, whole = weights["nearest"], weights["wasserstein"]
    assert set(own) == {*whole, "style 1 statistics", "style 3 statistics"}
    assert own["content 3"] == whole["content 3"]
    for name in ("style 1", "style 3"):
        assert own[f"{name} statistics"] == pytest.approx(nearest.STATISTICS * whole[name])
        assert own[name] + own[f"{name} statistics"] == pytest.approx(whole[name])
        assert values["nearest"][f"{name} statistics"] == values["wasserstein"][name]
        assert values["nearest"][name] != values["wasserstein"][name]
