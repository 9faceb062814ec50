"""Paths that users name, and files that are written completely or not at all.

``check_path`` looks at a path before anything is opened, so that each command answers a path that
cannot be used with one sentence. ``write_file`` and ``replacing`` write a new file in the same
folder and rename it at the end. So a full disk or a killed process never damages an existing file.
"""

import hashlib
import os
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from core.errors import ExplorerError, named

FILE, FOLDER = "file", "folder"
ANY = f"{FILE} or {FOLDER}"
# Separates a file from the part of it that a user names.
PART_MARK = "#"
# Beginning and ending of the names of unfinished files. Between them are a hash of the machine's
# name, the process and a random number.
UNFINISHED, PART = ".explorer-", ".part"
# An unfinished file that has not changed for this long is left over, whatever process made it.
STALE_SECONDS = 24 * 60 * 60.0


def check_path(path: str | Path, expects: str = FILE) -> bool:
    """Check a path that a user names; return whether something is there.

    Args:
        path: the path; nothing needs to be there.
        expects: what must be there if anything is: ``FILE``, a regular file (no device and no named
            pipe), ``FOLDER``, or ``ANY`` of them.

    Raises:
        ExplorerError: the path cannot be a path, for example because it is too long; something on
            the way cannot be opened; or something else is there, or cannot be read.
    """
    if not str(path):
        raise ExplorerError(f"an empty text names no {expects}; write a path")
    try:
        os.fsencode(path)  # names of files need not be UTF-8, but must be possible
        mode = os.stat(path).st_mode  # noqa: PTH116 (a Path cannot have a NUL character)
        if not _fits(mode, expects):
            kinds = {stat.S_IFDIR: f"a {FOLDER}", stat.S_IFREG: f"a {FILE}"}
            what = kinds.get(stat.S_IFMT(mode), f"no regular {FILE}")
            raise ExplorerError(f"{named(path)} is {what}; name a {expects}")
        if stat.S_ISDIR(mode):
            os.scandir(path).close()
        else:
            # Without blocking, because a named pipe may have taken the place of the file.
            os.close(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise unusable(path, error, "opened") from error
    return True


def is_there(path: str | Path, expects: str = FILE) -> bool:
    """Whether something is there that may be looked at; nothing is raised if it may not.

    Args:
        path, expects: as for ``check_path``.
    """
    try:
        return _fits(os.stat(path).st_mode, expects)  # noqa: PTH116 (as in check_path)
    except (OSError, ValueError):
        return False


def require_path(path: str | Path, expects: str = FILE, what: str = "", hint: str = "") -> Path:
    """Check a path as ``check_path`` does, and that something is there; return it as a ``Path``.

    Args:
        path, expects: as for ``check_path``.
        what: what the message calls it, such as ``weights file``; by default ``expects``.
        hint: what the user can do if it is missing, such as ``; name a picture``.

    Raises:
        ExplorerError: as for ``check_path``, or nothing is there.
    """
    if not check_path(path, expects):
        raise ExplorerError(f"there is no {what or expects} {named(path)}{hint}")
    return Path(path)


def file_and_part(path: Path) -> tuple[Path, str]:
    """Return a file, and what a user names in it: ``last.ckpt#model_ema`` is a file and a part.

    The part is "" if there is none, or if the name of the file itself has the ``#``.
    """
    text, mark, part = str(path).partition(PART_MARK)
    if not mark or not text or path.is_file():
        return path, ""
    return Path(text), part


def with_part(path: Path, part: str) -> Path:
    """Return what ``file_and_part`` takes apart: the path of a file, and a part of it or ""."""
    return path.with_name(f"{path.name}{PART_MARK}{part}") if part else path


def check_output(path: Path, endings: tuple[str, ...] = (".png",)) -> None:
    """Check the path of a file that will be written, before any work is done.

    Args:
        path: the path.
        endings: the allowed endings of the name in lower case, such as ``.png``; () for any.

    Raises:
        ExplorerError: the name has none of the endings, the folder does not exist or cannot be
            written into, or something other than a regular file is there.
    """
    if endings and path.suffix.lower() not in endings:
        raise ExplorerError(f"{named(path)} must end in {' or '.join(endings)}")
    check_path(path, FILE)
    folder = path.parent
    if not check_path(folder, FOLDER):
        raise ExplorerError(
            f"there is no folder {named(folder)} to write {named(path.name)} into; make it first"
        )
    if not os.access(os.path.realpath(folder), os.W_OK | os.X_OK):
        raise ExplorerError(
            f"nothing can be written into {named(folder)}; name a folder that you may write into"
        )


def expand_home(text: str) -> str:
    """Return a path whose ``~`` is replaced by the user's folder, if there is such a user."""
    if not text.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        return text


def read_file(path: Path, at_most: int) -> bytes:
    """Read a file of at most ``at_most`` bytes.

    Raises:
        ExplorerError: there is no such file, it is larger, or it cannot be read.
    """
    require_path(path, FILE)
    try:
        with path.open("rb") as file:
            data = file.read(at_most + 1)
    except OSError as error:
        raise unusable(path, error, "read") from error
    if len(data) > at_most:
        raise ExplorerError(f"{named(path)} is larger than {at_most // 2**20} MB")
    return data


def make_folder(path: Path) -> None:
    """Make a folder, and those around it, unless it is there.

    Raises:
        ExplorerError: the folder cannot be made.
    """
    with _explained(path):
        path.mkdir(parents=True, exist_ok=True)


def write_file(path: Path, data: bytes) -> None:
    """Write a file; if this fails, an existing file stays as it is, and nothing is left behind.

    Raises:
        ExplorerError: the file cannot be written.
    """
    write_files({path: data})


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write several files, such as a folder of pictures: all of them, or none if the disk is full.

    Args:
        files: the content of each file by its path.

    Raises:
        ExplorerError: a file cannot be written.
    """
    with ExitStack() as stack:
        for path, data in files.items():
            partial = stack.enter_context(replacing(path))
            with _explained(path):
                partial.write_bytes(data)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a new file in the same folder, which replaces ``path`` in the end.

    The new file has the ending of ``path``. It is removed if the ``with`` statement is left by an
    exception; ``path`` then stays as it is. If ``path`` is a link, its target is replaced.
    Unfinished files that killed processes have left in the folder are removed.

    Raises:
        ExplorerError: the new file cannot be written or renamed. An ``OSError`` within the ``with``
            statement is raised as an ``ExplorerError``, too.
    """
    with _explained(path):
        target = Path(os.path.realpath(path))
        _remove_stale(target.parent)
        own = f"{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"
        partial = target.with_name(f"{UNFINISHED}{own}{PART}{target.suffix}")
        try:
            yield partial
            if target.exists():
                shutil.copymode(target, partial)
            _flush(partial)
            partial.replace(target)
        except BaseException:
            # SQLite and others write further files, whose names begin with that of the first one.
            for left in target.parent.glob(f"{UNFINISHED}{own}*"):
                left.unlink(missing_ok=True)
            raise
        if os.name == "posix":
            _flush(target.parent)


def unusable(path: str | Path, error: Exception, participle: str) -> ExplorerError:
    """Build the error for a path that cannot be opened, read or written.

    Args:
        path: the path that a user named.
        error: what the operating system or Python says about it.
        participle: ``opened``, ``read`` or ``written``.
    """
    reason = str(error)
    if isinstance(error, UnicodeError):
        reason = "its name has characters that are no text"
    elif isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    return ExplorerError(
        f"{named(path)} cannot be {participle} ({reason}); check its name, its folder and its "
        "permissions"
    )


def _fits(mode: int, expects: str) -> bool:
    folder, file = stat.S_ISDIR(mode), stat.S_ISREG(mode)
    return {FILE: file, FOLDER: folder, ANY: file or folder}[expects]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise an ``OSError`` or a wrong path within the ``with`` statement as an ExplorerError."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        raise unusable(path, error, "written") from error


def _flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _machine() -> str:
    """Return a few letters that tell this machine's files from those of others in one folder."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _remove_stale(folder: Path) -> None:
    """Remove the unfinished files of processes that no longer run."""
    for file in folder.glob(f"{UNFINISHED}*{PART}*"):
        machine, process, *_ = (*file.name.removeprefix(UNFINISHED).split("-"), "", "")
        # Another process may remove the same file, or the folder may belong to somebody else.
        with suppress(OSError):
            old = time.time() - file.stat().st_mtime > STALE_SECONDS
            if old or (machine == _machine() and _has_ended(process)):
                file.unlink()


def _has_ended(process: str) -> bool:
    """Whether no process of this machine has a number; False where that cannot be found out."""
    if os.name != "posix" or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return False
