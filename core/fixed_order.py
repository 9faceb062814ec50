"""Arithmetic whose rounding errors do not depend on the number of threads.

PyTorch divides the work of an operation among its threads, and the number of threads then decides
about rounding errors in two ways. A sum of a whole tensor is the sum of the threads' sums. And the
last values of each thread's share are computed without vector instructions, which round functions
such as the sigmoid, and resampling, in another way. Steps of an optimisation enlarge these
differences until they are visible.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from core.devices import widest

# Number of values of which each partial sum consists.
BLOCK = 4096


@contextmanager
def one_thread() -> Iterator[None]:
    """Return a context manager in which the operations of this thread are not divided."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def on_one_thread(function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Apply a differentiable function to tensors, forward and backward, within ``one_thread``."""
    result: Tensor = _OneThread.apply(function, *inputs)
    return result


class _OneThread(torch.autograd.Function):
    """The function of ``on_one_thread``, with a graph of its own."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Return the result of the function."""
        with one_thread(), torch.enable_grad():
            ctx.inputs = [it.detach().requires_grad_(it.requires_grad) for it in inputs]
            ctx.result = function(*ctx.inputs)
        result: Tensor = ctx.result.detach()
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients with respect to those inputs that need one."""
        needed = [it for it in ctx.inputs if it.requires_grad]
        with one_thread():
            with torch.enable_grad():
                seed = _Seed.apply(ctx.result, gradient)
            found = iter(torch.autograd.grad(seed, needed, retain_graph=True))
        return None, *(next(found) if it.requires_grad else None for it in ctx.inputs)


class _Seed(torch.autograd.Function):
    """A scalar whose gradient with respect to some values is a given one.

    ``torch.autograd.grad`` does the same if it is given the gradient, but it compares the shapes by
    means of ``sympy``. The import of that takes as long as many steps.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, gradient: Tensor) -> Tensor:
        """Return zero, a scalar."""
        ctx.gradient = gradient
        # Real, also for complex values: the engine begins with its gradient, which is one.
        return values.new_zeros((), dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor, None]:
        """Return the given gradient."""
        return ctx.gradient, None


def sum_per_image(values: Tensor) -> Tensor:
    """Return the sum over all axes but the first, ``[N, ...]`` to ``[N]``."""
    result: Tensor = _Sum.apply(values)
    return result


def mean_per_image(values: Tensor) -> Tensor:
    """Return the mean over all axes but the first, ``[N, ...]`` to ``[N]``."""
    return sum_per_image(values) / values[0].numel()


def squares_per_image(values: Tensor) -> Tensor:
    """Return the sum of squares over all axes but the first, ``[N, ...]`` to ``[N]``, no gradient.

    It is at least in float32, without a converted copy of the values.
    """
    kind = torch.promote_types(values.dtype, torch.float32)
    blocks, rest = (
        torch.linalg.vector_norm(it, dim=-1, dtype=kind).square() for it in _blocks(values)
    )
    total: Tensor = blocks.sum(1) + rest
    return total


def norm(values: Tensor) -> Tensor:
    """Return the square root of the sum of the squares of all values, a scalar without gradient.

    It is in float64 where the device has that.
    """
    return widest(squares_per_image(values.detach()[None])[0]).sqrt()


def _blocks(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return values ``[N, ...]`` as ``[N, blocks, BLOCK]``, and the rest as ``[N, less]``."""
    # Read the values in their order in memory.
    axes = sorted(range(1, values.ndim), key=values.stride, reverse=True)
    flat = values.permute(0, *axes).reshape(len(values), -1)
    whole = flat.shape[1] // BLOCK * BLOCK
    shape = (len(values), whole // BLOCK, BLOCK)
    return flat[:, :whole].reshape(shape), flat[:, whole:]


class _Sum(torch.autograd.Function):
    """The sum of ``sum_per_image``: partial sums of ``BLOCK`` values, and their sum."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Return the sums, ``[N]``."""
        ctx.shape = values.shape
        blocks, rest = (it.sum(-1) for it in _blocks(values))
        return blocks.sum(1) + rest

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Return the gradient for the values: that of the sum, for each of them."""
        return gradient.view(-1, *(1,) * (len(ctx.shape) - 1)).expand(ctx.shape)
