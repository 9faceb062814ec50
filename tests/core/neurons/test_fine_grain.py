"""The share of fine patterns, compared with known answers."""

import math

import pytest
import torch
from torch import Tensor

from core.neurons.fine_grain import high_frequency_share


def wave(period: float, along: int) -> Tensor:
    place = torch.arange(48.0)
    line = 0.5 + 0.3 * torch.cos(2 * math.pi * place / period)
    picture = line[:, None].expand(48, 48) if along == 0 else line[None].expand(48, 48)
    return picture.expand(1, 3, 48, 48)


def test_fine_waves_are_fine_and_broad_ones_are_not(photograph: Tensor) -> None:
    for along in (0, 1):
        assert float(high_frequency_share(wave(3, along))) == pytest.approx(1, abs=1e-5)
        assert float(high_frequency_share(wave(8, along))) == pytest.approx(0, abs=1e-5)
    half = wave(3, 0) + wave(8, 1)
    assert float(high_frequency_share(half)) == pytest.approx(0.5, abs=1e-5)
    assert float(high_frequency_share(photograph)) < 0.1


def test_white_noise_is_three_quarters_fine() -> None:
    noise = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert high_frequency_share(noise).tolist() == pytest.approx([0.75] * 4, abs=0.03)


def test_one_colour_has_no_grain() -> None:
    assert float(high_frequency_share(torch.full((1, 3, 8, 9), 0.3))) == pytest.approx(0, abs=1e-3)
