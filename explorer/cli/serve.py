"""The command that starts the app. It also runs if the command line contains no command."""

import os
import threading
from pathlib import Path
from typing import Annotated

import typer

from explorer.cli.options import cli
from explorer.paths import ROOT


@cli.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Start the app if no command is named."""
    if context.invoked_subcommand is None:
        app()


@cli.command()
def app(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port; by default 8501 or the next free one.")
    ] = None,
    engine: Annotated[
        str,
        typer.Option(
            envvar="EXPLORER_ENGINE",
            help="What works on jobs: local (this machine) or ray (a cluster).",
        ),
    ] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            envvar="EXPLORER_RAY_ADDRESS", help="Of a Ray cluster, such as 10.0.0.1:6379 or auto."
        ),
    ] = None,
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
    from streamlit.web.cli import main_run

    from explorer.engine import configure_engine

    configure_engine(engine, address)
    if index:
        from explorer.library import indexes

        indexes.configure(index)
    if library:
        from explorer.library import catalogue as collections

        collections.configure(library)
    threading.Thread(target=_warm_up, daemon=True).start()
    # Streamlit reads its configuration from the current folder.
    os.chdir(ROOT)
    arguments = [str(ROOT / "explorer" / "app.py"), "--server.address", host]
    if port is not None:
        arguments += ["--server.port", str(port)]
    main_run.main(arguments, standalone_mode=False)


def _warm_up() -> None:
    """Import slow modules while the server and the browser start; then start the workers."""
    import core.networks.registry  # noqa: F401
    from explorer.ui import server_state

    server_state.work()
