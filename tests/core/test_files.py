"""Paths that users name, and files that are written completely or not at all."""

import ast
import os
import re
import resource
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import files
from core.errors import ExplorerError
from core.files import ANY, FILE, FOLDER
from tests.conftest import ROOT, fill
from tests.unprivileged import as_nobody, let_everybody_in


def link(folder: Path, name: str, target: str) -> Path:
    path = folder / name
    path.symlink_to(target)
    return path


def pipe(folder: Path) -> Path:
    path = folder / "pipe.png"
    os.mkfifo(path)
    return path


# Paths that cannot be used as a file, and a word of the sentence that says why.
WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda folder: "", "empty"),
    "name too long": (lambda folder: folder / ("x" * 300), "File name too long"),
    "path too long": (lambda folder: "/x" * 3000, "File name too long"),
    "NUL": (lambda folder: "a\0b.png", "null"),
    "lone surrogate": (lambda folder: folder / "a\ud800b.png", "no text"),
    "a folder": (lambda folder: folder, "is a folder"),
    "below a file": (lambda folder: Path(__file__) / "x.png", "Not a directory"),
    "a loop of links": (lambda folder: link(folder, "loop", "loop"), "symbolic links"),
    "a device": (lambda folder: "/dev/zero", "no regular file"),
    "a named pipe": (pipe, "no regular file"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_path_that_cannot_be_used_is_one_sentence(kind: str, tmp_path: Path) -> None:
    make, words = WRONG[kind]
    path = make(tmp_path)
    with pytest.raises(ExplorerError, match=re.escape(words)) as caught:
        files.require_path(str(path), FILE)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", link(tmp_path, "dangling", "none.png")):
        assert not files.check_path(path)
        with pytest.raises(ExplorerError, match=r"there is no index .*; `index` makes one"):
            files.require_path(path, FILE, "index", "; `index` makes one")


def test_what_is_there_passes(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"x")
    assert files.check_path(link(tmp_path, "link", "a.png"), FILE)
    assert files.check_path(tmp_path, FOLDER) and files.check_path(tmp_path, ANY)
    with pytest.raises(ExplorerError, match="is a file; name a folder"):
        files.check_path(file, FOLDER)
    assert files.read_file(file, 1) == b"x"
    file.write_bytes(b"xy")
    with pytest.raises(ExplorerError, match="larger than"):
        files.read_file(file, 1)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(), max_size=400))
def test_any_text_is_a_path_or_one_sentence(tmp_path: Path, text: str) -> None:
    for path in (text, f"{tmp_path}/{text}"):
        for expects in (FILE, FOLDER, ANY):
            try:
                files.check_path(path, expects)
            except ExplorerError as error:
                assert str(error).isprintable() and len(str(error)) < 300


IMPORTS = "from core import files; from core.errors import ExplorerError"


def test_a_user_without_rights_gets_sentences(tmp_path: Path) -> None:
    open_folder = let_everybody_in(tmp_path)
    secret, shut, fixed = open_folder / "secret.png", open_folder / "shut", open_folder / "fixed"
    secret.write_bytes(b"x")
    secret.chmod(0)
    shut.mkdir()
    (shut / "a.png").write_bytes(b"x")
    shut.chmod(0)
    fixed.mkdir(mode=0o755)
    code = """
    secret, shut, fixed = map(Path, sys.argv[1:])
    for check in (
        lambda: files.check_path(secret),
        lambda: files.check_path(shut / "a.png"),
        lambda: files.check_path(shut, files.FOLDER),
        lambda: files.read_file(secret, 10),
        lambda: files.check_output(fixed / "out.png"),
        lambda: files.write_file(fixed / "out.png", b"x"),
    ):
        try:
            check()
        except ExplorerError as error:
            print(error)
    """
    done = as_nobody(IMPORTS, code, secret, shut, fixed)
    shut.chmod(0o755)
    lines = done.stdout.splitlines()
    assert done.stderr == "" and len(lines) == 6
    assert all("Permission denied" in it for it in (*lines[:4], lines[5]))
    assert "nothing can be written into" in lines[4]


def test_the_place_of_an_output_is_checked_before_any_work(tmp_path: Path) -> None:
    files.check_output(tmp_path / "a.png")
    for path, words in (
        (tmp_path / "a.jpg", "must end in .png"),
        (tmp_path / "none" / "a.png", "there is no folder"),
        (tmp_path / f"{'x' * 300}.png", "File name too long"),
        (pipe(tmp_path), "no regular file"),
    ):
        with pytest.raises(ExplorerError, match=words):
            files.check_output(path)
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ExplorerError, match="is a folder"):
        files.check_output(tmp_path / "folder.png")


