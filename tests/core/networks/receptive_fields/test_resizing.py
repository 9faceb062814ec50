"""Receptive fields of upsampling against gradients: which lines of an image reach which outputs."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks import layers
from core.networks.layers import Layer
from core.networks.tracing import trace
from tests.core.networks.receptive_fields.test_propagation import make_transparent

# (first, end) of the lines of an image that reach a line of a layer; None for no line.
Lines = tuple[int, int] | None

Upsampling = pytest.mark.parametrize(
    "upsampling",
    [
        nn.ConvTranspose2d(4, 5, 2, 2),
        nn.ConvTranspose2d(4, 4, (4, 3), (2, 4), padding=(1, 0)),
        nn.ConvTranspose2d(4, 4, 3, (4, 2), padding=1, output_padding=1, groups=2),
        nn.ConvTranspose2d(4, 6, (3, 2), 1, dilation=(2, 3)),
        nn.Upsample(scale_factor=2),
        nn.Upsample(scale_factor=(4, 2), mode="nearest-exact"),
        nn.Upsample((13, 17)),
        nn.Upsample(scale_factor=2, mode="bilinear"),
        nn.Upsample(scale_factor=4, mode="bicubic"),
        nn.Upsample((13, 18), mode="bilinear", align_corners=True),
        nn.UpsamplingBilinear2d(scale_factor=2),
        nn.PixelShuffle(2),
    ],
    ids=str,
)


def after_stride(upsampling: nn.Module) -> nn.Module:
    """Build a network that has a stride of 4 before the upsampling."""
    first = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 2, 2))
    return make_transparent(nn.Sequential(*first, upsampling))


def measured_lines(module: nn.Module, layer: Layer) -> list[list[Lines]]:
    """Return which rows reach each row of a layer, and which columns each column."""
    image = torch.ones(1, 3, *layer.input_size, dtype=torch.float64, requires_grad=True)
    value = layers.build_extractor(module, trace(module), [layer])(image)[layer.name]
    found: list[list[Lines]] = []
    for side in (2, 3):
        lines: list[Lines] = []
        for one in value.unbind(side):
            (gradient,) = torch.autograd.grad(one.sum(), image, retain_graph=True)
            at = gradient.abs().amax((0, 1, 5 - side)).nonzero().flatten().tolist()
            lines.append((at[0], at[-1] + 1) if at else None)
        found.append(lines)
    return found


@Upsampling
@pytest.mark.parametrize("size", [(24, 20), (31, 27)])
def test_upsampling(upsampling: nn.Module, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    module = after_stride(upsampling)
    layer = layers.find_layer(layers.list_layers(module, size), "2", "it")
    assert layer.spans is not None
    height, width = layer.size or (0, 0)
    rows, cols = measured_lines(module, layer)
    assert (len(rows), len(cols)) == (height, width)
    for row, reaching in enumerate(rows):
        for col, beside in enumerate(cols):
            if reaching is None or beside is None:
                continue
            # Where several places round to the same position, the field may be one larger.
            top, left, bottom, right = layer.receptive_box(row, col)
            assert top <= reaching[0] and reaching[1] <= bottom
            assert left <= beside[0] and beside[1] <= right
            if layer.receptive_field is not None:
                assert bottom - top <= layer.receptive_field[0] < size[0]
                endless = layer.receptive_box(row, col, clipped=False)
                assert endless[0] <= top and endless[1] <= left
                assert bottom <= endless[2] and right <= endless[3]


@pytest.mark.parametrize(
    ("upsampling", "stride", "field"),
    [
        # Before the upsampling, fields have 5 pixels and are 4 apart. Two neighbours with the same
        # field are 2 apart, so both are within 7 pixels that move by 2.
        (nn.ConvTranspose2d(4, 4, 2, 2), 2, 7),
        (nn.Upsample(scale_factor=2), 2, 7),
        (nn.PixelShuffle(2), 2, 7),
        # Two positions, and one of these for the neighbour.
        (nn.ConvTranspose2d(4, 4, 3, 2), 2, 9),
        (nn.Upsample(scale_factor=4, mode="bilinear"), 1, 12),
        (nn.Upsample(scale_factor=2, mode="bicubic"), 2, 19),
    ],
    ids=str,
)
def test_fields_in_numbers(upsampling: nn.Module, stride: int, field: int) -> None:
    found = layers.list_layers(after_stride(upsampling), (32, 40))
    layer = layers.find_layer(found, "2", "it")
    assert layer.stride == (stride, stride)
    assert layer.receptive_field == (field, field)


@pytest.mark.parametrize("upsampling", [nn.ConvTranspose2d(4, 4, 2, 2), nn.PixelShuffle(2)])
def test_upsampling_in_steps_is_exact(upsampling: nn.Module) -> None:
    module = after_stride(upsampling)
    layer = layers.find_layer(layers.list_layers(module, (24, 20)), "2", "it")
    rows, cols = measured_lines(module, layer)
    for row, reaching in enumerate(rows):
        for col, beside in enumerate(cols):
            top, left, bottom, right = layer.receptive_box(row, col)
            assert ((top, bottom), (left, right)) == (reaching, beside)


class Decoder(nn.Module):
    """An encoder and a decoder, joined by a skip connection, and a map as large as the image."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 6, 3, 2, 1)
        self.up, self.last = nn.ConvTranspose2d(6, 4, 2, 2), nn.Conv2d(8, 2, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.one(x)
        two = self.two(one)
        out = self.last(torch.cat([one, self.up(two)], 1))
        return out + F.interpolate(two[:, :2], size=x.shape[-2:], mode="nearest")


def test_a_decoder_keeps_rows_and_columns() -> None:
    found = layers.list_layers(make_transparent(Decoder()), (22, 26))
    for name, side in (("two", 5), ("up", 6), ("last", 8), ("add", 8)):
        layer = layers.find_layer(found, name, "it")
        assert layer.receptive_field == (side, side), name
        assert layer.stride == ((2, 2) if name == "two" else (1, 1))


def test_unknown_resizing_sees_the_whole_picture() -> None:
    for upsampling in (
        nn.Upsample(scale_factor=1.3, mode="bilinear"),
        nn.Upsample((11, 9), mode="area"),
    ):
        found = layers.list_layers(after_stride(upsampling), (24, 20))
        assert layers.find_layer(found, "2", "it").receptive_field is None
