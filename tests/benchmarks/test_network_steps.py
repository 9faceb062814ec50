"""The benchmark of steps beside plain PyTorch."""

import pytest
import torch

from benchmarks import network_steps
from tests.conftest import as_network, tiny_module


def test_all_sides_compute_the_same_gradient() -> None:
    network = as_network(tiny_module())
    chosen = [network.layer("1"), network.layer("3")]
    images = torch.rand(2, 3, 24, 20)
    kept = {}
    for side, (precision, memory) in network_steps.PLAIN.items():
        step = network_steps.plain_step(
            as_network(tiny_module()), chosen, images, precision, memory
        )
        kept[side] = gradient_of(step)
    kept[network_steps.EXPLORER] = gradient_of(network_steps.explorer_step(network, chosen, images))
    kept[network_steps.EXPLORER_FLOAT32] = gradient_of(
        network_steps.float32_step(as_network(tiny_module()), chosen, images)
    )
    right = kept["float32"]
    for side, found in kept.items():
        half = "bfloat16" in side or side == network_steps.EXPLORER
        apart = float((found - right).norm() / right.norm())
        assert apart <= (0.1 if half else 1e-5), (side, apart)


def gradient_of(step: network_steps.Step) -> torch.Tensor:
    """Return the gradient that a step computes."""
    found: list[torch.Tensor] = []
    grad = torch.autograd.grad

    def record(*arguments: object) -> tuple[torch.Tensor, ...]:
        result = grad(*arguments)  # type: ignore[arg-type]
        found.extend(result)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.autograd, "grad", record)
        step()
    return found[0]


def test_sides_take_turns_and_those_that_fail_are_left_out() -> None:
    order: list[str] = []

    def fails() -> None:
        raise RuntimeError("no kernel")

    steps = {"a": lambda: order.append("a"), "b": fails, "c": lambda: order.append("c")}
    times = network_steps.measure(steps, rounds=3, seconds=0.0)
    assert set(times) == {"a", "c"} and len(times["a"]) == 3
    assert order[4:] == ["a", "c"] * 3
