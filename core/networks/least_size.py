"""The smallest images that a network can process up to some of its layers.

Convolutions and poolings without padding leave no position of a small image. Whether they do so
depends on shapes alone, so the network is tried on meta tensors, which have no values and cost no
arithmetic.
"""

import bisect
import copy
import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn

Size = tuple[int, int]
# A rule remembers its answer for this many sizes.
SIZES_AT_MOST = 64


class SizeRule:
    """Which sizes of images a network accepts, so that every output has a position."""

    def __init__(self, body: nn.Module, input_size: Size) -> None:
        """Prepare a network.

        Args:
            body: the network, truncated after some layers (``layers.build_extractor``).
            input_size: (height, width) of images that the network accepts.
        """
        self._input_size = input_size
        self.accepts = functools.lru_cache(SIZES_AT_MOST)(_acceptance(body, input_size))

    @functools.cached_property
    def least(self) -> Size:
        """The least (height, width) of images that the network accepts.

        The number of rows of an output depends on the height of the image only, and the number of
        columns on its width only. So height and width are found independently, each by bisection.
        If a network accepts no other size, the result is the input size.
        """
        if self.accepts((1, 1)):
            return 1, 1
        height, width = self._input_size
        return (
            _least(lambda rows: self.accepts((rows, width)), height),
            _least(lambda cols: self.accepts((height, cols)), width),
        )


def _least(accepts: Callable[[int], bool], known: int) -> int:
    """Return the least accepted side, given one that is accepted, as all larger ones are."""
    sides = range(1, known)
    return sides.start + bisect.bisect_left(sides, True, key=accepts)


def _acceptance(body: nn.Module, input_size: Size) -> Callable[[Size], bool]:
    """Return a function that tells whether a network accepts images of (height, width)."""
    tensor = next(body.parameters(), torch.zeros(()))

    def runs(module: nn.Module, size: Size, device: torch.device) -> bool:
        image = torch.zeros(1, 3, *size, dtype=tensor.dtype, device=device)
        try:
            with torch.no_grad():
                outputs: dict[str, Tensor] = module(image)
        except Exception:
            # The code of the network may raise any exception for an image that is too small.
            return False
        return all(output.numel() > 0 for output in outputs.values())

    on_meta, meta = _on_meta(body), torch.device("meta")
    if runs(on_meta, input_size, meta):
        return lambda size: runs(on_meta, size, meta)
    # The network needs values of tensors, so it is tried on real images.
    return lambda size: runs(body, size, tensor.device)


def _on_meta(body: nn.Module) -> nn.Module:
    """Return a copy of a network with meta tensors instead of parameters and buffers."""
    tensors = [*body.parameters(), *body.buffers()]
    # For objects in the memo, deepcopy uses the memo's value instead of a copy.
    memo: dict[int, object] = {id(it): it.detach().to("meta") for it in tensors}
    return copy.deepcopy(body, memo)
