"""Truncation of a network: nothing else runs, nothing is overwritten, dead units get gradient."""

import threading

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models

from core.networks import layers, torchvision_models, tracing
from core.networks.redirected_relu import redirected_relu
from core.networks.tracing import OutputNode, trace, truncate


def cut_at(module: nn.Module, *nodes: str, redirect_relu: bool = False) -> nn.Module:
    traced = trace(module.eval())
    assert traced is not None
    return truncate(traced, [OutputNode(node, node) for node in nodes], redirect_relu)


class Checked(nn.Module):
    """A block that asserts a property of its input, as torchvision's transformer does."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        torch._assert(x.dim() == 4, "four axes, please")
        return self.conv(x)


def test_nothing_below_the_deepest_layer_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[nn.Module] = []
    forward = nn.Conv2d.forward

    def counting(self: nn.Conv2d, x: Tensor) -> Tensor:
        calls.append(self)
        return forward(self, x)

    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), Checked(), Checked(), Checked())
    short = cut_at(module, "1", "2.conv")
    monkeypatch.setattr(nn.Conv2d, "forward", counting)
    short(torch.rand(1, 3, 5, 6))
    assert calls == [module[0], module[2].conv]
    assert {part for part in short.modules() if isinstance(part, nn.Conv2d)} == set(calls)


def test_side_branches_are_left_out() -> None:
    torch.manual_seed(0)
    module = models.googlenet(init_weights=False).eval()
    short = cut_at(module, "inception3a.branch1.relu")
    held = [part for part in short.modules() if isinstance(part, nn.Conv2d)]
    # Three convolutions in the stem, and that of the branch.
    assert len(held) == 4


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "mobilenet_v3_small"])
def test_no_activation_is_overwritten(name: str) -> None:
    """The values of all nodes together are those of networks truncated at each node."""
    torch.manual_seed(0)
    options = {"init_weights": False} if name == "googlenet" else {}
    module = models.get_model(name, weights=None, num_classes=5, **options).double().eval()
    image = torch.rand(2, 3, 33, 40, dtype=torch.float64)
    nodes = [layer.node for layer in layers.list_layers(module, (33, 40))]
    with torch.no_grad():
        together = cut_at(module, *nodes)(image)
        for node in nodes[:: max(1, len(nodes) // 25)]:
            assert torch.equal(cut_at(module, node)(image)[node], together[node]), node
        assert torch.equal(together[nodes[-1]], module(image))
    if name == "resnet18":
        assert together["bn1"].min() < 0
        assert together["layer1.0.bn2"].min() < 0
    if name == "googlenet":
        assert together["conv1.bn"].min() < 0


class InPlace(nn.Module):
    """All kinds of in-place operations, with later use of the overwritten tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        self.act(x)
        y = x * 2 - 0.5
        F.relu(y, inplace=True)
        y.add_(x)
        z = y - 1
        torch.relu_(z)
        z += y
        w = self.act(z - 2)
        w.mul_(3.0)
        return w + z


def test_in_place_steps_keep_their_effect() -> None:
    torch.manual_seed(0)
    module = InPlace().eval()
    image = torch.rand(2, 3, 4, 5)
    traced = trace(module)
    assert traced is not None
    names = [name for node, name in traced.names.items() if node.op.startswith("call")]
    with torch.no_grad():
        found = truncate(traced, [OutputNode(name, name) for name in names])(image)
        assert torch.allclose(found[names[-1]], module(image))
        # The activation before the first ReLU keeps its negative values.
        assert torch.equal(found["conv"], module.conv(image))
    assert found["conv"].min() < 0
    assert module.act.inplace


def test_channels_move_to_axis_one() -> None:
    traced = trace(nn.Sequential(nn.Linear(5, 7)).eval())
    assert traced is not None
    found = truncate(traced, [OutputNode("0", "wide", axis=3)])(torch.rand(2, 3, 4, 5))
    assert found["wide"].shape == (2, 7, 3, 4)


def slow_redirected(x: Tensor, gradient: Tensor, ceiling: float) -> Tensor:
    """Lucid's rule for the gradient of a loss, one number at a time."""
    result = torch.zeros_like(gradient)
    for picture in range(x.shape[0]):
        inputs, slopes = x[picture].flatten().tolist(), gradient[picture].flatten().tolist()
        numbers = list(zip(inputs, slopes, strict=True))
        ordinary = [g if 0 < value < ceiling else 0.0 for value, g in numbers]
        redirected = []
        for value, g in numbers:
            lower_still = value < 0 and g > 0
            higher_still = value > ceiling and g < 0
            redirected.append(0.0 if lower_still or higher_still else g)
        chosen = ordinary if any(g != 0 for g in ordinary) else redirected
        result[picture] = torch.tensor(chosen, dtype=x.dtype).view_as(x[picture])
    return result


