"""Choice of layers by depth: evenly spaced ones, and the one nearest to a given depth."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class HasDepth(Protocol):
    """Anything with a depth, such as a layer."""

    @property
    def depth(self) -> float:
        """From 0 at the image to 1 at the logits."""


def evenly_spaced(items: Sequence[T], count: int) -> list[T]:
    """Return evenly spaced items in their order, including the first and the last item.

    Args:
        items: for example layers from shallow to deep; if there are fewer than ``count``, all are
            returned.
        count: number of items to return, at least 1; 1 returns the first item alone.
    """
    count = min(count, len(items))
    return [items[round(i * (len(items) - 1) / max(count - 1, 1))] for i in range(count)]


def ends_of_equal_parts(items: Sequence[T], count: int) -> list[T]:
    """Split items into ``count`` runs of about equal length; return the last item of each run.

    The order stays. Unlike with ``evenly_spaced``, the first item is usually left out, and a count
    of 1 returns the last item alone. Example: with a count of 3, ``abcdef`` gives b, d and f.
    """
    count = min(count, len(items))
    return [items[round((i + 1) * len(items) / count) - 1] for i in range(count)]


def nearest_to_depth(layers: Sequence[HasDepth], depth: float) -> int:
    """Return the index of the layer whose depth is nearest to ``depth``; the first one of ties."""
    return min(range(len(layers)), key=lambda i: abs(layers[i].depth - depth))
