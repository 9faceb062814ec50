"""Connections to the SQLite file of the store, one for each thread, and their transactions.

A store that cannot be written, because the disk is full or the folder is read-only, is opened for
reading, or is empty if there is no file. A damaged file is set aside, and a new one is begun. If
the file is deleted or replaced while the program runs, the next access opens what is there then.
"""

import errno
import logging
import math
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import ExplorerError, named
from explorer.paths import HOME_VARIABLE, home
from explorer.store.connections import (
    DAMAGED,
    EMPTY,
    FROZEN,
    READ,
    UNWRITABLE,
    WRITE,
    OpenFile,
    connect,
    error_words,
    file_identity,
    is_among,
    upgrade,
)
from explorer.store.recovery import copy_readable
from explorer.store.schema import VERSION

LOG = logging.getLogger(__name__)
FILE_NAME = "explorer.sqlite3"
# The read-only SQLite files that ship with the project: the pictures of SketchNet's units, those
# that the Style pages show by default, and those that other pages show before the first click.
NEURONS, STYLES, FIRST_VIEWS = SHIPPED = (
    Path(__file__).with_name("sketchnet.sqlite3"),
    Path(__file__).with_name("styles.sqlite3"),
    Path(__file__).with_name("first_views.sqlite3"),
)
# After this time it is tried again whether a store can be written that could not.
RETRY_SECONDS = 5.0


class NothingSaved(ExplorerError):
    """The error for what cannot be saved, because the store cannot be written."""