@pytest.mark.parametrize("ceiling", [float("inf"), 6.0])
@pytest.mark.parametrize("seed", range(4))
def test_redirected_gradient_against_the_rule(ceiling: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(4, 3, 2, 5, generator=generator, dtype=torch.float64) * 6
    gradient = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    x[1] = -x[1].abs()  # inactive ReLUs
    x[2] = x[2].abs() + 7  # above the ceiling of a ReLU6
    gradient[3] = gradient[3] * (x[3] < 0)  # gradient at inactive positions only
    x.requires_grad_()
    out = redirected_relu(x, ceiling)
    assert torch.equal(out, x.clamp(0, ceiling))
    out.backward(gradient)
    assert x.grad is not None
    assert torch.equal(x.grad, slow_redirected(x.detach(), gradient, ceiling))


def test_each_picture_is_redirected_by_itself() -> None:
    x = torch.tensor([[-1.0, -2.0], [1.0, -2.0]], requires_grad=True)
    redirected_relu(x).backward(torch.tensor([[-1.0, 1.0], [-1.0, -1.0]]))
    assert x.grad is not None
    assert x.grad.tolist() == [[-1.0, 0.0], [-1.0, 0.0]]


class Functional(nn.Module):
    """ReLUs of every kind in sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.module, self.six = nn.ReLU(inplace=True), nn.ReLU6()

    def forward(self, x: Tensor) -> Tensor:
        x = self.six(self.module(self.conv(x)))
        x = F.relu(x, inplace=True)
        return F.relu6(torch.relu(x)).relu()


def test_a_dead_unit_gets_gradient() -> None:
    torch.manual_seed(0)
    module = Functional().eval()
    assert module.conv.bias is not None
    with torch.no_grad():
        module.conv.bias.fill_(-50.0)
    module.requires_grad_(False)
    gradients = {}
    for redirect in (False, True):
        image = torch.rand(2, 3, 4, 5, requires_grad=True)
        out = cut_at(module, "relu_2", redirect_relu=redirect)(image)["relu_2"]
        assert out.abs().max() == 0
        (-out[:, 1].mean()).backward()
        gradients[redirect] = image.grad
    assert gradients[False] is not None
    assert gradients[True] is not None
    assert gradients[False].abs().max() == 0
    # Gradient descent activates the unit: the gradient is that of the convolution alone.
    wanted = -module.conv.weight[1].view(1, 3, 1, 1) / (2 * 4 * 5)
    assert torch.allclose(gradients[True], wanted.expand_as(gradients[True]))


def test_live_units_are_untouched_by_redirection() -> None:
    torch.manual_seed(0)
    module = models.resnet18(num_classes=5).eval()
    gradients = []
    for redirect in (False, True):
        torch.manual_seed(1)
        image = torch.rand(2, 3, 33, 40, requires_grad=True)
        cut_at(module, "layer2.0.relu_1", redirect_relu=redirect)(image)[
            "layer2.0.relu_1"
        ].sum().backward()
        gradients.append(image.grad)
    assert gradients[0] is not None
    assert torch.equal(gradients[0], gradients[1])


class Constant(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1) + x


def test_tracing_leaves_nothing_behind() -> None:
    module = Constant().eval()
    before = dict(vars(module))
    short = cut_at(module, "add")
    assert vars(module) == before
    image = torch.rand(1, 3, 2, 2)
    assert torch.equal(short(image)["add"], module(image))


def test_what_cannot_be_traced_gives_none() -> None:
    class Moody(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x if x.mean() > 0 else -x

    assert trace(Moody().eval()) is None


def test_networks_in_other_threads_run_while_one_is_traced() -> None:
    """During tracing, torch.fx patches every module of the process."""
    torch.manual_seed(0)
    module = nn.Sequential(*[nn.Conv2d(3, 3, 1) for _ in range(20)], InPlace()).eval()
    image = torch.rand(1, 3, 4, 4)
    with torch.no_grad():
        right = module(image)
    stop, problems, runs = threading.Event(), list[Exception](), [0]

    def keep_running() -> None:
        while not stop.is_set():
            try:
                with torch.no_grad():
                    out = module(image)
                if not torch.equal(out, right):
                    raise ValueError(f"another result: {type(out)}")
            except Exception as error:
                problems.append(error)
                return
            runs[0] += 1

    worker = threading.Thread(target=keep_running)
    worker.start()
    traces = [trace(module) for _ in range(30)]
    stop.set()
    worker.join()
    assert not problems
    assert runs[0] > 0
    assert None not in traces
    assert tracing._TRACING.acquire(blocking=False)
    tracing._TRACING.release()


class Numbered(nn.Module):
    """Modules and functions whose own names end like counters."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_1 = nn.Conv2d(3, 3, 1)
        self.conv_2 = nn.Conv2d(3, 3, 1)
        self.conv_1_2 = nn.Conv2d(3, 3, 1)
        self.conv_1_3 = nn.Conv2d(3, 3, 1)
        self.conv = nn.Conv2d(3, 3, 1)
        self.scale_1 = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_1(x) + self.conv_2(x) + self.conv_1(x)
        x = self.conv_1_2(x) + self.conv_1_3(x) + self.conv(x) + self.conv_1_2(x)
        return F.relu(F.relu(x) * self.scale_1 + self.scale_1)


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second_1 = Numbered(), Numbered()

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.second_1(self.first(x)) + self.first(x) + 1)


NETWORKS = ("googlenet", "shufflenet_v2_x0_5", "swin_t", "vit_b_32", "mobilenet_v3_small")


@pytest.mark.parametrize("name", ["", *NETWORKS])
def test_nodes_have_the_names_that_torchvision_gives_them(name: str) -> None:
    from torchvision.models.feature_extraction import NodePathTracer

    module = torchvision_models.build(name) if name else Nested()
    reference = NodePathTracer()
    reference.trace(module.eval())
    traced = trace(module)
    assert traced is not None
    assert list(traced.names.values()) == list(reference.node_to_qualname.values())
