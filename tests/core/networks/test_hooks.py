"""Reading a network's activations through hooks."""

import threading

import pytest
import torch
from torch import Tensor, nn

from core.errors import ExplorerError
from core.networks.hooks import HookedExtractor, observe_outputs
from core.networks.tracing import OutputNode


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Conv2d(4, 5, 2), nn.ReLU(inplace=True)
    ).eval()


def hooks_in(module: nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def test_every_module_is_seen_as_it_ends() -> None:
    module, seen = network(), list[str]()
    with observe_outputs(module, lambda path, part, output: seen.append(path)):
        module(torch.rand(1, 3, 6, 7))
    assert seen == ["0.0", "0.1", "0", "1", "2", ""]
    assert hooks_in(module) == 0


def test_nothing_stays_behind_after_an_exception() -> None:
    module = network()

    def watcher(path: str, part: nn.Module, output: Tensor) -> None:
        if path == "1":
            raise ValueError("enough")

    with pytest.raises(ValueError, match="enough"), observe_outputs(module, watcher):
        module(torch.rand(1, 3, 6, 7))
    assert hooks_in(module) == 0
    short = HookedExtractor(module, (OutputNode("1", "one"),))
    with pytest.raises(RuntimeError):
        short(torch.rand(1, 4, 6, 7))
    assert hooks_in(module) == 0


def test_the_network_stops_at_the_last_wanted_module() -> None:
    module, image = network(), torch.rand(2, 3, 6, 7)
    module[2] = nn.Linear(99, 99)  # would raise
    found = HookedExtractor(module, (OutputNode("0.1", "relu"), OutputNode("1", "conv")))(image)
    assert torch.equal(found["relu"], module[0](image))
    assert torch.equal(found["conv"], module[1](module[0](image)))
    assert hooks_in(module) == 0


def test_values_are_not_overwritten_and_channels_come_first() -> None:
    module, image = network(), torch.rand(2, 3, 6, 7)
    found = HookedExtractor(module, (OutputNode("1", "conv", axis=3), OutputNode("2", "relu")))(
        image
    )
    assert found["conv"].shape == (2, 4, 5, 3)
    assert found["conv"].min() < 0
    assert found["relu"].min() == 0


def test_a_module_that_does_not_run_is_named() -> None:
    module = network()
    module[0].forward = lambda x: module[0][0](x)  # type: ignore[method-assign]
    with pytest.raises(ExplorerError, match=r"did not run on this picture: 0\.1"):
        HookedExtractor(module, (OutputNode("0.1", "a"), OutputNode("1", "b")))(
            torch.rand(1, 3, 6, 7)
        )
    assert hooks_in(module) == 0


def test_dead_units_get_gradient() -> None:
    module = network()
    with torch.no_grad():
        module[0][0].bias.fill_(-9.0)
    for redirect in (False, True):
        image = torch.rand(1, 3, 6, 7, requires_grad=True)
        out = HookedExtractor(module, (OutputNode("0.1", "relu"),), redirect)(image)["relu"]
        (-out.sum()).backward()
        assert image.grad is not None
        assert bool(image.grad.abs().max() > 0) == redirect


def test_other_threads_are_not_seen() -> None:
    module, seen = network(), list[str]()
    with observe_outputs(module, lambda path, part, output: seen.append(path)):
        other = threading.Thread(target=module, args=(torch.rand(1, 3, 6, 7),))
        other.start()
        other.join()
    assert seen == []
