"""The option ``--module`` of all commands that work with networks."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

# The name of the parameter, and the commands that have it though they name no network.
MODULE, OTHERS = "module", ("app", "networks", "resume")
OwnModule = Annotated[
    list[str] | None,
    typer.Option(
        "--module",
        help="Code of your own that makes a network, as file.py:function or "
        "package.module:function. It is run.",
    ),
]


def with_module(command: Callable[..., Any]) -> Callable[..., Any]:
    """Return a command that also accepts ``--module``, if it works with networks.

    The code that the option names is run before the command.
    """
    signature = inspect.signature(command)
    if "weights" not in signature.parameters and command.__name__ not in OTHERS:
        return command

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> Any:
        codes = options.pop(MODULE, None)
        if codes:
            from explorer import own_code

            own_code.load(codes)
        return command(*args, **options)

    added = inspect.Parameter(
        MODULE, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=OwnModule
    )
    run.__annotations__ = {**command.__annotations__, MODULE: OwnModule}
    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), added]
    )
    return run