class Database:
    """The SQLite file of a store, and the read-only files that ship with the project.

    Attributes:
        path: path of the SQLite file.
        set_aside: a sentence if a damaged file was set aside; "" otherwise.

    Raises:
        ExplorerError: by every method, if the file cannot be read; ``NothingSaved`` by every method
            that writes, if it cannot be written.
    """

    def __init__(self, path: Path | None = None, shipped: Sequence[Path] | None = SHIPPED) -> None:
        """Open the SQLite file; create the file and its tables if they do not exist.

        Args:
            path: the SQLite file; by default ``explorer.sqlite3`` in the data folder.
            shipped: read-only SQLite files of the same schema that are searched as well; files that
                do not exist are ignored. None for no such files.
        """
        self.path = path or home() / FILE_NAME
        self.set_aside = ""
        self._shipped = tuple(it for it in shipped or () if it.is_file())
        self._local = threading.local()
        self._opening = threading.Lock()
        self._mode, self._reason, self._tried = WRITE, "", 0.0
        self._identity: tuple[int, int] | None = None
        # When a write failed last for want of space or permission, on the monotonic clock.
        self._failed = -math.inf
        with self._translate_errors("opened"):
            self._open()

    @property
    def problem(self) -> str:
        """Why nothing can be saved, in a sentence; "" if the store can be written."""
        with suppress(sqlite3.Error, OSError):
            # The next access reports what is wrong otherwise.
            self._file()
        if self._mode == WRITE and time.monotonic() - self._failed > RETRY_SECONDS:
            return ""
        return self._describe()

    def _describe(self) -> str:
        shown = "the store is empty" if self._mode == EMPTY else "what was saved is shown"
        return (
            f"nothing can be saved: the store {named(self.path)} cannot be written "
            f"({self._reason}); {shown}; free space or change its permissions, or set "
            f"{HOME_VARIABLE} to another folder"
        )

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

        Raises:
            NothingSaved: the file cannot be written, for example because the disk is full.
        """
        with self._translate_errors("written"), self._connection() as connection:
            if self._mode != WRITE:
                raise NothingSaved(self._describe())
            connection.execute("BEGIN IMMEDIATE")
            yield connection

    def close(self) -> None:
        """Close this thread's connections."""
        opened: OpenFile | None = getattr(self._local, "file", None)
        own = [] if opened is None else [opened.connection]
        for connection in (*own, *self._opened_shipped()):
            connection.close()
        vars(self._local).clear()

    def _open(self) -> None:
        """Find out how the file can be opened; create it, or set a damaged one aside."""
        self._tried = time.monotonic()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not os.access(self.path, os.W_OK):
                # SQLite would notice only when it writes.
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            try:
                self._set_up()
            except sqlite3.DatabaseError as error:
                if not is_among(error, DAMAGED) or not self._put_aside(
                    file_identity(self.path), error
                ):
                    raise
            self._mode, self._reason = WRITE, ""
        except (sqlite3.Error, OSError) as error:
            if not isinstance(error, OSError) and not is_among(error, UNWRITABLE):
                raise
            before, self._mode = self._mode, self._readable_mode()
            self._reason = error_words(error)
            if before != self._mode:
                LOG.warning("%s", self._describe())
        self._identity = file_identity(self.path)

    def _readable_mode(self) -> str:
        """Return how the file can be opened for reading: ``READ``, ``FROZEN`` or ``EMPTY``."""
        for mode in (READ, FROZEN):
            with suppress(sqlite3.Error), closing(connect(self.path, mode)) as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                connection.execute("SELECT count(*) FROM jobs").fetchone()
                if version == VERSION:
                    return mode
        return EMPTY

    def _set_up(self) -> None:
        # Write-ahead mode is a property of the file. The write lock (IMMEDIATE) makes other
        # processes wait while the first one creates the tables.
        with closing(connect(self.path, WRITE)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > VERSION:
                raise ExplorerError(
                    f"the store {named(self.path)} has version {version}, and this explorer reads "
                    f"{VERSION}; set {HOME_VARIABLE} to a new folder"
                )
            if version < VERSION:
                upgrade(connection, version)
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")

    def _put_aside(self, identity: tuple[int, int] | None, error: Exception) -> bool:
        """Rename the damaged file, and begin a new one with what can be read from it.

        Nothing is renamed if another process has put a new file in its place already.

        Returns:
            Whether there is a new file.
        """
        if identity is None or file_identity(self.path) != identity:
            return file_identity(self.path) is not None
        kept = self.path.with_name(f"{self.path.name}.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}")
        try:
            self.path.rename(kept)
            for suffix in ("-wal", "-shm"):
                beside = self.path.with_name(f"{self.path.name}{suffix}")
                if beside.exists():
                    beside.rename(kept.with_name(f"{kept.name}{suffix}"))
            self._set_up()
        except (OSError, sqlite3.Error):
            return False
        count = 0
        with suppress(sqlite3.Error):  # nothing of it can be read
            count = copy_readable(kept, self.path)
        self.set_aside = (
            f"the store {named(self.path)} was damaged ({error_words(error)}); it is kept as "
            f"{named(kept.name)} in the same folder, and a new one was begun with what could be "
            f"read ({count:,} results)"
        )
        LOG.warning("%s", self.set_aside)
        return True

    def _file(self) -> OpenFile:
        """Return this thread's connection to what is at ``path`` now; open it if necessary."""
        opened: OpenFile | None = getattr(self._local, "file", None)
        identity = file_identity(self.path)
        with self._opening:
            waited = time.monotonic() - self._tried > RETRY_SECONDS
            if identity != self._identity or (self._mode != WRITE and waited):
                self._open()
            mode, identity = self._mode, self._identity
        if opened is not None and (opened.mode, opened.identity) == (mode, identity):
            return opened
        if opened is not None:
            opened.connection.close()
        opened = self._local.file = OpenFile(connect(self.path, mode), mode, identity)
        return opened

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Yield this thread's connection to ``path``.

        A transaction that is open at the end of the ``with`` statement is committed; after an
        exception, it is rolled back.
        """
        connection = self._file().connection
        try:
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _rows(
        self, statement: str, values: Sequence[object] = (), shipped: bool = True
    ) -> Iterator[list[Any]]:
        """Yield the rows that a statement selects from the store, and then from each shipped file.

        Raises:
            ExplorerError: a file cannot be read.
        """
        with self._translate_errors("read"), self._connection() as connection:
            rows = connection.execute(statement, values).fetchall()
        yield rows
        if shipped:
            yield from self._shipped_rows(statement, values)

    def _shipped_rows(self, statement: str, values: Sequence[object]) -> Iterator[list[Any]]:
        """Yield the rows that a statement selects from each shipped file."""
        opened = self._opened_shipped()
        for number, file in enumerate(self._shipped):
            try:
                if number == len(opened):
                    # ``immutable`` makes SQLite write no lock or journal files. The package may be
                    # installed in a folder without write permission.
                    uri = f"{file.resolve().as_uri()}?{FROZEN}"
                    opened.append(sqlite3.connect(uri, uri=True))
                rows = opened[number].execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise ExplorerError(
                    f"{named(file)}, which comes with the explorer, cannot be read "
                    f"({error_words(error)}); install the explorer again"
                ) from error
            yield rows

    def _opened_shipped(self) -> list[sqlite3.Connection]:
        opened: list[sqlite3.Connection] = vars(self._local).setdefault("shipped", [])
        return opened

    @contextmanager
    def _translate_errors(self, what: str) -> Iterator[None]:
        """Replace an SQLite or OS error within the ``with`` statement by an ExplorerError.

        A damaged file is set aside first.

        Args:
            what: the participle in the error message: ``opened`` for "the store ... cannot be
                opened", ``read`` or ``written``.
        """
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            opened: OpenFile | None = getattr(self._local, "file", None)
            if is_among(error, DAMAGED):
                with self._opening:
                    identity = opened.identity if opened is not None else self._identity
                    aside = self._put_aside(identity, error)
                if aside:
                    said = self.set_aside or f"the store {named(self.path)} was damaged"
                    raise ExplorerError(f"{said}; do this once more") from error
            if what == "written" and is_among(error, UNWRITABLE):
                self._failed, self._reason = time.monotonic(), error_words(error)
                raise NothingSaved(self._describe()) from error
            raise ExplorerError(
                f"the store {named(self.path)} cannot be {what} ({error_words(error)}); check the "
                f"folder's permissions and free space, or set {HOME_VARIABLE} to another folder"
            ) from error
