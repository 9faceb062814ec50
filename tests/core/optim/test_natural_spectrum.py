"""Spectra of natural images: measurement, resampling and serialisation."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import ExplorerError
from core.images import image_io
from core.optim import natural_spectrum
from core.optim.natural_spectrum import REFERENCE, Spectrum


def wave(rows: int, cols: int) -> Image.Image:
    """Return a grey image of one wave with these numbers of periods along its axes."""
    place = np.arange(REFERENCE) / REFERENCE
    phase = 2 * math.pi * (rows * place[:, None] + cols * place[None])
    grey = np.uint8(np.round(127.5 + 60 * np.cos(phase)))
    return Image.fromarray(grey).convert("RGB")


def test_a_wave_is_found_where_it_is() -> None:
    magnitude = natural_spectrum.measure([wave(5, 9)]).magnitude[0]
    mirrored = magnitude.clone()
    mirrored[0, 0] = 0  # the mean brightness
    found = {divmod(int(it), magnitude.shape[1]) for it in mirrored.flatten().topk(2).indices}
    assert found == {(5, 9), (REFERENCE - 5, 9)}  # of the image and of its mirror image


def test_the_mean_is_over_pictures_and_squares() -> None:
    one, other = (natural_spectrum.measure([wave(*it)]).magnitude for it in ((3, 4), (8, 2)))
    both = natural_spectrum.measure([wave(3, 4), wave(8, 2)]).magnitude
    assert torch.allclose(both, (one + other) / 2, atol=1e-4)


def test_an_oblong_picture_counts_with_all_it_shows() -> None:
    left, right = wave(0, 12), wave(20, 0)
    wide = Image.new("RGB", (2 * REFERENCE, REFERENCE))
    wide.paste(left, (0, 0))
    wide.paste(right, (REFERENCE, 0))
    magnitude = natural_spectrum.measure([wide]).magnitude[0]
    assert float(magnitude[0, 12]) > 3 * float(magnitude[0, 15])
    assert float(magnitude[20, 0]) > 3 * float(magnitude[23, 0])


def test_the_reference_size_is_itself() -> None:
    spectrum = natural_spectrum.photographs()
    there = spectrum.at((REFERENCE, REFERENCE))
    inner = slice(1, REFERENCE // 2)
    assert torch.allclose(there[:, inner, :-1], spectrum.magnitude[:, inner, :-1], rtol=1e-3)


def test_a_smaller_size_shows_the_same_contrasts() -> None:
    # Brightness waves of an image keep their amplitude when it is scaled down.
    photograph = natural_spectrum.PHOTOGRAPHS and Image.effect_noise((64, 64), 40).resize(
        (REFERENCE, REFERENCE), Image.Resampling.BICUBIC
    ).convert("RGB")
    spectrum = natural_spectrum.measure([photograph])
    small = photograph.resize((128, 128), Image.Resampling.BOX)
    own = natural_spectrum.spectrum_of(image_io.to_tensor(small)).abs()[0]
    there = spectrum.at((128, 128))
    waves = (slice(0, 3), slice(1, 12), slice(1, 12))
    assert torch.allclose(there[waves].log().mean(), own[waves].log().mean(), atol=0.15)


def test_beyond_what_was_measured_magnitudes_fall() -> None:
    large = natural_spectrum.photographs().at((512, 600))
    assert large.shape == (3, 512, 301) and bool((large > 0).all())
    assert float(large[0, 0, 299]) < float(large[0, 0, 100])
    ring = float(large[0, 0, 250]) / float(large[0, 0, 299])
    assert ring == pytest.approx(299 / 250, rel=0.05)


def test_there_and_back() -> None:
    spectrum = natural_spectrum.measure([wave(3, 4)])
    again = Spectrum.from_bytes(spectrum.to_bytes())
    assert torch.equal(again.magnitude, spectrum.magnitude)
    assert again.fingerprint == spectrum.fingerprint != natural_spectrum.photographs().fingerprint


@pytest.mark.parametrize(
    "data", [b"", b"nothing", Spectrum(torch.zeros(3, 4, 3)).to_bytes()], ids=["", "text", "shape"]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ExplorerError, match="no spectrum of pictures"):
        Spectrum.from_bytes(data)


def test_no_pictures_are_refused() -> None:
    with pytest.raises(ExplorerError, match="there are no pictures"):
        natural_spectrum.measure([])
