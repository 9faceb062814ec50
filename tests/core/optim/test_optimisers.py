"""The optimisers compute the same as torch's."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from core.optim.optimisers import Adam, GradientDescent


@pytest.mark.parametrize(
    ("own", "torchs", "options"),
    [
        (Adam, torch.optim.Adam, {"betas": (0.5, 0.9), "eps": 0.1, "fused": True}),
        (Adam, torch.optim.Adam, {}),
        (GradientDescent, torch.optim.SGD, {}),
    ],
)
def test_steps_are_equal_bit_for_bit(
    own: Callable[..., torch.optim.Optimizer],
    torchs: Callable[..., torch.optim.Optimizer],
    options: dict[str, object],
) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.rand(3, 17, generator=generator)
    gradients = torch.randn(5, 3, 17, generator=generator)
    results = []
    for kind in (own, torchs):
        values = nn.Parameter(start.clone())
        optimiser = kind([values], lr=0.05, **options)
        for gradient in gradients:
            values.grad = gradient.clone()
            optimiser.step()
            optimiser.zero_grad()
            assert values.grad is None
        results.append(values.detach())
    assert torch.equal(*results) and not torch.equal(results[0], start)


def test_no_step_is_recorded_for_gradients() -> None:
    values = nn.Parameter(torch.ones(2))
    optimiser = Adam([values], lr=0.1)
    (2 * values).sum().backward()
    loss = optimiser.step(lambda: values.sum())  # type: ignore[arg-type, func-returns-value]
    assert isinstance(loss, torch.Tensor) and loss.requires_grad
    assert values.is_leaf and values.requires_grad
