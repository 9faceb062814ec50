"""Blocks of attention between the positions of a map.

Such a block cuts the map into windows, or into a coarse grid, and puts the pieces together again.
Between these two steps, positions have no rows and columns, so the block is described as a whole.
"""

from dataclasses import dataclass
from typing import Any

from torch import fx, nn

from core.networks.receptive_fields.spans import Axes, Axis, Span
from core.networks.tracing import Trace

# By package and class: the blocks that are known, and the name of the attention in each.
SWIN = "SwinTransformerBlock", "SwinTransformerV2Block"
MAXVIT = "PartitionAttention2d", "PartitionAttentionCl"
KNOWN = {
    ("torchvision", "PartitionAttentionLayer"): "attn_layer",
    **dict.fromkeys((("timm", name) for name in (*SWIN, *MAXVIT)), "attn"),
}


@dataclass(frozen=True)
class AttentionBlock:
    """A block whose result has the axes of its input.

    Attributes:
        source: the node whose value the block reads.
        attention: the node of the attention's result, before it is added; None if unknown.
        windows: (rows, columns) of a window in positions; None if positions of the whole image
            attend to each other, which makes the attention a global gate.
        shifts: numbers of rows and columns by which windows are shifted.
    """

    source: fx.Node
    attention: fx.Node | None
    windows: tuple[int, int] | None
    shifts: tuple[int, int] = (0, 0)

    def attend(self, axes: Axes, local: bool) -> Axes:
        """Return the axes of the result, from those of the input."""
        return tuple(self._attend(axis, local) if isinstance(axis, Span) else axis for axis in axes)

    def _attend(self, axis: Span, local: bool) -> Axis:
        if self.windows is None:
            return axis if local else axis.full(len(axis), axis.stride)
        window, shift = self.windows[axis.side], self.shifts[axis.side]
        return axis.mix_windows(window, shift, not local, padded=False)


def find_blocks(module: nn.Module, traced: Trace) -> dict[fx.Node, AttentionBlock]:
    """Return the known blocks of a traced network, by the node of their result."""
    blocks = {}
    for path, part in module.named_modules():
        package = type(part).__module__.partition(".")[0]
        inner = KNOWN.get((package, type(part).__name__))
        if inner is None or path not in traced.outputs:
            continue
        source = _source(traced, path)
        if source is not None:
            attention = traced.outputs.get(f"{path}.{inner}")
            blocks[traced.outputs[path]] = AttentionBlock(source, attention, *_windows(part))
    return blocks


def _source(traced: Trace, path: str) -> fx.Node | None:
    """Return the node that a module reads: the input of its first operation."""
    for node, name in traced.names.items():
        if name.startswith(f"{path}."):
            return next(iter(node.all_input_nodes), None)
    return None


def _windows(part: Any) -> tuple[tuple[int, int] | None, tuple[int, int]]:
    """Return windows and shifts of a known block."""
    if type(part).__name__ in SWIN:
        (rows, cols), (down, right) = part.window_size, part.shift_size
        return (rows, cols), (down, right)
    if type(part).__name__ in MAXVIT:
        rows, cols = part.partition_size
        return (rows, cols) if part.partition_block else None, (0, 0)
    return (part.p, part.p) if part.partition_type == "window" else None, (0, 0)
