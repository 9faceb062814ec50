"""Functions that run at the same time, such as eigenvectors of several matrices."""

import functools
import threading
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from core.style import parallel


@pytest.fixture(autouse=True)
def _same_threads() -> Iterator[None]:
    """Set the number of threads of the tests again after each test."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def matrices() -> list[Tensor]:
    """Return symmetric matrices of several sizes, each for two images."""
    generator = torch.Generator().manual_seed(0)
    halves = [
        torch.randn(2, side, side, dtype=torch.float64, generator=generator)
        for side in (3, 90, 1, 40, 200)
    ]
    return [it @ it.mT for it in halves]


def decompose(found: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return the eigenvalues and eigenvectors of several matrices."""

    def decomposed(matrix: Tensor) -> tuple[Tensor, Tensor]:
        values, vectors = torch.linalg.eigh(matrix)
        return values, vectors

    return parallel.run([(len(it[0]) ** 3, functools.partial(decomposed, it)) for it in found])


@pytest.mark.parametrize("threads", [1, 2, 5, 8])
def test_eigenvectors_are_those_of_each_matrix_and_have_the_same_bits(threads: int) -> None:
    torch.set_num_threads(1)
    expected = [torch.linalg.eigh(it) for it in matrices()]
    torch.set_num_threads(threads)
    found = decompose(matrices())
    for matrix, (values, vectors), (other, those) in zip(matrices(), found, expected, strict=True):
        assert torch.equal(values, other)
        assert torch.equal(vectors, those)
        assert torch.allclose(vectors @ torch.diag_embed(values) @ vectors.mT, matrix)
    assert torch.get_num_threads() == threads


def test_matrices_are_divided_among_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    met, threads = threading.Barrier(2), set()
    real = torch.linalg.eigh

    def eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
        # Each of two threads waits for the other, which would never come if one did all the work.
        met.wait(timeout=60)
        threads.add((threading.get_ident(), torch.get_num_threads()))
        return real(matrix)

    monkeypatch.setattr(torch.linalg, "eigh", eigh)
    torch.set_num_threads(2)
    decompose(matrices()[:2])
    assert len(threads) == 2
    assert {own for _, own in threads} == {1}


def test_threads_that_start_later_have_as_many_threads_as_before() -> None:
    torch.set_num_threads(2)
    decompose(matrices())
    seen: list[int] = []
    other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert seen == [2]


def test_an_error_of_another_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    real, main = torch.linalg.eigh, threading.get_ident()
    failed = threading.Event()

    def eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
        if threading.get_ident() != main:
            failed.set()
            raise ValueError("no eigenvectors")
        failed.wait(timeout=60)
        return real(matrix)

    monkeypatch.setattr(torch.linalg, "eigh", eigh)
    torch.set_num_threads(2)
    with pytest.raises(ValueError, match="no eigenvectors"):
        decompose(matrices()[:2])
