"""Tests of the task that builds SketchNet's index, and of the indexes that pages use."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.numpy import save

from core.datasets import sources
from core.errors import ExplorerError
from core.index import build, reader
from core.networks import registry
from core.networks.network import Network
from explorer.library import background_task, index_task, indexes
from explorer.library.background_task import BackgroundTask
from explorer.ui.neuron import dataset_examples
from tests.core.picture_folders import fill
from tests.explorer.commands import started

FEW = "sketchworld:300"
PATIENCE = 60.0


def start(out: Path) -> BackgroundTask:
    return BackgroundTask(index_task.MODULE, index_task.task_arguments(out))


def wait(making: BackgroundTask) -> None:
    deadline = time.monotonic() + PATIENCE
    while making.open and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not making.open
    time.sleep(0.2)  # until its last line is read


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the task's process index few drawings and save often."""
    monkeypatch.setattr(index_task, "DRAWINGS", FEW)
    code = (
        "from explorer.library import index_task; index_task.SAVE_SECONDS = 0.0; index_task.main()"
    )
    start = subprocess.Popen

    def popen(command: list[str], **options: object) -> "subprocess.Popen[str]":
        return start([command[0], "-c", code, *command[3:]], **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(background_task.subprocess, "Popen", popen)


def test_killed_and_begun_again_it_is_the_same_as_made_at_once(few: None, tmp_path: Path) -> None:
    out = tmp_path / "indexes" / "sketchnet.index"
    killed = 0
    for _ in range(20):
        making = start(out)
        deadline = time.monotonic() + PATIENCE
        before = making.done
        while making.open and making.done <= before and time.monotonic() < deadline:
            time.sleep(0.01)
        if not making.open:
            break
        making._process.kill()
        wait(making)
        killed += 1
        assert "what was found is kept" in making.problem
        if killed == 3:
            break
    making = start(out)
    wait(making)
    assert making.problem == "" and making.done == making.total == 300
    assert killed > 0
    network, source = registry.load(registry.SKETCHNET), sources.find_source(FEW)
    plan = build.plan_index(network, source, k=index_task.KEPT, by=build.STATISTICS)
    plain = tmp_path / "plain.index"
    for _ in build.build_index(network, source, build.open_accumulator(plan, source, plain), plain):
        pass
    assert out.read_bytes() == plain.read_bytes()
    assert reader.open_index(out).complete


def test_stopped_it_says_so_and_a_damaged_file_is_made_anew(few: None, tmp_path: Path) -> None:
    out = tmp_path / "indexes" / "sketchnet.index"
    making = start(out)
    making.stop()
    wait(making)
    assert making.problem.startswith("Stopped")
    out.parent.mkdir(exist_ok=True)
    out.write_bytes(b"no index")
    making = start(out)
    wait(making)
    assert making.problem == "" and reader.open_index(out).count == 300


def test_it_ends_with_the_process_that_wants_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from explorer.library import background_task, index_task\n"
        "arguments = index_task.task_arguments(Path(sys.argv[1]))\n"
        "making = background_task.BackgroundTask(index_task.MODULE, arguments)\n"
        "print(making._process.pid, flush=True)\n"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "indexes" / "sketchnet.index")]
    with started(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    deadline = time.monotonic() + PATIENCE
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie process has ended, but its parent has not waited for it yet.
    return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"


def made(network: Network, folder: Path, out: Path) -> None:
    source = sources.find_source(str(folder))
    out.parent.mkdir(parents=True, exist_ok=True)
    plan = build.plan_index(network, source)
    for _ in build.build_index(network, source, build.open_accumulator(plan, source, out), out):
        pass


def test_pages_find_finished_indexes_of_their_network_only(
    tiny: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home" / index_task.FOLDER
    photos = fill(tmp_path / "photos", 6)
    made(tiny, photos, home / "mine.index")
    made(tiny, photos, tmp_path / "named.index")
    (home / "broken.index").write_bytes(b"nothing")
    source = sources.find_source(str(photos))
    tally = build.open_accumulator(build.plan_index(tiny, source), source, home / "half.index")
    tally.save(home / "half.index")
    assert list(indexes.finished_indexes(tiny)) == ["mine"]
    indexes.configure([tmp_path / "named.index"])
    monkeypatch.setenv(indexes.VARIABLE, os.environ[indexes.VARIABLE])
    assert list(indexes.finished_indexes(tiny)) == ["named", "mine"]
    assert indexes.describe_index(indexes.finished_indexes(tiny)["mine"]) == "6 pictures in photos"
    assert indexes.finished_indexes(registry.load(registry.SKETCHNET)) == {}


def test_broken_indexes_are_left_out_and_named_and_logged_once(
    tiny: Network, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "home" / index_task.FOLDER
    made(tiny, fill(tmp_path / "photos", 6), folder / "mine.index")
    with safe_open(folder / "mine.index", framework="np") as file:
        tables = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        manifest = json.loads(file.metadata()["manifest"])
    whole = (folder / "mine.index").read_bytes()
    kept = {name: value for name, value in manifest.items() if name != "complete"}
    broken = {
        "cut": whole[: len(whole) // 2],
        "empty": b"",
        "keyless": save(tables, {"manifest": json.dumps(kept)}),
        "tableless": save({}, {"manifest": json.dumps(manifest)}),
        "versionless": save(tables, {"manifest": "[]"}),
    }
    for name, content in broken.items():
        (folder / f"{name}.index").write_bytes(content)
    (folder / "folder.index").mkdir()
    for _ in range(2):
        assert list(indexes.finished_indexes(tiny)) == ["mine"]
    names = [f"{name}.index" for name in ("cut", "empty", "folder", "keyless", "tableless")]
    assert indexes.unreadable_files() == [*names, "versionless.index"]
    assert len(caplog.messages) == 6 and all("\n" not in it for it in caplog.messages)


def test_a_damaged_index_of_the_app_is_deleted(tmp_path: Path) -> None:
    assert index_task.open_or_discard(tmp_path / "none.index") is None
    (tmp_path / "damaged.index").write_bytes(b"nothing")
    assert index_task.open_or_discard(tmp_path / "damaged.index") is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "folder.index").mkdir()
    with pytest.raises(ExplorerError, match=r"folder\.index; .* cannot be deleted"):
        index_task.open_or_discard(tmp_path / "folder.index")


def test_the_app_refuses_a_file_that_is_no_index(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError, match="there is no index"):
        indexes.configure([tmp_path / "nothing.index"])


@pytest.mark.parametrize(
    ("own", "best", "median", "words"),
    [
        (6.2, 2.0, 0.5, "3.1 times the best of them, and 12 times the median drawing."),
        (6.2, 2.0, 0.0, "3.1 times the best of them."),
        (1.0, 2.0, 0.5, "Less than the best of them: 50% of it."),
        (1.0, 0.0, 0.0, "More than any of them."),
        (0.0, 0.0, 0.0, "Less than the best of them."),
        (-1.0, 2.0, 0.5, "Less than the best of them."),
    ],
)
def test_a_neurons_own_picture_is_compared_in_words(
    own: float, best: float, median: float, words: str
) -> None:
    assert dataset_examples.compare_values(own, best, median, "drawing", "them") == words
