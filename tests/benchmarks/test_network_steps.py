"""The benchmark of steps beside plain PyTorch."""

import pytest
import torch

from benchmarks import network_steps
from core.devices import has_fast_bfloat16
from tests.conftest import as_network, tiny_module


def test_all_sides_compute_the_same_gradient() -> None:
    network = as_network(tiny_module())
    chosen = [network.layer("1"), network.layer("3")]
    images = torch.rand(2, 3, 24, 20)
    kept = {}
    for side, (precision, memory) in network_steps.PLAIN.items():
        step = network_steps.plain_step(network, chosen, images, precision, memory)
        kept[side] = gradient_of(step)
    own: dict[str, bool | None] = {"own half": None, "own float32": False}
    if has_fast_bfloat16(network.device):
        own["own bfloat16"] = True
    for side, in_half in own.items():
        step = network_steps.explorer_step(network, chosen, images, in_half)
        kept[side] = gradient_of(step)
    right = kept["float32"]
    for side, found in kept.items():
        half = "bfloat16" in side or "half" in side
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


def test_a_plain_side_that_is_far_slower_takes_no_part_in_the_rounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0

    def takes(seconds: float) -> network_steps.Step:
        def step() -> None:
            nonlocal now
            now += seconds

        return step

    monkeypatch.setattr(network_steps.time, "perf_counter", lambda: now)
    quick, slow, slowest = list(network_steps.PLAIN)[:3]
    steps = {network_steps.EXPLORER: takes(16.0)}
    steps |= {quick: takes(4.0), slow: takes(7.0), slowest: takes(9.0)}
    times = network_steps.measure(steps, rounds=2, seconds=0.0)
    assert times == {network_steps.EXPLORER: [16.0] * 2, quick: [4.0] * 2, slow: [7.0] * 2}
