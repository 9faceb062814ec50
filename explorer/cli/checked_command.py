"""Commands that check everything that a user types before Typer converts it.

Typer reads numbers as Python does, so it also takes ``1_000`` and digits of other scripts. It
passes on paths that no function can open, and its messages repeat whole arguments.
``CheckedCommand`` looks at the text of every option and argument first: at numbers through
``core.numbers``, at paths through ``core.files``. What is wrong ends the command with one sentence.
"""

import functools
import inspect
import typing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import ParameterInfo

from core.errors import QUOTED_CHARACTERS, ExplorerError, named, quoted
from core.files import FILE, FOLDER, check_path
from core.numbers import read_decimal, read_whole
from explorer.cli.own_module import with_module

# Bounds of numbers whose options name none.
WHOLE_RANGE = (0, 2**31 - 1)
DECIMAL_RANGE = (-1e9, 1e9)
# Click's error for commands and options that do not exist. Typer does not export its name.
USAGE_ERROR = cast(type[Exception], typer.BadParameter.__mro__[1])

F = TypeVar("F", bound=Callable[..., Any])


class CheckedCommand(TyperCommand):
    """A command whose options and arguments are checked as texts."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Check and parse the arguments of a command line.

        Raises:
            ExplorerError: a number, a path or a text cannot be used.
        """
        with _short_usage_errors(args):
            if not ctx.resilient_parsing:
                self._check(ctx, args)
            return super().parse_args(ctx, args)

    def _check(self, ctx: Any, args: list[str]) -> None:
        given = self.make_parser(ctx).parse_args(args=list(args))[0]
        checks = _checks(inspect.unwrap(self.callback)) if self.callback else {}
        for param in self.params:
            values = given.get(str(param.name))
            name = str(param.opts[0]) if param.param_type_name == "option" else str(param.name)
            for text in values if isinstance(values, (list, tuple)) else (values,):
                if isinstance(text, str) and param.name in checks:
                    checks[param.name](name, text)


class CheckedGroup(TyperGroup):
    """The program: its messages about unknown commands and options are short."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the options before the command."""
        with _short_usage_errors(args):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first argument names."""
        with _short_usage_errors(args):
            return super().resolve_command(ctx, args)


class Program(typer.Typer):
    """A Typer program whose commands are all ``CheckedCommand``."""

    def command(self, *names: Any, **settings: Any) -> Callable[[F], F]:
        """Return the decorator that makes a command of a function."""
        add = super().command(*names, **{"cls": CheckedCommand, **settings})

        def decorate(function: F) -> F:
            add(with_module(function))
            return function

        return decorate


@functools.cache
def _checks(callback: Callable[..., Any]) -> dict[str, Callable[[str, str], object]]:
    """Return for each parameter of a command the check of its name and text."""
    hints = typing.get_type_hints(callback, include_extras=True)
    return {name: _check_of(hint) for name, hint in hints.items() if name != "return"}


def _check_of(hint: Any) -> Callable[[str, str], object]:
    """Return the check for one annotation, such as ``Annotated[int, typer.Option(min=1)]``."""
    kinds, infos = _kinds(hint)
    info = infos[0] if infos else ParameterInfo()
    if int in kinds or float in kinds:
        read: Callable[..., float] = read_whole if int in kinds else read_decimal
        low, high = WHOLE_RANGE if int in kinds else DECIMAL_RANGE
        bounds = (low if info.min is None else info.min, high if info.max is None else info.max)
        return lambda name, text: read(name, text, bounds)
    if Path in kinds:
        # A path names a file unless the option says ``file_okay=False``.
        return lambda name, text: check_path(text, FILE if info.file_okay else FOLDER)
    return _check_text


def _kinds(hint: Any) -> tuple[set[Any], list[ParameterInfo]]:
    """Return all plain types in an annotation, and Typer's descriptions of the parameter."""
    parts = typing.get_args(hint)
    if not parts:
        return {hint}, [hint] if isinstance(hint, ParameterInfo) else []
    found = [_kinds(it) for it in parts]
    infos = [it for it in getattr(hint, "__metadata__", ()) if isinstance(it, ParameterInfo)]
    return set().union(*(it for it, _ in found)), infos + [it for _, its in found for it in its]


def _check_text(name: str, text: str) -> None:
    """Check that a text has no characters that neither files nor the store can contain."""
    if "\0" in text or any("\ud800" <= it <= "\udfff" for it in text):
        raise ExplorerError(f"{name} is {quoted(text)}; write it with characters of text alone")


@contextmanager
def _short_usage_errors(args: Sequence[str]) -> Iterator[None]:
    """Shorten in the message of a usage error what was typed."""
    # The parser empties the list.
    pieces = {piece for it in args for piece in (it, *it.split("=", 1))}
    try:
        yield
    except USAGE_ERROR as error:
        message = str(getattr(error, "message", ""))
        for piece in sorted(pieces, key=len, reverse=True):
            if len(piece) > QUOTED_CHARACTERS:
                message = message.replace(piece, named(piece))
        error.message = message  # type: ignore[attr-defined]
        raise
