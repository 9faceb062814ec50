"""Losses and gradients computed in tiles, compared with those of the whole image."""

import pytest
import torch
from torch import Tensor, nn

from core import devices
from core.errors import ExplorerError
from core.images.tiles import Tiles
from core.networks import network as network_module
from core.networks.network import Network
from core.optim import regularisers
from core.optim.activations import IMAGE
from core.optim.image_pass import ImagePass
from core.optim.transforms import SymmetricPad
from core.style import border, losses, tiled_statistics, wasserstein_loss
from core.style.loss_sum import LossSum
from core.style.losses import StyleTarget
from core.style.moments import moments
from tests.conftest import as_network

TILES = Tiles(96, 32)


def network() -> Network:
    """Return a network with stride 2 without padding, and with pooling in ceil mode."""
    torch.manual_seed(1)
    return as_network(
        nn.Sequential(
            nn.Conv2d(3, 5, 5, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            nn.Conv2d(5, 4, 3, padding=1),
            nn.ReLU(),
        )
    )


@pytest.fixture(autouse=True)
def _exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compute in float32 on every processor; in half precision the order of sums matters."""
    for module in (devices, network_module):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)


@pytest.fixture
def picture() -> Tensor:
    """Return an image larger than a tile, whose sides are not multiples of the grid."""
    rows = torch.linspace(0, 21, 143)[:, None]
    cols = torch.linspace(0, 17, 217)[None]
    planes = [torch.sin(rows + cols), torch.cos(rows * cols / 5), torch.sin(rows) * torch.cos(cols)]
    generator = torch.Generator().manual_seed(2)
    return (
        torch.stack(planes)[None] * 0.3
        + 0.5
        + 0.05 * torch.randn(1, 3, 143, 217, generator=generator)
    )


def test_every_place_is_one_tiles_own(picture: Tensor) -> None:
    found = network()
    names = ["1", "2", "4"]
    in_tiles = tiled_statistics.activations(found, picture, names, TILES)
    at_once = found.activations(picture, names)
    for name in names:
        torch.testing.assert_close(in_tiles[name], at_once[name], rtol=1e-4, atol=1e-4)


def test_places_are_counted_without_the_picture() -> None:
    found = network()
    counted = tiled_statistics.layer_sizes(found, ["1", "2", "4"], (143, 217))
    seen = found.activations(torch.zeros(1, 3, 143, 217), ["1", "2", "4"])
    assert counted == {name: (it.shape[2], it.shape[3]) for name, it in seen.items()}


def test_moments_add_up(picture: Tensor) -> None:
    found = network()
    in_tiles = tiled_statistics.moments(found, picture, ["1", "4"], TILES)
    for name, seen in found.activations(picture, ["1", "4"]).items():
        for one, other in zip(in_tiles[name], moments(seen), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("kind", "padding"), [("gram", 0), ("wasserstein", 0), ("gram", 7), ("wasserstein", 7)]
)
def test_the_gradient_is_that_of_the_whole_picture(
    picture: Tensor, kind: str, padding: int
) -> None:
    found = network()
    frame = SymmetricPad(7)
    other = frame(picture.flip(3) * 0.7)
    seen = found.activations(other, ["1", "4"])
    size = (other.shape[2], other.shape[3])
    inner = border.inner_shares(found, ["1", "4"], size, padding) if padding else {}
    mask = losses.resize_mask(
        torch.linspace(0, 1, 217).expand(1, 1, 143, 217), tuple(seen["4"].shape[2:])
    )
    loss = {"gram": losses.gram, "wasserstein": wasserstein_loss.wasserstein}[kind]
    loss_sum = LossSum.of(
        [
            (1.0, loss("1", StyleTarget.of(moments(seen["1"])))),
            (0.7, loss("4", StyleTarget.of(moments(seen["4"])), mask)),
            (2.0, losses.content("4", seen["4"], border.inner_box(inner["4"]) if inner else None)),
        ],
        0.5 * regularisers.squared_variation(),
        inner,
    )
    extractor = found.extractor(["1", "4"], for_gradients=True)
    one, tiled = (picture.clone().requires_grad_() for _ in range(2))
    value = loss_sum({**extractor(frame(one)), IMAGE: one})
    (-value.sum()).backward()  # type: ignore[no-untyped-call]
    generator = torch.Generator()
    image_pass = ImagePass(found, extractor, tiled, frame, generator, TILES, generator)
    ((in_tiles, fraction),) = loss_sum.backward(image_pass)
    assert fraction == 1
    torch.testing.assert_close(in_tiles, value.detach(), rtol=1e-4, atol=1e-6)
    assert one.grad is not None and tiled.grad is not None
    scale = float(one.grad.abs().max())
    torch.testing.assert_close(tiled.grad / scale, one.grad / scale, rtol=1e-3, atol=1e-4)


def test_a_layer_that_sees_everything_needs_everything(tiny: Network) -> None:
    with pytest.raises(ExplorerError, match="sees the whole picture"):
        tiled_statistics.tile_windows(tiny, ["4"], TILES, (143, 217))
    assert len(tiled_statistics.tile_windows(tiny, ["4"], TILES, (90, 90))) == 1
