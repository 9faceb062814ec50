"""Sums in a fixed order, compared with sums in float64, with every number of threads."""

from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core import fixed_order
from core.images.resize import enlarge_twice

THREADS = (1, 2, 3, 4, 8)


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def with_threads(function: Callable[[], Tensor]) -> list[Tensor]:
    found = []
    for count in THREADS:
        torch.set_num_threads(count)
        found.append(function())
        assert torch.get_num_threads() == count
    return found


def noise(*shape: int, kind: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(kind)


SHAPES = [(1, 3, 211, 157), (2, 7), (3, 4096), (1, 8193), (2, 5, 90, 101), (4, 0)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_sums_are_right_and_the_same_with_any_number_of_threads(
    shape: tuple[int, ...], layout: str
) -> None:
    values = noise(*shape)
    if layout == "channels last" and len(shape) == 4:
        values = values.contiguous(memory_format=torch.channels_last)
    exact = values.double().flatten(1)
    for function, wanted in (
        (fixed_order.sum_per_image, exact.sum(1)),
        (fixed_order.squares_per_image, exact.square().sum(1)),
    ):
        found = with_threads(lambda function=function: function(values))  # type: ignore[misc]
        assert all(torch.equal(it, found[0]) for it in found)
        torch.testing.assert_close(found[0].double(), wanted, rtol=1e-5, atol=1e-2)
    assert fixed_order.norm(values) == pytest.approx(float(exact.norm()), rel=1e-5)


def test_squares_of_half_precision_are_added_in_float32() -> None:
    values = noise(1, 30_000, kind=torch.bfloat16)
    found = fixed_order.squares_per_image(values)
    assert found.dtype == torch.float32
    assert float(found) == pytest.approx(float(values.double().square().sum()), rel=1e-5)


def test_gradients_are_right() -> None:
    values = noise(2, 3, 5, kind=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(fixed_order.sum_per_image, values)
    assert torch.autograd.gradcheck(fixed_order.mean_per_image, values)
    other = noise(3, 1, kind=torch.float64)

    def function(one: Tensor, two: Tensor) -> Tensor:
        assert torch.get_num_threads() == 1
        return torch.sigmoid(one * two)

    torch.set_num_threads(2)
    assert torch.autograd.gradcheck(
        lambda it: fixed_order.on_one_thread(function, it, other), values
    )


def test_an_error_sets_the_number_of_threads_again() -> None:
    torch.set_num_threads(3)
    with pytest.raises(ValueError, match="no"), fixed_order.one_thread():
        assert torch.get_num_threads() == 1
        raise ValueError("no")
    assert torch.get_num_threads() == 3


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40))
def test_twice_the_size_is_bilinear(height: int, width: int) -> None:
    image = noise(1, 3, height, width)
    size = (2 * height, 2 * width)
    wanted = torch.nn.functional.interpolate(image, size, mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge_twice(image, size), wanted)
    cropped = (2 * height - 1, 2 * width - 1)
    torch.testing.assert_close(
        enlarge_twice(image, cropped), wanted[..., : cropped[0], : cropped[1]]
    )


def test_twice_the_size_is_the_same_with_any_number_of_threads() -> None:
    image = noise(1, 3, 151, 133)
    found = with_threads(lambda: enlarge_twice(image, (301, 265)))
    assert all(torch.equal(it, found[0]) for it in found)
