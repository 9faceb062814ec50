"""The command that starts the app. It also runs if the command line contains no command."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import ExplorerError
from explorer import own_code
from explorer.cli import options
from explorer.cli.options import cli


@cli.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Start the app if no command is named."""
    if context.invoked_subcommand is None:
        app()


@cli.command()
def app(
    host: Annotated[
        str,
        typer.Option(help="Address to listen on. Others than 127.0.0.1 ask visitors for a token."),
    ] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port; by default 8501 or the next free one.")
    ] = None,
    no_token: Annotated[
        bool,
        typer.Option("--no-token", help="Ask visitors from other machines for nothing."),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A further name of this server, such as that of a proxy; may be given several "
            "times."
        ),
    ] = None,
    engine: options.EngineName = "local",
    address: options.ClusterAddress = None,
    index: Annotated[
        list[Path] | None,
        typer.Option(help="An index that pages look things up in; may be given several times."),
    ] = None,
    library: Annotated[
        list[Path] | None,
        typer.Option(
            help="A folder of collections that visitors may index; may be given several times.",
            file_okay=False,
        ),
    ] = None,
) -> None:
    """Start the app in the browser."""
    from explorer.engine import RAY, configure_engine
    from explorer.server import access

    configure_engine(engine, address)
    if engine == RAY and own_code.arguments():
        raise ExplorerError(
            "a cluster does not run code of your own; leave out --module, or choose --engine local"
        )
    allowed = access.create_access(host, allow_host or (), not no_token)
    if index:
        from explorer.library import indexes

        indexes.configure(index)
    if library:
        from explorer.library import catalogue as collections

        collections.configure(library)
    from explorer.server.run_app import run_app
    from explorer.ui import preparation

    run_app(allowed, host, port, preparation.start)
