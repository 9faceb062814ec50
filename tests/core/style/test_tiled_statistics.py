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
from core.optim.transforms import ReflectPad
from core.style import losses, tiled_statistics, wasserstein_loss
from core.style.film import temporal_loss
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
    frame = ReflectPad(7)
    other = frame(picture.flip(3) * 0.7)
    seen = found.activations(other, ["1", "4"])
    size = (other.shape[2], other.shape[3])
    inner = tiled_statistics.inner_positions(found, ["1", "4"], size, padding) if padding else {}
    mask = losses.resize_mask(
        torch.linspace(0, 1, 217).expand(1, 1, 143, 217), tuple(seen["4"].shape[2:])
    )
    loss = {"gram": losses.gram, "wasserstein": wasserstein_loss.wasserstein}[kind]
    loss_sum = LossSum.of(
        [
            (1.0, loss("1", StyleTarget.of(moments(seen["1"])))),
            (0.7, loss("4", StyleTarget.of(moments(seen["4"])), mask)),
            (2.0, losses.content("4", seen["4"], inner.get("4"))),
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


def test_positions_of_the_padding_have_no_gradient() -> None:
    found = network()
    frame, image = ReflectPad(8), torch.rand(1, 3, 41, 50, generator=torch.Generator())
    padded = frame(image)
    size = (padded.shape[2], padded.shape[3])
    inner = tiled_statistics.inner_positions(found, ["1", "4"], size, 8)
    # The centre of row p of layer 1 is pixel 2 p + 2.5; the image is pixels 8 to 49 and 8 to 58.
    assert inner["1"] == (slice(3, 24), slice(3, 28))
    terms = [
        (1.0, losses.gram("1", StyleTarget.of(moments(torch.rand(1, 5, 9, 9))))),
        (0.3, losses.content("4", found.activations(padded.flip(3), ["4"])["4"])),
    ]
    activations = {
        name: it.clone().requires_grad_()
        for name, it in found.activations(padded, ["1", "4"]).items()
    }
    value = LossSum.of(terms, None, inner)(activations)
    plain = LossSum.of(terms)
    leaves = {name: it.detach().clone().requires_grad_() for name, it in activations.items()}
    expected = plain(leaves)
    assert torch.equal(value, expected)
    value.sum().backward()  # type: ignore[no-untyped-call]
    expected.sum().backward()  # type: ignore[no-untyped-call]
    for name, (rows, cols) in inner.items():
        ours, theirs = activations[name].grad, leaves[name].grad
        assert ours is not None and theirs is not None
        assert torch.equal(ours[..., rows, cols], theirs[..., rows, cols])
        assert float(ours.abs().sum()) == pytest.approx(
            float(ours[..., rows, cols].abs().sum()), rel=1e-5
        )
        assert float(theirs.abs().sum()) > 1.01 * float(ours.abs().sum())


def test_a_further_penalty_keeps_the_inner_positions() -> None:
    inner = {"1": (slice(1, 4), slice(1, 4))}
    term = losses.gram("1", StyleTarget.of(moments(torch.rand(1, 5, 9, 9))))
    further = temporal_loss(torch.rand(1, 3, 9, 9), torch.ones(1, 1, 9, 9))
    assert LossSum.of([(1.0, term)], None, inner).with_penalty(further).inner == inner


def test_no_positions_are_left_out_of_a_layer_with_too_few() -> None:
    found = network()
    assert tiled_statistics.inner_positions(found, ["1", "4"], (19, 60), 9) == {}


def test_a_layer_that_sees_everything_needs_everything(tiny: Network) -> None:
    with pytest.raises(ExplorerError, match="sees the whole picture"):
        tiled_statistics.tile_windows(tiny, ["4"], TILES, (143, 217))
    assert len(tiled_statistics.tile_windows(tiny, ["4"], TILES, (90, 90))) == 1
