"""Canvases against slow references; each can draw a photograph."""

import math

import pytest
import torch
from torch import Tensor

from core.canvas import Canvas, Fourier, Pixels

CPU = torch.device("cpu")


def slow_fourier(spectrum: Tensor, size: tuple[int, int]) -> Tensor:
    """Sum the waves of one image one by one, in double precision; colours by Lucid's matrix."""
    height, width = size
    light = torch.zeros(3, height, width, dtype=torch.float64)
    rows = torch.arange(height, dtype=torch.float64)[:, None]
    cols = torch.arange(width, dtype=torch.float64)[None]
    for k in range(height):
        for m in range(width // 2 + 1):
            cycles_down = (k if k <= (height - 1) // 2 else k - height) / height
            frequency = math.hypot(cycles_down, m / width)
            scale = 0.25 / max(frequency, 1 / max(height, width))
            angle = 2 * math.pi * (k * rows / height + m * cols / width)
            # Each wave of a real picture stands for itself and its mirror image, but for the two
            # that are their own mirror image.
            twice = 1 if m == 0 or 2 * m == width else 2
            for colour in range(3):
                real, imaginary = spectrum[colour, k, m].double()
                wave = real * torch.cos(angle) - imaginary * torch.sin(angle)
                light[colour] += twice * scale * wave / math.sqrt(height * width)
    matrix = torch.tensor([[0.26, 0.09, 0.02], [0.27, 0, -0.05], [0.27, -0.09, 0.03]]).double()
    largest = max(math.sqrt(sum(float(v) ** 2 for v in column)) for column in matrix.T)
    rgb = torch.zeros_like(light)
    for out in range(3):
        for inner in range(3):
            rgb[out] += matrix[out, inner] / largest * light[inner]
    return 1 / (1 + torch.exp(-rgb))


@pytest.mark.parametrize("size", [(6, 10), (7, 9), (8, 5)])
def test_fourier_is_a_sum_of_waves(size: tuple[int, int]) -> None:
    canvas = Fourier(size, [3, 4], CPU)
    with torch.no_grad():
        canvas.spectrum.mul_(300)
        # Imaginary parts of waves that are their own mirror image mean nothing; the reference
        # would draw them.
        canvas.spectrum[..., 0, 1] = 0
        canvas.spectrum[:, :, 1:, 0] = 0
        if size[1] % 2 == 0:
            canvas.spectrum[:, :, :, -1] = 0
        image = canvas()
    for row in range(2):
        assert torch.allclose(
            image[row].double(), slow_fourier(canvas.spectrum[row], size), atol=1e-5
        )


def test_pixels_are_sigmoids() -> None:
    canvas = Pixels((5, 7), [0], CPU)
    with torch.no_grad():
        canvas.values.fill_(math.log(3))
    assert torch.allclose(canvas(), torch.tensor(0.75))


@pytest.mark.parametrize("kind", [Pixels, Fourier])
def test_start_is_nearly_grey_and_depends_on_the_own_seed_only(
    kind: type[Pixels | Fourier],
) -> None:
    image = kind((24, 31), [5, 6, 7], CPU)()
    assert image.shape == (3, 3, 24, 31)
    assert (image - 0.5).abs().max() < 0.05
    assert torch.equal(kind((24, 31), [9, 6], CPU)()[1], image[1])
    assert not torch.equal(image[0], image[1])


@pytest.mark.parametrize(("kind", "rate"), [(Pixels, 0.3), (Fourier, 0.1)])
def test_fits_a_photograph(kind: type[Pixels | Fourier], rate: float, photograph: Tensor) -> None:
    canvas: Canvas = kind((37, 52), [0], CPU)
    optimiser = torch.optim.Adam(canvas.parameters(), lr=rate)
    for _ in range(600):
        error = (canvas() - photograph).square().mean()
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert error.item() < 1e-3


@pytest.mark.parametrize("kind", [Pixels, Fourier])
def test_gradcheck(kind: type[Pixels | Fourier]) -> None:
    canvas = kind((5, 6), [0], CPU).double()
    (parameter,) = canvas.parameters()
    start = torch.randn(parameter.shape, dtype=torch.float64).mul(3).requires_grad_()
    name = next(iter(dict(canvas.named_parameters())))

    def draw(values: Tensor) -> Tensor:
        image: Tensor = torch.func.functional_call(canvas, {name: values}, ())
        return image

    assert torch.autograd.gradcheck(draw, (start,))
