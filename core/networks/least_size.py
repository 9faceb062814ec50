"""The smallest images that a network can process up to some of its layers.

Convolutions and poolings without padding leave no position of a small image. Whether they do so
depends on shapes alone, so the network is tried on black images. Most of these are small.
"""

import bisect
import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.networks.size_steps import find_step

Size = tuple[int, int]
# A rule remembers its answer for this many sizes.
SIZES_AT_MOST = 64


class SizeRule:
    """Which sizes of images a network accepts, so that every output has a position."""

    def __init__(self, body: nn.Module, input_size: Size, channels: int = 3) -> None:
        """Prepare a network.

        Args:
            body: the network, truncated after some layers (``layers.build_extractor``).
            input_size: (height, width) of images that the network accepts.
            channels: number of channels of these images.
        """
        self._input_size = input_size
        runs = functools.partial(_runs, body, channels)
        self.accepts = functools.lru_cache(SIZES_AT_MOST)(runs)

    @functools.cached_property
    def step(self) -> int:
        """Which sizes of images the network accepts, see ``size_steps.find_step``."""
        return find_step(self.accepts, self._input_size)

    @functools.cached_property
    def least(self) -> Size:
        """The least (height, width) of images that the network accepts.

        The number of rows of an output depends on the height of the image only, and the number of
        columns on its width only. So the larger of both sides is found first, on square images, and
        then each side on images that are no larger than this. If a network accepts no other size,
        the result is the input size.
        """
        height, width = self._input_size
        square = _least(
            lambda side: self.accepts((min(side, height), min(side, width))), max(height, width)
        )
        rows, cols = min(square, height), min(square, width)
        return (
            _least(lambda side: self.accepts((side, cols)), rows),
            _least(lambda side: self.accepts((rows, side)), cols),
        )


def _least(accepts: Callable[[int], bool], known: int) -> int:
    """Return the least accepted side, given one that is accepted, as all larger ones are."""
    if accepts(1):
        return 1
    sides = range(2, known)
    return sides.start + bisect.bisect_left(sides, True, key=accepts)


def _runs(body: nn.Module, channels: int, size: Size) -> bool:
    """Whether a network accepts images of (height, width)."""
    weight = next(body.parameters(), torch.zeros(()))
    image = torch.zeros(1, channels, *size, dtype=weight.dtype, device=weight.device)
    try:
        with torch.no_grad():
            # Calling the module itself would print each error of a traced network.
            outputs: dict[str, Tensor] = body.forward(image)
    except Exception:
        # The code of the network may raise any exception for an image that is too small.
        return False
    return all(output.numel() > 0 for output in outputs.values())
