"""Replacement of torch's self-attention by one that keeps the batch axis first.

``nn.MultiheadAttention`` computes in the order ``[T, N, C]``. For inputs ``[N, T, C]`` it therefore
multiplies matrices that are not contiguous, for which bfloat16 has no fast kernel on a CPU: one of
these products took up to a second where a contiguous one takes 2 ms (ViT-B/32, 2 images, one core).
"""

import torch.nn.functional as F
from torch import Tensor, fx, nn

from core.networks.module_parts import has_hooks_inside
from core.networks.tracing import operation_of


class BatchedAttention(nn.Module):
    """Multi-head self-attention on tokens ``[N, T, C]``, in evaluation mode.

    The results agree with those of the original module up to rounding.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = attention.num_heads
        self.project_in = _linear(attention.in_proj_weight, attention.in_proj_bias)
        self.project_out = _linear(attention.out_proj.weight, attention.out_proj.bias)

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, None]:
        """Return the result ``[N, T, C]`` for three times the same tokens, and None."""
        count, tokens, channels = query.shape
        projected = self.project_in(query).view(count, tokens, 3, self.heads, -1)
        # Queries, keys and values, each [N, heads, T, C / heads].
        parts = (projected[:, :, at].transpose(1, 2) for at in range(3))
        attended = F.scaled_dot_product_attention(*parts)
        return self.project_out(attended.transpose(1, 2).reshape(count, tokens, channels)), None


def batch_attention(network: fx.GraphModule) -> fx.GraphModule:
    """Replace the self-attention of a graph where ``_is_plain`` allows it, in place; return it."""
    for count, node in enumerate(list(network.graph.nodes)):
        part = operation_of(network, node) if node.op == "call_module" else None
        if (
            isinstance(part, nn.MultiheadAttention)
            and _is_plain(part, node)
            and not has_hooks_inside(part)
        ):
            node.target = f"batched_attention_{count}"
            network.add_module(node.target, BatchedAttention(part).eval())
    network.delete_all_unused_submodules()
    network.recompile()
    return network


def _is_plain(part: nn.MultiheadAttention, node: fx.Node) -> bool:
    """Whether a node attends to its own tokens, without a mask, and returns no weights."""
    return (
        part.batch_first
        and part.in_proj_weight is not None
        and part.bias_k is None
        and not part.add_zero_attn
        and len(node.args) == 3
        and len(set(node.args)) == 1
        and dict(node.kwargs) == {"need_weights": False}
    )


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    rows, columns = weight.shape
    linear = nn.Linear(columns, rows, bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.detach(), requires_grad=False)
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return linear
