"""The truncated networks that a network keeps, limited in number and in memory."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import nn

Extractor = TypeVar("Extractor", bound=nn.Module)

EXTRACTORS_AT_MOST = 4
# Weights of their own that the extractors may have together. Those of ResNet-152 take 120 MB.
BYTES_AT_MOST = 512 * 2**20


class ExtractorCache(Generic[Extractor]):
    """The extractors of a network that were used last.

    An extractor shares most weights with the network, but some have copies, such as those in half
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
        self._kept: OrderedDict[tuple[Hashable, ...], tuple[Extractor, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, *arguments: Hashable) -> Extractor:
        """Return the extractor for some arguments, which is built if it is not kept."""
        with self._lock:
            if arguments in self._kept:
                self._kept.move_to_end(arguments)
                return self._kept[arguments][0]
            self._make_room()
        # Other threads don't wait; at worst two build the same extractor.
        extractor = self._build(*arguments)
        size = bytes_of_its_own(extractor, self._network)
        with self._lock:
            self._kept[arguments] = extractor, size
        return extractor

    def _make_room(self) -> None:
        while self._kept and (
            len(self._kept) >= EXTRACTORS_AT_MOST
            or sum(size for _, size in self._kept.values()) > BYTES_AT_MOST
        ):
            self._kept.popitem(last=False)


def bytes_of_its_own(module: nn.Module, network: nn.Module) -> int:
    """Return how many bytes the weights of ``module`` take that are not those of ``network``."""

    def storages(it: nn.Module) -> dict[int, int]:
        tensors = [*it.parameters(), *it.buffers()]
        found = (tensor.untyped_storage() for tensor in tensors)
        return {storage.data_ptr(): storage.nbytes() for storage in found}

    shared = storages(network)
    return sum(size for place, size in storages(module).items() if place not in shared)
