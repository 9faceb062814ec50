"""What a graph computes from parameters alone is computed once, with the same bits."""

import copy
from operator import attrgetter

import pytest
import torch
from torch import Tensor, fx, nn

from core.networks import torchvision_models
from core.networks.graph_passes.constants import constants_to_bfloat16, fold_constants
from core.networks.tracing import OutputNode, trace, truncate


class Positions(nn.Module):
    """Adds positions that a network computes from a table, and a token, and scales by a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(7, 5))
        self.index = nn.Buffer(torch.tensor([[0, 3, 6], [2, 2, 1]]))
        self.mix = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 6))
        self.token = nn.Parameter(torch.randn(1, 6, 1, 3))
        self.logit_scale = nn.Parameter(torch.randn(6, 1, 1))
        self.factor = nn.Parameter(torch.randn(6, 1, 1))
        self.inner = nn.Conv2d(3, 6, 1)

    def forward(self, image: Tensor) -> Tensor:
        where = self.mix(self.table[self.index.flatten()].view(2, 3, 5)).permute(2, 0, 1)
        seen = self.factor * self.inner(image) * self.logit_scale.exp() + where.contiguous()
        token = self.token.expand(seen.shape[0], -1, -1, -1)
        return torch.cat([token, seen], 2) + self.factor.square().sum()


def traced(module: nn.Module) -> fx.GraphModule:
    found = trace(module.eval().requires_grad_(False))
    assert found is not None
    last = found.names[list(found.graph.nodes)[-2]]
    return truncate(found, [OutputNode(last, last)])


def positions() -> Positions:
    torch.manual_seed(0)
    return Positions()


def constants(network: fx.GraphModule) -> list[str]:
    return [str(node.target) for node in network.graph.nodes if node.op == "get_attr"]


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_nothing_changes_by_a_bit(precision: torch.dtype) -> None:
    module = positions().to(precision)
    network = fold_constants(traced(copy.deepcopy(module)))
    image = torch.randn(4, 3, 2, 3, dtype=precision)
    (found,) = network(image).values()
    assert torch.equal(found, module(image)) and found.dtype == precision
    # The positions, the exponential and the sum; the factor and the token stay.
    names = constants(network)
    assert sorted(it for it in names if "constant" not in it) == ["factor", "token"]
    assert len(names) == 5 and not any("mix" in str(it.target) for it in network.graph.nodes)


def test_a_hook_may_compute_something_else_each_time() -> None:
    module = positions()
    module.mix[0].register_forward_hook(lambda part, args, out: out + torch.randn(1))
    network = fold_constants(traced(module))
    image = torch.randn(1, 3, 2, 3)
    first, second = (next(iter(network(image).values())) for _ in range(2))
    assert not torch.equal(first, second)


def test_the_parameters_of_other_graphs_stay() -> None:
    module = positions()
    before = {name: it.clone() for name, it in module.state_dict().items()}
    constants_to_bfloat16(fold_constants(traced(module)))
    after = module.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(before[name].dtype == after[name].dtype for name in before)


def test_activations_stay_in_bfloat16() -> None:
    module = positions()
    image = torch.randn(2, 3, 2, 3)
    network = constants_to_bfloat16(fold_constants(traced(copy.deepcopy(module))))
    with torch.autocast("cpu", torch.bfloat16):
        (found,) = network(image).values()
    right = module(image).detach()
    assert found.dtype == torch.bfloat16
    assert float((found.float() - right).norm() / right.norm()) < 0.02


@pytest.mark.parametrize("name", ["swin_t", "swin_v2_t"])
def test_attention_in_windows(name: str) -> None:
    torch.manual_seed(0)
    module = torchvision_models.build(name, device="cpu").features[:2].eval()
    module.requires_grad_(False)
    for each in module.parameters():
        each.add_(torch.randn_like(each) * 0.05)
    image = torch.randn(1, 3, 44, 60)
    (right,) = traced(copy.deepcopy(module))(image).values()
    network = fold_constants(traced(copy.deepcopy(module)))
    (found,) = network(image).values()
    assert torch.equal(found, right)
    constants_to_bfloat16(network)
    exact = {
        name.rpartition(".")[2]
        for name in constants(network)
        if attrgetter(name)(network).dtype == torch.float32
    }
    assert exact == ({"logit_scale"} if "v2" in name else set())
    with torch.autocast("cpu", torch.bfloat16):
        (half,) = network(image).values()
    assert float((half.float() - right).norm() / right.norm()) < 0.05
