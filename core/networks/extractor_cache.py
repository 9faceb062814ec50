"""The truncated networks that a network keeps, limited in number and in memory."""

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import Tensor, nn

from core.networks.graph_passes.fuse_relu import FusedConvolution

Extractor = TypeVar("Extractor", bound=nn.Module)

EXTRACTORS_AT_MOST = 4
# Weights of their own that the extractors may have together. Those of ResNet-152 take 120 MB.
BYTES_AT_MOST = 512 * 2**20
# After more bytes than these were dropped, the memory is needed at once.
COLLECT_ABOVE = BYTES_AT_MOST // 8


class ExtractorCache(Generic[Extractor]):
    """The extractors of a network that were used last.

    An extractor may share all weights with the network, or have copies, such as those in half
    precision. Before another extractor is built, those that were used longest ago are dropped until
    fewer than ``EXTRACTORS_AT_MOST`` are left, whose copies take at most ``BYTES_AT_MOST``. So of
    extractors of a very large network only the last one is kept.
    """

    def __init__(self, network: nn.Module, build: Callable[..., Extractor]) -> None:
        """Create an empty cache.

        Args:
            network: the whole network, whose weights are not counted.
            build: function of the hashable arguments of ``get`` that builds an extractor.
        """
        self._network, self._build = network, build
        self._kept: OrderedDict[tuple[Hashable, ...], Extractor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, *arguments: Hashable) -> Extractor:
        """Return the extractor for some arguments, which is built if it is not kept."""
        with self._lock:
            if arguments in self._kept:
                self._kept.move_to_end(arguments)
                return self._kept[arguments]
            self._make_room()
        # Other threads don't wait; at worst two build the same extractor.
        extractor = self._build(*arguments)
        with self._lock:
            self._kept[arguments] = extractor
        return extractor

    def _make_room(self) -> None:
        # Measured now, as kernels are reordered after an extractor was built.
        sizes = [bytes_of_its_own(it, self._network) for it in self._kept.values()]
        dropped = 0
        while sizes and (len(sizes) >= EXTRACTORS_AT_MOST or sum(sizes) > BYTES_AT_MOST):
            self._kept.popitem(last=False)
            dropped += sizes.pop(0)
        if dropped > COLLECT_ABOVE:
            # A graph and its nodes refer to each other, so nothing else frees them soon.
            gc.collect()


def bytes_of_its_own(module: nn.Module, network: nn.Module) -> int:
    """Return how many bytes ``module`` takes besides the weights that it shares with ``network``.

    These are its weights of its own, and kernels in another memory layout.
    """

    def tensors(it: nn.Module) -> dict[int, Tensor]:
        return {id(tensor): tensor for tensor in (*it.parameters(), *it.buffers())}

    shared = tensors(network)
    copied = sum(it.nbytes for key, it in tensors(module).items() if key not in shared)
    fused = (it for it in module.modules() if isinstance(it, FusedConvolution))
    return copied + sum(it.kernel_bytes for it in fused)
