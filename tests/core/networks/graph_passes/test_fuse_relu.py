"""Fused convolutions have the values and gradients of a convolution and a ReLU in sequence."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from core import devices
from core.networks import network as network_module
from core.networks.graph_passes.fold_stride import fold_strided_conv
from core.networks.graph_passes.fuse_relu import FusedConvolution, can_fuse, fuse_conv_relu
from core.networks.graph_passes.pool_and_precision import pool_before_relu
from core.networks.tracing import OutputNode, never_trace, trace, truncate
from tests.conftest import as_network


class Fire(nn.Module):
    """Two concatenated branches, as in SqueezeNet, that a convolution reads."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(6, 4, 1)
        self.one = nn.Conv2d(4, 5, 1)
        self.three = nn.Conv2d(4, 3, 3, padding=1)
        self.last = nn.Conv2d(8, 6, 3, padding=2)

    def forward(self, image: Tensor) -> Tensor:
        seen = torch.relu(self.squeeze(image))
        return F.relu(self.last(torch.cat([self.one(seen).relu(), F.relu(self.three(seen))], 1)))


class HalfJoined(nn.Module):
    """Concatenates the result of a ReLU with a tensor that no ReLU computed."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(3, 5, 3), nn.Conv2d(3, 4, 3)
        self.last = nn.Conv2d(9, 6, 2)

    def forward(self, image: Tensor) -> Tensor:
        return self.last(torch.cat([F.relu(self.one(image)), self.two(image)], 1))


class Skipping(nn.Module):
    """Adds its input to its output, as in a residual network."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, image: Tensor) -> Tensor:
        seen = self.relu(self.first(image))
        return self.relu(self.second(seen) + seen)


def stack(*parts: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*parts)


RELU = nn.ReLU()
MODULES: dict[str, Callable[[], nn.Module]] = {
    "one behind the other": stack(nn.Conv2d(3, 6, 3), RELU, nn.Conv2d(6, 5, (3, 2)), RELU),
    "no bias": stack(nn.Conv2d(3, 6, 3, padding=1, bias=False), RELU),
    "no ReLU": stack(nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 4, 1)),
    "another ReLU": stack(nn.Conv2d(3, 6, 3), nn.ReLU6(), nn.Conv2d(6, 4, 1), nn.SiLU()),
    "folded": stack(nn.Conv2d(3, 6, 5, stride=2, padding=1), RELU, nn.Conv2d(6, 4, 1), RELU),
    "strided": stack(nn.Conv2d(3, 6, 3), RELU, nn.Conv2d(6, 4, 3, 2, 1), RELU),
    "dilated": stack(nn.Conv2d(3, 6, 3, dilation=2, padding=2), RELU),
    "by channel": stack(nn.Conv2d(3, 6, 1), RELU, nn.Conv2d(6, 6, 3, groups=6), RELU),
    "by channel, strided": stack(
        *(nn.Conv2d(3, 6, 1), RELU, nn.Conv2d(6, 12, (3, 5), (2, 1), 1, groups=6), RELU),
        *(nn.Conv2d(12, 12, 3, 3, dilation=(1, 2), groups=12), nn.Conv2d(12, 4, 1)),
    ),
    "in groups": stack(
        *(nn.Conv2d(3, 6, 1), RELU, nn.Conv2d(6, 9, (3, 2), padding=1, groups=3), RELU),
        *(nn.Conv2d(9, 6, 3, 2, groups=3), nn.Conv2d(6, 12, 3, padding=(2, 1), groups=2)),
    ),
    "wide padding": stack(nn.Conv2d(3, 6, (1, 3), padding=(1, 2)), RELU),
    "average pooling": stack(nn.Conv2d(3, 6, 3), RELU, nn.AvgPool2d(2), nn.Conv2d(6, 4, 3), RELU),
    "maximum pooling": stack(nn.Conv2d(3, 6, 3), RELU, nn.MaxPool2d(2), nn.Conv2d(6, 4, 3), RELU),
    "fire": lambda: nn.Sequential(nn.Conv2d(3, 6, 3), RELU, nn.MaxPool2d(3, 2), Fire()),
    "half joined": HalfJoined,
    "skipping": Skipping,
}


def lively(kind: str) -> nn.Module:
    torch.manual_seed(1)
    module = copy.deepcopy(MODULES[kind]())
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module.eval().requires_grad_(False)


def traced(module: nn.Module, *names: str) -> fx.GraphModule:
    found = trace(module)
    assert found is not None
    wanted = names or (found.names[list(found.graph.nodes)[-2]],)
    return truncate(found, [OutputNode(name, name) for name in wanted])


def parts(network: fx.GraphModule) -> list[FusedConvolution]:
    return [part for part in network.modules() if isinstance(part, FusedConvolution)]


