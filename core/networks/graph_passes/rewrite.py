"""All rewrites of a truncated network whose gradient is computed many times."""

import torch
from torch import fx

from core.networks.graph_passes.average_pool import divide_gradients
from core.networks.graph_passes.batch_attention import batch_attention
from core.networks.graph_passes.constants import constants_to_bfloat16, fold_constants
from core.networks.graph_passes.fold_batch_norm import fold_batch_norm
from core.networks.graph_passes.fold_stride import fold_strided_conv
from core.networks.graph_passes.fuse_relu import fuse_conv_relu
from core.networks.graph_passes.pool_and_precision import pool_before_relu, weights_to_bfloat16
from core.networks.graph_passes.separate_padding import separate_padding


def rewrite(body: fx.GraphModule, device: torch.device, in_half: bool) -> fx.GraphModule:
    """Return a graph, which is changed, with operations whose gradient is fast on a device.

    The passes that are for CPUs only are left out on other devices.

    Args:
        body: the graph, as ``tracing.truncate`` builds it.
        device: the device of its weights.
        in_half: whether it will run under autocast to bfloat16.
    """
    on_cpu = device.type == "cpu"
    body = fold_constants(fold_batch_norm(separate_padding(body)))
    if on_cpu:
        body = divide_gradients(fold_strided_conv(batch_attention(body)))
    body = pool_before_relu(body)
    if in_half:
        body = constants_to_bfloat16(weights_to_bfloat16(body))
    return fuse_conv_relu(body) if on_cpu else body