def test_a_file_is_replaced_as_a_whole_and_keeps_its_rights(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    files.write_file(file, b"first")
    file.chmod(0o600)
    files.write_file(link(tmp_path, "link.png", "a.png"), b"second")
    assert file.read_bytes() == b"second" and file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "link.png").is_symlink()
    assert sorted(it.name for it in tmp_path.iterdir()) == ["a.png", "link.png"]


def test_a_failure_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"before")
    with pytest.raises(ZeroDivisionError), files.replacing(file) as partial:
        partial.write_bytes(b"half")
        partial.with_name(f"{partial.name}-wal").write_bytes(b"beside")
        raise ZeroDivisionError
    with pytest.raises(ExplorerError, match="cannot be written"), files.replacing(file) as partial:
        raise OSError(28, "No space left on device")
    assert [it.name for it in tmp_path.iterdir()] == ["a.png"] and file.read_bytes() == b"before"


def test_a_full_disk_destroys_nothing_and_leaves_nothing(disk: Path) -> None:
    kept = disk / "kept.png"
    kept.write_bytes(b"kept" * 1000)
    fill(disk)
    before = sorted(it.name for it in disk.iterdir())
    several = {disk / f"{number}.png": bytes(9000) for number in range(3)}
    for files_to_write in ({kept: b"new" * 9000}, several):
        with pytest.raises(ExplorerError, match="No space left on device"):
            files.write_files(files_to_write)
    assert sorted(it.name for it in disk.iterdir()) == before
    assert kept.read_bytes() == b"kept" * 1000


def test_a_limit_on_the_size_of_files_destroys_nothing(tmp_path: Path) -> None:
    """The same as with a full disk, for systems on which none can be mounted."""
    (tmp_path / "a.png").write_bytes(b"before")
    code = """
    from pathlib import Path
    import resource, signal
    from core import files
    from core.errors import ExplorerError
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    try:
        files.write_file(Path(sys.argv[1]), bytes(9000))
    except ExplorerError as error:
        print(error)
    """
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 4096
    body = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{textwrap.dedent(code)}"
    done = subprocess.run(
        [sys.executable, "-c", body, str(tmp_path / "a.png")], capture_output=True, text=True
    )
    assert "File too large" in done.stdout and done.stderr == ""
    assert (tmp_path / "a.png").read_bytes() == b"before" and len(list(tmp_path.iterdir())) == 1


def test_what_killed_processes_leave_is_removed_by_the_next_write(tmp_path: Path) -> None:
    code = """
    from pathlib import Path
    from core import files
    with files.replacing(Path(sys.argv[1])) as partial:
        partial.write_bytes(b"half")
        print("written", flush=True)
        sys.stdin.read()
    """
    body = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{textwrap.dedent(code)}"
    line = [sys.executable, "-c", body, str(tmp_path / "a.png")]
    for sent in (signal.SIGKILL, signal.SIGKILL, None):
        with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None and writer.stdout.readline() == b"written\n"
            if sent is None:
                files.write_file(tmp_path / "b.png", b"other")
                # The file of a process that still runs stays.
                assert len(list(tmp_path.iterdir())) == 2
                writer.kill()
            else:
                writer.send_signal(sent)
    files.write_file(tmp_path / "a.png", b"whole")
    assert sorted(it.name for it in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_nothing_is_written_but_through_the_one_door() -> None:
    """An unfinished file of one's own is left when the disk is full or the process is killed."""
    # The file of an upload is in a temporary folder, which is removed.
    # The table of cores is of no use after the end of the processes that it is about.
    # What is written to set the priority of a process is no file on a disk.
    allowed = {
        "core/files.py",
        "explorer/library/catalogue.py",
        "explorer/cores.py",
        "explorer/jobs/processes.py",
    }
    wrong = []
    for file in [it for top in ("core", "explorer") for it in (ROOT / top).rglob("*.py")]:
        name = file.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            called = getattr(getattr(node, "func", None), "attr", "")
            if called in ("write_bytes", "write_text") and name not in allowed:
                wrong.append(f"{name}:{node.lineno}")  # type: ignore[attr-defined]
    assert wrong == []
