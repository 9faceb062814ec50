"""What a rule gets: one execution of an operation, with the axes of everything that it reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from core.networks.receptive_fields.spans import (
    COLS,
    ROWS,
    Axes,
    AxisKind,
    Span,
    unknown_axes,
)


@dataclass(frozen=True)
class Value:
    """The axes and shape of a tensor that depends on the image.

    Attributes:
        axes: the axes, with everything that each position depends on.
        shape: the length of each axis.
        local: the axes, with global gates as constants (see ``spans``); None if they are ``axes``.
    """

    axes: Axes
    shape: tuple[int, ...]
    local: Axes | None = None

    @property
    def has_channels(self) -> bool:
        """Whether the tensor can be a layer's activation: a batch axis and one channel axis.

        The batch axis has a length of 1. It is the second in ``[T, N, C]``.
        """
        axes = self.axes
        if axes.count(AxisKind.CHANNEL) != 1 or axes.count(AxisKind.BATCH) != 1:
            return False
        return self.shape[axes.index(AxisKind.BATCH)] == 1

    @property
    def is_map(self) -> bool:
        """Whether the tensor has rows and columns of the image."""
        sides = [axis.side for axis in self.axes if isinstance(axis, Span)]
        return sides == [ROWS, COLS]

    @property
    def local_axes(self) -> Axes:
        """The axes with global gates as constants."""
        return self.axes if self.local is None else self.local


@dataclass(frozen=True)
class Call:
    """One execution of an operation.

    Attributes:
        name: name of the function, method or module class.
        module: the module, if the operation is one.
        args, kwargs: the arguments of the call; they contain tensors and no graph nodes.
        inputs: descriptions of the arguments that depend on the image.
        result: the object that the operation returned.
        local: whether global gates are constants; ``inputs`` then have local axes.
    """

    name: str
    module: nn.Module | None
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    inputs: list[Value]
    result: Any
    local: bool = False

    def localised(self) -> "Call":
        """Return the same execution with global gates as constants."""
        inputs = [Value(it.local_axes, it.shape) for it in self.inputs]
        return replace(self, inputs=inputs, local=True)

    @property
    def axes(self) -> Axes:
        """The axes of the first input."""
        return self.inputs[0].axes

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result, which must be one tensor."""
        return tuple(self.result.shape)

    def option(self, name: str, position: int, default: Any = None) -> Any:
        """Return a setting such as ``stride``: a module's attribute or a function's argument."""
        if self.module is not None:
            return getattr(self.module, name, default)
        if name in self.kwargs:
            return self.kwargs[name]
        return self.args[position] if len(self.args) > position else default

    def dims(self, name: str, position: int) -> tuple[int, ...]:
        """Return the axes that a setting lists, as indices from 0.

        The setting is a number, a sequence, or separate arguments as in ``x.permute(0, 2, 3, 1)``.
        """
        dims = self.option(name, position)
        if isinstance(dims, int) and self.module is None and len(self.args) > position:
            dims = [each for each in self.args[position:] if not isinstance(each, bool)]
        dims = [dims] if isinstance(dims, int) else list(dims)
        return tuple(dim % len(self.axes) for dim in dims)

    def unknown_axes(self) -> Axes:
        """Return the axes of the result as if the operation were unknown."""
        return unknown_axes([value.axes for value in self.inputs], self.shape)


Rule = Callable[[Call], Axes]
