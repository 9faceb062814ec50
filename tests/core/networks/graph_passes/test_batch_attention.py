"""Self-attention with the batch axis first computes what torch's module computes."""

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import vision_transformer

from core.networks.graph_passes.batch_attention import BatchedAttention, batch_attention
from core.networks.tracing import OutputNode, trace, truncate


def run(body: nn.Module, image: Tensor) -> tuple[Tensor, Tensor]:
    value = body(image)["it"]
    (gradient,) = torch.autograd.grad(value.square().sum(), image)
    return value.detach(), gradient


def test_a_transformer_computes_the_same() -> None:
    torch.manual_seed(0)
    module = vision_transformer.VisionTransformer(16, 4, 2, 2, 12, 20, num_classes=7)
    module.eval().requires_grad_(False).double()
    for name, value in module.named_parameters():
        if "bias" in name:
            value.uniform_(-1, 1)
    traced = trace(module)
    assert traced is not None
    node = traced.names[traced.outputs["encoder.layers.encoder_layer_1"]]
    before, after = (truncate(traced, [OutputNode(node, "it")]) for _ in range(2))
    batch_attention(after)
    kinds = [type(it) for it in after.modules()]
    assert kinds.count(BatchedAttention) == 2
    assert nn.MultiheadAttention not in kinds
    image = torch.randn(3, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    for one, other in zip(run(before, image), run(after, image), strict=True):
        assert torch.allclose(one, other, atol=1e-10)
    assert [it for it in module.modules() if isinstance(it, nn.MultiheadAttention)]


class Attending(nn.Module):
    def __init__(self, **options: bool) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, **options)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.attention(x, x, x, need_weights=False)[0]
        return result


class Crossing(Attending):
    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.attention(x, x + 1, x, need_weights=False)[0]
        return result


@pytest.mark.parametrize(
    "module",
    [
        Attending(),
        Attending(batch_first=True, add_zero_attn=True),
        Attending(batch_first=True, add_bias_kv=True),
        Crossing(batch_first=True),
    ],
)
def test_other_attention_stays(module: nn.Module) -> None:
    traced = trace(module.eval())
    assert traced is not None
    body = batch_attention(traced.assemble(traced.graph))
    assert [it for it in body.modules() if isinstance(it, nn.MultiheadAttention)]
