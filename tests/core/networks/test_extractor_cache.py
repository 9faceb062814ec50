"""Tests of the limits of the truncated networks that a network keeps."""

import copy
import weakref

import pytest
import torch
from torch import nn

from core.networks import extractor_cache, registry
from core.networks.extractor_cache import ExtractorCache, bytes_of_its_own
from core.networks.graph_passes.fuse_relu import FusedConvolution

FLOAT_BYTES = 4


class Counted:
    """A function that builds an extractor of a given size, and counts its calls."""

    def __init__(self) -> None:
        self.built: list[int] = []

    def __call__(self, kibibytes: int) -> nn.Module:
        self.built.append(kibibytes)
        return nn.Linear(1024 // FLOAT_BYTES, kibibytes, bias=False)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Counted:
    monkeypatch.setattr(extractor_cache, "BYTES_AT_MOST", 10 * 1024)
    return Counted()


def test_an_extractor_is_built_once(built: Counted) -> None:
    cache = ExtractorCache(nn.Identity(), built)
    assert cache.get(3) is cache.get(3)
    assert built.built == [3]


def test_of_many_small_ones_the_last_used_are_kept(built: Counted) -> None:
    cache = ExtractorCache(nn.Identity(), built)
    for size in (1, 2, 3, 4, 1, 5, 1, 2):
        cache.get(size)
    # 2 was used longest ago when 5 was built.
    assert built.built == [1, 2, 3, 4, 5, 2]


def test_of_large_ones_only_the_last_is_kept(built: Counted) -> None:
    cache = ExtractorCache(nn.Identity(), built)
    for size in (20, 20, 30, 30, 20, 1, 1, 20):
        cache.get(size)
    assert built.built == [20, 30, 20, 1, 20]


def test_a_large_one_is_dropped_before_the_next_is_built(built: Counted) -> None:
    cache = ExtractorCache(nn.Identity(), built)
    cache.get(20)
    kept_while_building = []

    def build(kibibytes: int) -> nn.Module:
        kept_while_building.append(len(cache._kept))
        return built(kibibytes)

    cache._build = build
    cache.get(30)
    assert kept_while_building == [0]


def test_only_weights_that_are_not_shared_are_counted() -> None:
    network = nn.Sequential(nn.Linear(8, 8, bias=False), nn.Linear(8, 4, bias=False))
    half = copy.deepcopy(network[0]).bfloat16()
    assert bytes_of_its_own(network, network) == 0
    assert bytes_of_its_own(nn.Sequential(half, network[1], half), network) == 8 * 8 * 2


def test_an_extractor_takes_what_it_copies() -> None:
    sketchnet = registry.load(registry.SKETCHNET, device="cpu")
    plain = sketchnet.extractor(["relu3b"])
    own = bytes_of_its_own(plain, sketchnet.module)
    # The buffers of the normalisation: shift and scale of each channel.
    assert own == 2 * 3 * torch.finfo(torch.float32).bits // 8


def test_reordered_kernels_are_counted() -> None:
    convolution = nn.Conv2d(16, 32, 3, padding=1).requires_grad_(False)
    fused = FusedConvolution(convolution, relu=True)
    assert bytes_of_its_own(fused, convolution) == 0
    image = torch.rand(1, 16, 8, 8, requires_grad=True)
    fused(image).sum().backward()
    # One kernel for the result, and one for the gradient.
    assert bytes_of_its_own(fused, convolution) == 2 * convolution.weight.numel() * FLOAT_BYTES


def test_dropped_extractors_are_freed_at_once(
    built: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractor_cache, "COLLECT_ABOVE", 10 * 1024)
    cache = ExtractorCache(nn.Identity(), built)
    first = cache.get(20)
    # As a graph and its nodes do.
    first.itself = [first]
    freed = weakref.ref(first)
    del first
    cache.get(30)
    assert freed() is None
