"""Tests of crops, and of attribution against slow references."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from core.analysis import attribution, crops
from core.datasets import sources
from core.errors import BadPicture, ExplorerError, UnknownName
from core.images.center_crop import CenterCrop
from core.index import build, reader
from core.index.reader import Hit, Index
from core.networks import registry
from core.networks.network import Network
from tests.core.index.test_build import squeezenet
from tests.core.picture_folders import fill


def indexed(network: Network, place: str, out: Path) -> Index:
    source = sources.find_source(place)
    tally = build.open_accumulator(build.plan_index(network, source), source, out)
    list(build.build_index(network, source, tally, out))
    return reader.open_index(out)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, Index]:
    folder = tmp_path_factory.mktemp("crops")
    network = squeezenet()
    return network, indexed(network, str(fill(folder / "pictures", 25)), folder / "index")


def value_at(network: Network, image: torch.Tensor, layer: str, unit: int, hit: Hit) -> float:
    own = network.activations(image, [layer])[layer][0, unit]
    return float(own[hit.row, hit.col] if own.ndim else own)


def test_grey_outside_of_the_crop_changes_nothing(made: tuple[Network, Index]) -> None:
    network, index = made
    partial = 0
    for layer in network.shown:
        for unit in range(0, layer.channels, max(1, layer.channels // 6)):
            for hit in index.top(layer.name, unit)[:3]:
                original = index.picture(hit.picture)
                assert hit.size == (original.height, original.width)
                cut = crops.crop_hit(index, layer.name, hit)
                top, left, bottom, right = cut.box
                pixels = np.array(original)
                frame = CenterCrop(hit.size, index.plan.input_size)
                grey = np.full_like(pixels, 128)
                grey[top:bottom, left:right] = np.array(cut.picture)
                before, after = (
                    crops.network_input(Image.fromarray(it), frame) for it in (pixels, grey)
                )
                # The index may have decoded JPEGs at half size, so only these two are compared.
                was = value_at(network, before, layer.name, unit, hit)
                now = value_at(network, after, layer.name, unit, hit)
                assert now == pytest.approx(was, rel=1e-3, abs=1e-5)
                assert was == pytest.approx(hit.value, rel=0.2, abs=0.5)
                partial += not cut.whole
                if not cut.whole:
                    assert bottom - top + cut.offset[0] <= cut.reach[0]
                    assert right - left + cut.offset[1] <= cut.reach[1]
    assert partial > 50


def test_where_all_is_seen_the_effective_field_is_outlined(made: tuple[Network, Index]) -> None:
    network, index = made
    hit = index.top("logits", 2)[0]
    cut = crops.crop_hit(index, "logits", hit, (network, 2))
    assert cut.whole and cut.box == (0, 0, *hit.size) and cut.outline is not None
    top, left, bottom, right = cut.outline
    assert 0 <= top < bottom <= hit.size[0] and 0 <= left < right <= hit.size[1]
    assert crops.crop_hit(index, "logits", hit).outline is None
    assert (
        crops.crop_hit(index, "features.3", index.top("features.3", 0)[0], (network, 0)).outline
        is None
    )
    other = registry.load("sketchnet", device="cpu")
    with pytest.raises(ExplorerError, match="was made with weights"):
        crops.crop_hit(index, "logits", hit, (other, 2))


def test_the_effective_field_is_where_the_gradient_is(tiny: Network) -> None:
    image = torch.rand(1, 3, 24, 20)
    row, col = 5, 4
    top, left, bottom, right = attribution.effective_field(tiny, image, "3", 2, row, col)
    exact = tiny.layer("3").receptive_box(row, col)
    assert exact[0] <= top < bottom <= exact[2] and exact[1] <= left < right <= exact[3]


def test_a_heatmap_puts_each_position_where_it_looks(tiny: Network) -> None:
    image = torch.zeros(1, 3, 24, 20)
    image[..., 14:17, 4:7] = 1
    for layer in ("1", "3"):
        difference = attribution.heatmap(tiny, image, layer, 1) - attribution.heatmap(
            tiny, torch.zeros_like(image), layer, 1
        )
        if float(difference.abs().max()) == 0:
            continue
        strength = difference.abs()
        rows = (strength.sum(1) * (torch.arange(24) + 0.5)).sum() / strength.sum()
        cols = (strength.sum(0) * (torch.arange(20) + 0.5)).sum() / strength.sum()
        assert abs(float(rows) - 15.5) < 1.5 and abs(float(cols) - 5.5) < 1.5
    flat = attribution.heatmap(tiny, image, "6", 1)
    assert flat.shape == (24, 20) and flat.min() == flat.max()


@pytest.mark.parametrize("how", attribution.PROJECTIONS)
def test_projections_are_those_of_the_papers(tiny: Network, how: str) -> None:
    """Compare with transposed convolutions for conv, ReLU, conv, ReLU."""
    image = torch.rand(1, 3, 24, 20)
    first, second = (tiny.module[at] for at in (0, 2))  # type: ignore[index]
    assert isinstance(first, nn.Conv2d) and isinstance(second, nn.Conv2d)
    mean, std = (torch.tensor(it).view(1, 3, 1, 1) for it in (tiny.mean, tiny.std))
    a = first((image - mean) / std)
    b = second(a.relu())
    for unit in range(7):
        row, col = divmod(int(b[0, unit].argmax()), b.shape[3])
        signal = torch.zeros_like(b)
        signal[0, unit, row, col] = 1
        if how == "guided":
            signal = signal * (b > 0)
        signal = nn.functional.conv_transpose2d(
            signal, second.weight, stride=2, padding=1, output_padding=1
        ).clamp(min=0)
        if how == "guided":
            signal = signal * (a > 0)
        signal = nn.functional.conv_transpose2d(signal, first.weight, padding=1) / std
        found = attribution.project(tiny, image, "3", unit, row, col, how)
        torch.testing.assert_close(found, signal[0], rtol=1e-4, atol=1e-5)


def test_evidence_refuses_what_is_not_there(tiny: Network) -> None:
    image = torch.rand(1, 3, 24, 20)
    with pytest.raises(UnknownName, match="no projection 'magic'"):
        attribution.project(tiny, image, "3", 0, 0, 0, "magic")
    with pytest.raises(ExplorerError, match="no unit 9"):
        attribution.heatmap(tiny, image, "3", 9)


def test_the_field_at_a_border_is_smaller(made: tuple[Network, Index]) -> None:
    _, index = made
    size = (61, 37)
    inner = index.box("features.3", 5, 5, size)
    corner = index.box("features.3", 0, 0, size)
    height, width = inner[2] - inner[0], inner[3] - inner[1]
    assert corner[2] - corner[0] < height and corner[3] - corner[1] < width


def test_evidence_lies_where_the_unit_is_excited(made: tuple[Network, Index]) -> None:
    network, index = made
    for layer in ("features.3", "logits"):
        hit = index.top(layer, 1)[0]
        plain = crops.crop_hit(index, layer, hit)
        for how in crops.OVERLAYS:
            part = crops.attribution_overlay(index, network, layer, 1, hit, how)
            assert part.box == plain.box and part.picture.size == plain.picture.size
        lit = np.asarray(crops.attribution_overlay(index, network, layer, 1, hit).picture, float)
        assert (lit <= np.asarray(plain.picture)).all()
    hit = index.top("features.3", 1)[0]
    drawn = np.asarray(
        crops.attribution_overlay(index, network, "features.3", 1, hit, "guided").picture
    )
    assert (drawn != 128).any()
    with pytest.raises(UnknownName, match="no evidence 'magic'"):
        crops.attribution_overlay(index, network, "features.3", 1, hit, "magic")


@pytest.mark.parametrize("size", [(1, 500), (500, 1), (3, 700), (2, 2)])
def test_narrow_images_get_overlays(tmp_path: Path, tiny: Network, size: tuple[int, int]) -> None:
    (tmp_path / "pictures").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "pictures/1.png")
    index = indexed(tiny, str(tmp_path / "pictures"), tmp_path / "index")
    for layer in index.plan.layers:
        units = (unit for unit in range(layer.channels) if index.top(layer.name, unit))
        unit = next(units)
        (hit,) = index.top(layer.name, unit)
        for how in crops.OVERLAYS:
            shown = crops.attribution_overlay(index, tiny, layer.name, unit, hit, how)
            top, left, bottom, right = shown.box
            assert shown.picture.size == (right - left, bottom - top)


def test_a_replaced_image_is_named_and_not_cropped(tmp_path: Path, tiny: Network) -> None:
    folder = fill(tmp_path / "pictures", 1)
    index = indexed(tiny, str(folder), tmp_path / "index")
    (hit,) = index.top("3", 0)
    Image.new("RGB", (33, 21)).save(folder / hit.picture)
    with pytest.raises(BadPicture, match="has changed since it was indexed; make the index anew"):
        crops.crop_hit(index, "3", hit)


def test_surroundings_contain_the_crop_and_stay_inside_the_image(
    made: tuple[Network, Index],
) -> None:
    _, index = made
    at_borders = 0
    for layer in index.plan.layers:
        for hit in index.top(layer.name, 0)[:4]:
            cut = crops.crop_hit(index, layer.name, hit)
            wide = crops.crop_surroundings(index, layer.name, hit)
            if cut.whole:
                assert wide == cut
                continue
            assert wide.outline is not None
            top, left, bottom, right = wide.outline
            inner = wide.picture.crop((left, top, right, bottom))
            assert inner.tobytes() == cut.picture.tobytes()
            assert (wide.picture.height, wide.picture.width) == wide.reach
            expected = [
                min(side, max(round(crops.WIDER * reach), end - start))
                for side, reach, start, end in zip(
                    hit.size, cut.reach, cut.box[:2], cut.box[2:], strict=True
                )
            ]
            assert list(wide.reach) == expected
            assert min(wide.box) >= 0 and wide.box[2] <= hit.size[0] and wide.box[3] <= hit.size[1]
            at_borders += 0 in cut.box[:2]
    assert at_borders
