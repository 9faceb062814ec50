"""Canvases, compared with slow reference implementations and fitted to a photograph."""

import math

import pytest
import torch
from torch import Tensor

from core.optim.canvases import DARKEST, LIGHTEST, Canvas, Fourier, MagnitudeConstrained, Pixels

CPU = torch.device("cpu")


def slow_fourier(spectrum: Tensor, size: tuple[int, int]) -> Tensor:
    """Compute one image as a sum of waves in double precision, with Lucid's colour matrix."""
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
            # The spectrum of a real image is symmetric. Each coefficient counts for two waves,
            # except in the first and last column, which contain both.
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
        # The inverse transform ignores imaginary parts of self-conjugate coefficients; the
        # reference does not.
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
    with torch.no_grad():
        canvas.values.copy_(torch.linspace(-6, 6, 105).view(1, 3, 5, 7))
        values, drawn = canvas.values.flatten().tolist(), canvas().flatten().tolist()
    assert drawn == pytest.approx([1 / (1 + math.exp(-value)) for value in values], rel=1e-5)


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


def constrained(size: tuple[int, int], seeds: list[int]) -> MagnitudeConstrained:
    """Return a canvas whose magnitudes fall with the frequency, and differ between colours."""
    rows = torch.fft.fftfreq(size[0], 1 / size[0]).abs()[:, None]
    cols = torch.arange(size[1] // 2 + 1)[None]
    falling = 6 / (1 + rows + 2 * cols)
    return MagnitudeConstrained(torch.stack([falling, falling / 2, falling / 3]), size[1], seeds)


@pytest.mark.parametrize("size", [(6, 10), (7, 9)])
def test_constrained_is_a_sum_of_waves(size: tuple[int, int]) -> None:
    canvas = constrained(size, [3])
    with torch.no_grad():
        image = canvas()[0]
        # The reference scales by 1 / frequency, and needs the spectrum of a real image.
        spectrum = torch.polar(canvas.magnitude, canvas.phase[0])
        spectrum = torch.fft.rfft2(torch.fft.irfft2(spectrum, s=size, norm="ortho"), norm="ortho")
        scaled = spectrum / Fourier(size, [0], CPU).scale
        scaled[:, 1:, 0] *= (
            2  # the reference counts each pair of conjugates twice, the real transform once
        )
        half = torch.view_as_real(scaled).clone()
        half[:, size[0] // 2 + 1 :, 0] = 0
        half[:, size[0] // 2, 0] /= 1 + (size[0] % 2 == 0)
        if size[1] % 2 == 0:
            half[:, 1:, -1] *= 2
            half[:, size[0] // 2 + 1 :, -1] = 0
            half[:, size[0] // 2, -1] /= 1 + (size[0] % 2 == 0)
    assert torch.allclose(image.double(), slow_fourier(half, size), atol=1e-5)


def test_constrained_keeps_its_magnitudes_however_it_is_changed() -> None:
    canvas = constrained((16, 20), [0, 1])
    with torch.no_grad():
        canvas.phase.add_(torch.randn_like(canvas.phase))
        light = torch.logit(canvas())
        colours = torch.einsum("ij,njhw->nihw", torch.linalg.inv(canvas.colours), light)
    found = torch.fft.rfft2(colours, norm="ortho").abs()
    # Self-conjugate coefficients are left out: only their real part has an effect.
    assert torch.allclose(
        found[..., 1:8, 1:10], canvas.magnitude[..., 1:8, 1:10].expand(2, -1, -1, -1), rtol=1e-2
    )


def test_constrained_starts_from_its_own_seed_only() -> None:
    both = constrained((8, 9), [5, 6])()
    assert torch.equal(constrained((8, 9), [6])()[0], both[1])
    assert not torch.equal(both[0], both[1])


@pytest.mark.parametrize("kind", ["pixels", "fourier", "maco"])
def test_copies_a_picture(kind: str, photograph: Tensor) -> None:
    canvases: dict[str, Canvas] = {
        "pixels": Pixels((37, 52), [0, 1], CPU),
        "fourier": Fourier((37, 52), [0, 1], CPU),
        "maco": constrained((37, 52), [0, 1]),
    }
    canvas = canvases[kind]
    canvas.set_image(photograph)
    soft = photograph.clamp(DARKEST, LIGHTEST).expand(2, -1, -1, -1)
    assert torch.allclose(canvas(), soft, atol=1e-3)


def test_the_optimiser_has_the_decay_rates_of_the_canvas() -> None:
    canvas = Pixels((5, 7), [0], CPU)
    canvas.betas = (0.2, 0.8)
    (group,) = canvas.optimiser(0.1, 0.7).param_groups
    assert (group["lr"], group["eps"], group["betas"]) == (0.1, 0.7, (0.2, 0.8))


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


def test_gradcheck_of_phases() -> None:
    canvas = constrained((5, 6), [0]).double()

    def draw(phase: Tensor) -> Tensor:
        image: Tensor = torch.func.functional_call(canvas, {"phase": phase}, ())
        return image

    assert torch.autograd.gradcheck(draw, (canvas.phase.detach().double().requires_grad_(),))


def test_phases_fit_a_photograph_whose_magnitudes_they_have(photograph: Tensor) -> None:
    canvas = constrained((37, 52), [0])
    canvas.set_image(photograph)
    with torch.no_grad():
        canvas.phase.add_(0.7 * torch.randn(canvas.phase.shape, generator=torch.manual_seed(0)))
        before = float((canvas() - photograph).square().mean())
    optimiser = torch.optim.Adam(canvas.parameters(), lr=0.05)
    for _ in range(300):
        error = (canvas() - photograph).square().mean()
        optimiser.zero_grad()
        error.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert before > 0.01 and error.item() < 1e-3
