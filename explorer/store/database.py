"""Connections to the SQLite file of the store, one for each thread, and their transactions."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from core.errors import ExplorerError
from explorer.paths import HOME_VARIABLE, home
from explorer.store.schema import SCHEMA, VERSION

FILE_NAME = "explorer.sqlite3"
# The read-only SQLite files that ship with the project: the pictures of SketchNet's units, and the
# pictures that the Style pages show by default.
NEURONS, STYLES = SHIPPED = (
    Path(__file__).with_name("sketchnet.sqlite3"),
    Path(__file__).with_name("styles.sqlite3"),
)
# How long a connection waits for the lock of another writer.
BUSY_SECONDS = 30.0


class Database:
    """The SQLite file of a store, and the read-only files that ship with the project.

    Attributes:
        path: path of the SQLite file.

    Raises:
        ExplorerError: by every method, if the file cannot be opened, read or written.
    """

    def __init__(self, path: Path | None = None, shipped: Sequence[Path] | None = SHIPPED) -> None:
        """Open the SQLite file; create the file and its tables if they do not exist.

        Args:
            path: the SQLite file; by default ``explorer.sqlite3`` in the data folder.
            shipped: read-only SQLite files of the same schema that are searched as well; files that
                do not exist are ignored. None for no such files.
        """
        self.path = path or home() / FILE_NAME
        self._shipped = tuple(it for it in shipped or () if it.is_file())
        self._local = threading.local()
        with self._translate_errors("opened"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._set_up()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield this thread's connection to ``path``.

        All reads within the ``with`` statement see the same state of the file.
        """
        with self._translate_errors("read"), self._connection() as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield this thread's connection to ``path``.

        The writes within the ``with`` statement are committed together, or none after an error.
        """
        with self._translate_errors("written"), self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def close(self) -> None:
        """Close this thread's connections."""
        for connection in (getattr(self._local, "connection", None), *self._opened_shipped()):
            if connection is not None:
                connection.close()
        vars(self._local).clear()

    def _set_up(self) -> None:
        # Write-ahead mode is a property of the file. The write lock (IMMEDIATE) makes other
        # processes wait while the first one creates the tables.
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise ExplorerError(
                    f"the store {self.path} has version {version}, and this explorer reads "
                    f"{VERSION}; set {HOME_VARIABLE} to a new folder"
                )
            for added in range(version + 1, VERSION + 1):
                for statement in SCHEMA[added].split(";\n"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        # In write-ahead mode, NORMAL loses no committed transaction when a process is killed.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Yield this thread's connection to ``path``, which is opened on first use.

        A transaction that is open at the end of the ``with`` statement is committed; after an
        exception, it is rolled back.
        """
        if not hasattr(self._local, "connection"):
            self._local.connection = self._connect()
        connection: sqlite3.Connection = self._local.connection
        try:
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _readers(self, shipped: bool = True) -> Iterator[sqlite3.Connection]:
        """Yield this thread's connection to ``path``, and then, if asked, to each shipped file."""
        with self._connection() as connection:
            yield connection
        if shipped:
            yield from self._shipped_connections()

    def _shipped_connections(self) -> Sequence[sqlite3.Connection]:
        """Return this thread's connections to the shipped files, which are opened on first use."""
        opened = self._opened_shipped()
        for file in self._shipped[len(opened) :]:
            # ``immutable`` makes SQLite write no lock or journal files. The package may be
            # installed in a folder without write permission.
            uri = f"{file.resolve().as_uri()}?mode=ro&immutable=1"
            opened.append(sqlite3.connect(uri, uri=True))
        return opened

    def _opened_shipped(self) -> list[sqlite3.Connection]:
        opened: list[sqlite3.Connection] = vars(self._local).setdefault("shipped", [])
        return opened

    @contextmanager
    def _translate_errors(self, what: str) -> Iterator[None]:
        """Replace an SQLite or OS error within the ``with`` statement by an ExplorerError.

        Args:
            what: the participle in the error message: ``opened`` for "the store ... cannot be
                opened", ``read`` or ``written``.
        """
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise ExplorerError(
                f"the store {self.path} cannot be {what} ({error}); check the folder's permissions "
                f"and free space, or set {HOME_VARIABLE} to another folder"
            ) from error