@pytest.mark.parametrize("kind", MODULES)
@pytest.mark.parametrize("count", [1, 3])
def test_values_and_gradients(kind: str, count: int) -> None:
    module = lively(kind)
    network = fuse_conv_relu(pool_before_relu(fold_strided_conv(traced(module))))
    assert len(parts(network)) == sum(isinstance(it, nn.Conv2d) for it in module.modules())
    image = torch.randn(count, 3, 21, 26, dtype=torch.float64).requires_grad_()
    expected = copy.deepcopy(module).double()(image)
    single = image.detach().float().requires_grad_()
    (found,) = network(single).values()
    assert torch.allclose(found.double(), expected, rtol=1e-5, atol=1e-4)
    pull = torch.randn_like(expected)
    (slope,) = torch.autograd.grad(expected, image, pull)
    (found_slope,) = torch.autograd.grad(found, single, pull.float())
    assert bool(slope.any()) and torch.allclose(found_slope.double(), slope, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", MODULES)
def test_half_precision(kind: str) -> None:
    module = lively(kind).bfloat16()
    network = fuse_conv_relu(traced(module))
    image = torch.randn(2, 3, 21, 26, dtype=torch.bfloat16).requires_grad_()
    expected = module(image)
    (found,) = network(image).values()
    pull = torch.randn_like(expected)
    slopes = [torch.autograd.grad(out, image, pull)[0].float() for out in (expected, found)]
    for one, other in ((expected.float(), found.float()), slopes):
        assert F.cosine_similarity(one.flatten(), other.flatten(), 0) > 0.999


def test_relus_go_with_their_convolutions() -> None:
    network = fuse_conv_relu(traced(lively("fire")))
    assert [part.relu for part in parts(network)] == [True] * 5
    assert not any("relu" in str(node.target).lower() for node in network.graph.nodes)


def test_what_is_wanted_is_still_there() -> None:
    module = lively("one behind the other")
    image = torch.randn(1, 3, 12, 9).requires_grad_()
    seen = fuse_conv_relu(traced(module, "0", "1", "2"))(image)
    for name, end in (("0", 1), ("1", 2), ("2", 3)):
        plain = module[:end](image)  # type: ignore[index]
        assert torch.allclose(seen[name], plain, atol=1e-5)
        pull = torch.randn_like(plain)
        slopes = [
            torch.autograd.grad(it, image, pull, retain_graph=True)[0] for it in (seen[name], plain)
        ]
        assert torch.allclose(*slopes, atol=1e-4)


def test_a_gradient_that_somebody_else_reads_too_is_not_overwritten() -> None:
    module = lively("one behind the other")
    network = fuse_conv_relu(traced(module))
    image = torch.randn(1, 3, 12, 9).requires_grad_()
    (seen,) = network(image).values()
    pull = torch.randn_like(seen)
    kept = pull.clone()
    for _ in range(2):
        torch.autograd.grad(seen, image, pull, retain_graph=True)
    assert torch.equal(pull, kept)


@pytest.mark.parametrize(
    "part",
    [
        nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(3, 4, 3, padding="same"),
        nn.Conv2d(3, 4, 3).double(),
        nn.Conv2d(3, 4, 3, device="meta"),
        nn.Conv1d(3, 4, 3),
        nn.Linear(3, 4),
    ],
)
def test_what_is_left_alone(part: nn.Module) -> None:
    assert not can_fuse(part)


def test_images_of_several_sizes_take_turns() -> None:
    """Kernels are reordered when the image size changes."""
    convolution = nn.Conv2d(5, 7, 3, padding=1)
    fused = FusedConvolution(convolution, relu=True)
    for shape in ((2, 5, 8, 8), (1, 5, 31, 9), (2, 5, 8, 8), (3, 5, 1, 4)):
        image = torch.randn(shape, generator=torch.Generator().manual_seed(1)).requires_grad_()
        wanted = F.relu(convolution(image))
        slope = torch.randn_like(wanted)
        torch.testing.assert_close(fused(image), wanted, rtol=1e-4, atol=1e-5)
        (own,) = torch.autograd.grad(fused(image), image, slope)
        (other,) = torch.autograd.grad(wanted, image, slope)
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-5)


def test_the_gradient_of_a_strided_convolution_by_channel_is_rounded_once() -> None:
    torch.manual_seed(0)
    convolution = nn.Conv2d(6, 6, 3, 2, 1, groups=6).bfloat16().requires_grad_(False)
    fused = FusedConvolution(convolution, relu=False)
    image, pull = torch.randn(2, 6, 13, 18).bfloat16(), torch.randn(2, 6, 7, 9).bfloat16()
    exact = copy.deepcopy(convolution).double()
    leaf = image.double().requires_grad_()
    (right,) = torch.autograd.grad(exact(leaf), leaf, pull.double())
    found = fused.input_gradient(pull, image)
    assert found.dtype == torch.bfloat16 and bool(found.any())
    # Half a unit in the last place, and as much for sums in float32.
    torch.testing.assert_close(found.double(), right, rtol=2**-8, atol=1e-6)


def by_channel(kernel: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), kernel, nn.ReLU(), nn.Conv2d(6, 4, 1))


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("kernel", "traceable", "slow"),
    [
        (nn.Conv2d(6, 6, 3, 2, groups=6), True, False),
        (nn.Conv2d(6, 6, 3, 2, groups=6), False, True),
        (nn.Conv2d(6, 6, 3, groups=6), False, False),
        (nn.Conv2d(6, 6, 3, 2), False, False),
        # Reflecting padding is not fused.
        (nn.Conv2d(6, 6, 3, 2, 1, groups=6, padding_mode="reflect"), True, True),
    ],
)
def test_which_networks_are_computed_in_half(
    kernel: nn.Module, traceable: bool, slow: bool, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (devices, network_module):
        monkeypatch.setattr(place, "has_fast_bfloat16", lambda device: fast)
    module = by_channel(kernel)
    if not traceable:
        never_trace(module)
    network = as_network(module)
    image = torch.rand(2, 3, 24, 20)
    half = fast and not slow
    for redirected in (False, True):
        extractor = network.extractor(["4"], redirected, for_gradients=True)
        assert extractor.in_half == half
        assert extractor(image)["4"].dtype == (torch.bfloat16 if half else torch.float32)
        if traceable:
            weights = {it.dtype for it in extractor.body.parameters()}
            assert weights == {torch.bfloat16 if half else torch.float32}
    exact = network.extractor(["4"])
    assert not exact.in_half and exact(image)["4"].dtype == torch.float32
