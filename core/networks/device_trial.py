"""Trial of a network on a device that may lack some of its operations, or compute them wrongly.

Apple's MPS has no float64 and lacks some operations. Others have given wrong values without an
error, such as adaptive pooling of sizes that do not divide. Which ones depends on the versions of
PyTorch and macOS, so the network is tried, and the CPU is the reference.
"""

import copy
import dataclasses
import logging
import math

import torch
from torch import Tensor

from core.devices import RELIABLE, agree, memory_format
from core.errors import ExplorerError, reason_of
from core.networks.network import Network

LOG = logging.getLogger(__name__)
CPU = torch.device("cpu")


def settle(network: Network, wanted: str) -> Network:
    """Return a network on its device if that can compute it, else on the CPU.

    The reason for the CPU is logged as a warning, in one sentence.

    Args:
        network: the network. On a CPU and on CUDA it is not tried.
        wanted: ``auto``, or the device that somebody has chosen.

    Raises:
        ExplorerError: somebody has chosen a device that cannot compute the network.
    """
    if network.device.type in RELIABLE:
        return network
    on_cpu = _on_cpu(network)
    problem = find_problem(network, on_cpu)
    if not problem:
        return network
    reason = f"{network.device.type} cannot compute {network.name}: {problem}"
    if wanted != "auto":
        raise ExplorerError(f"{reason}; choose auto or cpu")
    LOG.warning("%s; the CPU does", reason)
    return on_cpu


def find_problem(network: Network, on_cpu: Network) -> str:
    """Return why a device cannot compute a network, in words; "" if it can.

    Args:
        network: the network on the device.
        on_cpu: the same network on the CPU.
    """
    try:
        expected = _compute(on_cpu)
    # An image that the network itself does not take tells nothing about the device.
    except Exception:
        return ""
    try:
        found = _compute(network)
    # What a device lacks, it tells by various exceptions.
    except Exception as error:
        return reason_of(error).rstrip(".")
    pairs = zip(("values", "gradients"), found, expected, strict=True)
    wrong = [what for what, one, other in pairs if not agree(one, other)]
    return f"its {wrong[0]} are not those of the CPU" if wrong else ""


def _on_cpu(network: Network) -> Network:
    module = copy.deepcopy(network.module)
    moved = module.to(CPU, memory_format=memory_format(CPU))  # type: ignore[call-overload]
    return dataclasses.replace(network, module=moved, device=CPU)


def _compute(network: Network) -> tuple[Tensor, Tensor]:
    """Return the last layer's output for a ramp, and the gradient of its sum of squares."""
    name = network.shown[-1].name
    shape = 1, network.channels, *network.input_size
    image = torch.linspace(0, 1, math.prod(shape)).view(shape).to(network.device).requires_grad_()
    with torch.enable_grad():
        output = network.extractor([name])(image)[name]
        (gradient,) = torch.autograd.grad(output.square().sum(), image)
    return output.detach().cpu(), gradient.cpu()
