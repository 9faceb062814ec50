"""Listing of folders: links, loops, hidden files, and what is no regular file."""

import os
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.datasets import sources
from core.datasets.image_source import ImageEntry
from core.errors import BadPicture, ExplorerError
from core.index import build, reader
from core.networks.network import Network
from tests.core.picture_folders import photograph

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links need rights here")


def link(at: Path, target: str) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.symlink_to(target)


def file(at: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    photograph(0).save(at)


def list_files(folder: Path) -> list[str]:
    return [it.name for it in sources.find_source(str(folder)).entries()]


def test_linked_class_folders_are_listed(tmp_path: Path) -> None:
    file(tmp_path / "real/cats/1.png")
    file(tmp_path / "real/dogs/2.png")
    for name in ("cats", "dogs"):
        link(tmp_path / "set" / name, f"../real/{name}")
    link(tmp_path / "set/3.png", "../real/cats/1.png")
    source = sources.find_source(str(tmp_path / "set"))
    assert list_files(tmp_path / "set") == ["3.png", "cats/1.png", "dogs/2.png"]
    assert source.open(source.find("cats/1.png"))[1] == (40, 52)
    # Within one folder, nothing is listed twice.
    assert list_files(tmp_path) == ["real/cats/1.png", "real/dogs/2.png", "set/3.png"]


def test_links_in_circles_end(tmp_path: Path) -> None:
    file(tmp_path / "set/a/1.png")
    file(tmp_path / "beside/2.png")
    file(tmp_path / ".hidden/3.png")
    link(tmp_path / "set/a/up", "..")
    link(tmp_path / "set/a/out", "../..")
    link(tmp_path / "set/own", "own")
    link(tmp_path / "set/one", "two")
    link(tmp_path / "set/two", "one")
    link(tmp_path / "set/z", "../.hidden")
    link(tmp_path / "set/again", "../.hidden")
    assert list_files(tmp_path / "set") == [
        "one", "own", "two", "a/1.png", "a/out/beside/2.png", "again/3.png",
    ]  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=12))
def test_every_file_is_listed_once_whatever_links_there_are(
    tmp_path_factory: pytest.TempPathFactory, links: list[tuple[int, int]]
) -> None:
    root = tmp_path_factory.mktemp("links").resolve()
    for number in range(6):
        # Folder 4 and folder 5 are outside of the collection.
        folder = root / ("set" if number < 4 else "outside") / str(number)
        folder.mkdir(parents=True)
        (folder / f"{number}.png").touch()
    paths = [root / ("set" if it < 4 else "outside") / str(it) for it in range(6)]
    for at, (start, end) in enumerate(links):
        (paths[start] / f"link {at}").symlink_to(paths[end])
    reached, waiting = set(), {0, 1, 2, 3}
    while waiting:
        reached |= waiting
        waiting = {end for start, end in links if start in reached} - reached
    listed = [it.rpartition("/")[2] for it in list_files(root / "set")]
    assert sorted(listed) == [f"{it}.png" for it in sorted(reached)]


def test_pipes_and_folders_that_cannot_be_read_are_skipped(tmp_path: Path, tiny: Network) -> None:
    folder = tmp_path / "pictures"
    for number in range(3):
        file(folder / f"{number}.png")
    os.mkfifo(folder / "pipe")
    link(folder / "gone.jpg", "nowhere")
    link(folder / "zero.jpg", "/dev/zero")
    (folder / "locked").mkdir(mode=0)

    def release() -> None:
        # If somebody waits for the pipe after some seconds, open it and close it again.
        time.sleep(5)
        try:
            os.close(os.open(folder / "pipe", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return

    threading.Thread(target=release, daemon=True).start()
    source = sources.find_source(str(folder))
    tally = build.open_accumulator(build.plan_index(tiny, source), source, tmp_path / "index")
    list(build.build_index(tiny, source, tally, tmp_path / "index"))
    index = reader.open_index(tmp_path / "index")
    assert index.count == 3
    assert "pipe is no file that can be opened" in index.skipped["pipe"]
    assert "there is no file gone.jpg" in index.skipped["gone.jpg"]
    assert "is no file that can be opened" in index.skipped["zero.jpg"]
    if os.geteuid():  # The superuser can read every folder.
        assert "locked is no file that can be opened" in index.skipped["locked"]


def test_deep_folders_are_listed(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep /= "d"
    file(deep / "1.png")
    assert [it.count("/") for it in list_files(tmp_path)] == [300]


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd", "a/../../secret.png", "C:\\x.png"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    file(tmp_path / "secret.png")
    file(tmp_path / "set/a/1.png")
    source = sources.find_source(str(tmp_path / "set"))
    with pytest.raises(BadPicture, match="there is no file"):
        source.find(name)
    with pytest.raises(BadPicture, match="leads out of"):
        source.open(ImageEntry(name))


def test_an_index_of_nothing_is_an_error(tmp_path: Path, tiny: Network) -> None:
    folder, out = tmp_path / "empty", tmp_path / "index"
    folder.mkdir()
    source = sources.find_source(str(folder))
    tally = build.open_accumulator(build.plan_index(tiny, source), source, out)
    with pytest.raises(ExplorerError, match=r"there are no images in .*empty; name another"):
        list(build.build_index(tiny, source, tally, out))
    for name in ("b.txt", "a.txt"):
        (folder / name).write_text("no picture")
    with pytest.raises(ExplorerError, match=r"no file of .*empty can be indexed: a\.txt cannot be"):
        list(build.build_index(tiny, source, tally, out, save_seconds=0))
    assert not out.exists()
