"""Folded batch normalisation has the values and gradients of a separate one."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.graph_passes.fold_batch_norm import fold_batch_norm
from core.networks.tracing import OutputNode, trace, truncate


class Functional(nn.Module):
    """Calls the function with parameters of its own, as timm's layers do."""

    def __init__(self, training: bool = False, computed: bool = False) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 3, bias=False)
        self.norm = nn.BatchNorm2d(6, eps=1e-3)
        self.used, self.computed = training, computed

    def forward(self, image: Tensor) -> Tensor:
        norm = self.norm
        weight = norm.weight.exp() if self.computed else norm.weight
        mean, variance = norm.running_mean, norm.running_var
        seen = self.convolution(image)
        return F.batch_norm(seen, mean, variance, weight, norm.bias, self.used, eps=norm.eps).relu()


class Twice(nn.Module):
    """Calls one convolution twice, with a batch normalisation of its own for each call."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.shared = nn.Conv2d(4, 4, (3, 2), padding=1)
        self.one, self.two = nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False)

    def forward(self, image: Tensor) -> Tensor:
        seen = self.one(self.shared(self.first(image))).relu()
        result: Tensor = self.two(self.shared(seen))
        return result


class Forked(nn.Module):
    """Reads the result of the convolution before the batch normalisation, too."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)

    def forward(self, image: Tensor) -> Tensor:
        seen = self.convolution(image)
        result: Tensor = self.norm(seen) + seen
        return result


def hooked(part: str) -> nn.Module:
    module = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6))
    module.get_submodule(part).register_forward_hook(lambda part, args, out: out * 0.5)
    return module


def stack(*parts: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*parts)


FOLDED: dict[str, Callable[[], nn.Module]] = {
    "one behind the other": stack(
        *(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Conv2d(6, 5, (3, 2), stride=2, bias=False), nn.BatchNorm2d(5, eps=0.1), nn.SiLU()),
    ),
    "padded": stack(nn.Conv2d(3, 6, 3, padding=2), nn.BatchNorm2d(6, affine=False)),
    "by channel": stack(nn.Conv2d(3, 6, 3, groups=3, dilation=2), nn.BatchNorm2d(6), nn.ReLU6()),
    "two in a row": stack(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.BatchNorm2d(6)),
    "function": Functional,
    "twice": Twice,
}
STAYING: dict[str, Callable[[], nn.Module]] = {
    "forked": Forked,
    "statistics of the batch": stack(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, track_running_stats=False)
    ),
    "function in training": lambda: Functional(training=True),
    "computed weights": lambda: Functional(computed=True),
    "a hook before": lambda: hooked("0"),
    "a hook behind": lambda: hooked("1"),
    "before the convolution": stack(nn.BatchNorm2d(3), nn.Conv2d(3, 6, 3)),
    "not behind a convolution": stack(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.BatchNorm2d(6)),
    "transposed": stack(nn.ConvTranspose2d(3, 6, 3), nn.BatchNorm2d(6)),
}


def lively(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode whose weights and statistics are random and differ."""
    torch.manual_seed(3)
    module = copy.deepcopy(module)
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if value.is_floating_point():
            value.data.uniform_(0.2, 2) if "var" in name else value.data.normal_()
    return module.eval().requires_grad_(False)


def traced(module: nn.Module, *names: str) -> fx.GraphModule:
    found = trace(module)
    assert found is not None
    wanted = names or (found.names[list(found.graph.nodes)[-2]],)
    return truncate(found, [OutputNode(name, name) for name in wanted])


def norms(network: fx.GraphModule) -> int:
    """Return how many nodes of a graph normalise."""
    return sum(
        node.target is F.batch_norm
        or (
            node.op == "call_module"
            and isinstance(network.get_submodule(str(node.target)), nn.BatchNorm2d)
        )
        for node in network.graph.nodes
    )


def value_and_slope(network: nn.Module, image: Tensor, pull: Tensor) -> tuple[Tensor, Tensor]:
    leaf = image.detach().requires_grad_()
    (value,) = network(leaf).values()
    return value.detach(), torch.autograd.grad((value * pull).sum(), leaf)[0]


@pytest.mark.parametrize(
    ("precision", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)], ids=str
)
@pytest.mark.parametrize("kind", FOLDED)
def test_values_and_gradients(kind: str, precision: torch.dtype, tolerance: float) -> None:
    module = lively(FOLDED[kind]()).to(precision)
    before, after = traced(module), fold_batch_norm(traced(module))
    assert norms(before) and not norms(after)
    # No parameter of a function is left behind.
    assert all(node.op != "get_attr" for node in after.graph.nodes)
    image = torch.randn(2, 3, 14, 19, dtype=precision)
    (pull,) = map(torch.randn_like, before(image).values())
    found = value_and_slope(after, image, pull)
    for one, other in zip(value_and_slope(before, image, pull), found, strict=True):
        assert one.dtype == other.dtype == precision and bool(one.any())
        assert float((one - other).norm() / one.norm()) < tolerance


@pytest.mark.parametrize("kind", STAYING)
def test_what_stays(kind: str) -> None:
    module = lively(STAYING[kind]())
    before, after = traced(module), fold_batch_norm(traced(module))
    assert norms(after) == norms(before) == 1
    image = torch.randn(2, 3, 14, 19)
    for one, other in zip(before(image).values(), after(image).values(), strict=True):
        assert torch.equal(one, other)


def test_what_is_wanted_is_still_there() -> None:
    module = lively(nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU()))
    image = torch.randn(1, 3, 9, 12)
    seen = fold_batch_norm(traced(module, "0", "2"))(image)
    assert torch.equal(seen["0"], module[:1](image))  # type: ignore[index]
    assert torch.equal(seen["2"], module(image))
    seen = fold_batch_norm(traced(module, "1", "2"))(image)
    torch.testing.assert_close(seen["1"], module[:2](image))  # type: ignore[index]


def test_weights_are_rounded_once() -> None:
    module = lively(nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)))
    exact = copy.deepcopy(module).double()
    single, double = (
        next(it for it in fold_batch_norm(traced(each)).modules() if isinstance(it, nn.Conv2d))
        for each in (module, exact)
    )
    assert torch.equal(single.weight, double.weight.float())
    assert single.bias is not None and double.bias is not None
    assert torch.equal(single.bias, double.bias.float())
