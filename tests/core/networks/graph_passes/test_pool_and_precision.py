"""Pooling before the ReLU changes no bit of the result, nor of its gradient."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.graph_passes.fold_stride import fold_strided_conv
from core.networks.graph_passes.pool_and_precision import pool_before_relu, weights_to_bfloat16
from core.networks.redirected_relu import redirected_relu
from core.networks.tracing import OutputNode, trace, truncate


class Fire(nn.Module):
    """Two concatenated branches with a ReLU each, as in SqueezeNet."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 4, 1)
        self.three = nn.Conv2d(3, 5, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        return torch.cat([self.relu(self.one(image)), F.relu(self.three(image))], 1)


class Functional(nn.Module):
    """Calls functions, and pools with padding."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3)

    def forward(self, image: Tensor) -> Tensor:
        seen = torch.relu(self.convolution(image))
        return F.max_pool2d(seen, 3, stride=2, padding=1)


class Forked(nn.Module):
    """Its ReLU is read by the pool and by another operation."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        seen = torch.relu(self.convolution(image))
        return F.max_pool2d(seen, 2) + seen[..., ::2, ::2]


def plain() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(3, 2, ceil_mode=True))


def halves(image: Tensor) -> Tensor:
    """Round coarsely, so that a window has several equal maxima."""
    return (image * 2).round() / 2


MODULES = {
    "plain": plain,
    "then more": lambda: nn.Sequential(plain(), nn.Conv2d(4, 6, 3), nn.ReLU(), nn.MaxPool2d(2)),
    "joined": lambda: nn.Sequential(Fire(), nn.MaxPool2d(3, 2)),
    "functions": Functional,
    "forked": Forked,
    "ReLU6": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU6(), nn.MaxPool2d(2)),
}
# The modules in which a ReLU can be moved.
MOVED = ("plain", "then more", "joined", "functions")


def traced(module: nn.Module, *names: str, redirect: bool = False) -> fx.GraphModule:
    found = trace(module.eval().requires_grad_(False))
    assert found is not None
    wanted = names or (found.names[list(found.graph.nodes)[-2]],)
    return truncate(found, [OutputNode(name, name) for name in wanted], redirect)


def order(network: fx.GraphModule) -> list[str]:
    """Return ``pool`` or ``relu`` for each pool and each ReLU, in the order of execution."""
    found = []
    for node in network.graph.nodes:
        part = network.get_submodule(node.target) if node.op == "call_module" else node.target
        name = type(part).__name__ if isinstance(part, nn.Module) else getattr(part, "__name__", "")
        found += [kind for kind in ("pool", "relu") if kind in name.lower()]
    return found


@pytest.mark.parametrize("kind", MODULES)
def test_nothing_changes_by_a_bit(kind: str) -> None:
    torch.manual_seed(1)
    module = MODULES[kind]()
    for parameter in module.parameters():
        parameter.data = halves(parameter.data * 3)
    before, after = traced(module), pool_before_relu(traced(module))
    image = halves(torch.randn(2, 3, 18, 22)).requires_grad_()
    (one,), (other,) = before(image).values(), after(image).values()
    assert torch.equal(one, other) and bool((one == 0).any()) and bool((one > 0).any())
    pull = torch.randn_like(one)
    expected, found = (torch.autograd.grad(out, image, pull)[0] for out in (one, other))
    assert torch.equal(expected, found) and bool(expected.any())
    assert (order(after) != order(before)) == (kind in MOVED)
    if kind in MOVED:
        assert order(after)[:2] == ["pool", "relu"]


def test_what_is_wanted_is_still_there() -> None:
    torch.manual_seed(0)
    module = plain()
    image = torch.randn(1, 3, 9, 12)
    both = pool_before_relu(traced(module, "1", "2"))(image)
    assert torch.equal(both["1"], module[:2](image)) and torch.equal(both["2"], module(image))


def test_a_redirected_relu_stays_where_it_is() -> None:
    network = pool_before_relu(traced(plain(), redirect=True))
    assert [node.target for node in network.graph.nodes][2] is redirected_relu


def test_weights_in_half_precision_are_what_autocast_would_make_of_them() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU())
    image = torch.randn(2, 3, 16, 21).requires_grad_()
    before, after = (
        fold_strided_conv(traced(module)),
        weights_to_bfloat16(fold_strided_conv(traced(module))),
    )
    with torch.autocast("cpu", torch.bfloat16):
        (one,), (other,) = before(image).values(), after(image).values()
    assert torch.equal(one, other) and one.dtype == torch.bfloat16
    pull = torch.randn_like(one)
    expected, found = (torch.autograd.grad(out, image, pull)[0] for out in (one, other))
    assert torch.equal(expected, found)
    assert all(parameter.dtype == torch.float32 for parameter in module.parameters())


def test_double_precision_stays() -> None:
    network = weights_to_bfloat16(traced(plain().double()))
    image = torch.randn(1, 3, 9, 12, dtype=torch.float64)
    (seen,) = network(image).values()
    assert seen.dtype == torch.float64
