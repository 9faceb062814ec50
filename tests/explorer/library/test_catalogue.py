"""Tests of users' checkpoints, collections, downloads and index tasks, and what is refused."""

import functools
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from core.errors import BadCheckpoint, ExplorerError, FitsAnother, UnknownName
from core.networks import registry
from explorer.jobs import ownership
from explorer.jobs.ownership import NotYours
from explorer.library import background_task, catalogue, download_task, library_tasks
from explorer.library.background_task import BackgroundTask
from explorer.paths import checkpoints_folder
from explorer.store.results import Store
from explorer.ui import server_state
from tests.conftest import ROOT
from tests.core.picture_folders import fill
from tests.unprivileged import as_nobody, let_everybody_in

PATIENCE = 90.0
SMALL = "squeezenet1_1"


def checkpoint(classes: int = 5) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return dict(models.get_model(SMALL, num_classes=classes).state_dict())


def sent(tmp_path: Path, ending: str = ".safetensors", classes: int = 5) -> bytes:
    file = tmp_path / f"mine{ending}"
    if ending == ".pth":
        torch.save(checkpoint(classes), file)
    else:
        save_file(checkpoint(classes), file, {"classes": '["a", "b", "c", "d", "e"]'})
    return file.read_bytes()


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_a_checkpoint_is_kept_and_opened_by_its_name(tmp_path: Path, ending: str) -> None:
    name = catalogue.add_checkpoint(SMALL, "birds", f"mine{ending}", sent(tmp_path, ending))
    assert name == f"{SMALL}:birds"
    assert [it.name for it in checkpoints_folder().iterdir()] == [f"{SMALL}--birds.safetensors"]
    server_state.network.clear()
    network = server_state.network(name)
    assert (network.name, network.architecture) == (name, SMALL)
    assert len(network.labels) == 5
    assert (network.labels[0] == "a") is (ending == ".safetensors")
    assert server_state.network_infos()[name].ready
    # Workers find the file by the fingerprint of the weights.
    kept = Store().checkpoint(network.fingerprint)
    assert kept is not None
    assert registry.load(name, kept).fingerprint == network.fingerprint
    server_state.network.clear()


@pytest.mark.parametrize(
    ("title", "file", "content", "words"),
    [
        ("../etc", "a.pth", b"", "a title has"),
        ("", "a.pth", b"", "a title has"),
        ("a:b", "a.pth", b"", "a title has"),
        ("x" * 33, "a.pth", b"", "a title has"),
        ("birds", "a.pth", b"no weights", "a.pth is not a readable weights file"),
        ("birds", "a.safetensors", b"no weights", "not a readable safetensors"),
        ("birds", "../../a.safetensors", b"", "not a readable safetensors"),
    ],
)
def test_bad_checkpoints_are_refused_and_leave_nothing(
    title: str, file: str, content: bytes, words: str
) -> None:
    with pytest.raises(ExplorerError, match=words):
        catalogue.add_checkpoint(SMALL, title, file, content)
    folder = checkpoints_folder()
    assert not folder.is_dir() or not list(folder.iterdir())


def test_what_does_not_fit_is_too_large_or_there_already_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = sent(tmp_path)
    with pytest.raises(FitsAnother, match="fits squeezenet1_1, not resnet18") as caught:
        catalogue.add_checkpoint("resnet18", "birds", "a.safetensors", content)
    assert caught.value.networks == (SMALL,)
    catalogue.add_checkpoint(SMALL, "birds", "a.safetensors", content)
    with pytest.raises(ExplorerError, match="already"):
        catalogue.add_checkpoint(SMALL, "birds", "a.safetensors", content)
    monkeypatch.setattr(catalogue, "OWN_AT_MOST", 1)
    with pytest.raises(ExplorerError, match="1 checkpoints at most"):
        catalogue.add_checkpoint(SMALL, "fish", "a.safetensors", content)
    monkeypatch.setattr(catalogue, "LARGEST_FILE", 1)
    with pytest.raises(BadCheckpoint, match="more than 1 MB"):
        catalogue.add_checkpoint(SMALL, "fish", "a.safetensors", content)


def test_a_pickle_is_never_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"weights": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BadCheckpoint, match="more than tensors"):
        catalogue.add_checkpoint(SMALL, "evil", "evil.pth", (tmp_path / "evil.pth").read_bytes())
    assert not (tmp_path / "owned").exists()


def test_reading_an_upload_takes_bounded_time_and_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from explorer.library import checkpoint_task

    monkeypatch.setattr(checkpoint_task, "SECONDS", 0.05)
    with pytest.raises(BadCheckpoint, match=r"mine\.pth takes more memory or time"):
        catalogue.add_checkpoint(SMALL, "birds", "mine.pth", sent(tmp_path, ".pth"))
    assert not list(checkpoints_folder().iterdir())
    file = tmp_path / "large.pth"
    file.write_bytes(sent(tmp_path, ".pth"))
    setting = "from explorer.library import checkpoint_task as task; task.READ_TIMES = 0; "
    for code, words in (
        (f"{setting} task.READ_BYTES = 1_000_000; task.main()", "takes more memory or time"),
        (f"{setting} task.READ_BYTES = 2**60; task.main()", "and this machine has"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, str(file), "out", "--network", SMALL],
            input="[]",
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=PATIENCE,
        )
        assert words in json.loads(done.stdout.splitlines()[-1])["problem"]


def test_the_network_is_found_out_and_classes_are_named(tmp_path: Path) -> None:
    shares: list[float] = []
    names = ("robin", "wren", "owl", "tit", "jay")
    content = sent(tmp_path, ".pth")
    name = catalogue.add_checkpoint("", "birds", "a.ckpt", content, None, names, shares.append)
    assert name == f"{SMALL}:birds" and 0 < shares[0] < shares[-1] <= 1
    network = registry.load(name, catalogue.list_checkpoints()[name].file, "cpu")
    assert network.labels == names
    with pytest.raises(BadCheckpoint, match=r"1 class names, the last 'robin', and .* 5 classes"):
        catalogue.add_checkpoint("", "more", "a.ckpt", content, None, ["robin"])
    torch.save({"layer.weight": torch.ones(2, 2)}, tmp_path / "x.pth")
    with pytest.raises(BadCheckpoint, match=r"x\.pth fits no network of the catalogue"):
        catalogue.add_checkpoint("", "more", "x.pth", (tmp_path / "x.pth").read_bytes())


@pytest.mark.parametrize(
    ("bias", "words"),
    [
        (torch.ones(1).expand(64), "features.0.bias .* repeats 1 stored"),
        (torch.ones(64).to_sparse(), "features.0.bias .* sparse"),
        (torch.full((64,), float("inf")), "finite numbers .* features.0.bias"),
    ],
)
def test_uploads_that_could_break_something_are_refused_at_the_door(
    bias: torch.Tensor, words: str, tmp_path: Path
) -> None:
    torch.save({**checkpoint(), "features.0.bias": bias}, tmp_path / "sent.pth")
    with pytest.raises(BadCheckpoint, match=words):
        catalogue.add_checkpoint(SMALL, "birds", "sent.pth", (tmp_path / "sent.pth").read_bytes())
    assert not list(checkpoints_folder().iterdir())


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    fill(root / "birds", 12)
    (root / ".hidden").mkdir()
    catalogue.configure([root])
    return root


def test_collections_are_known_by_name_only(allowed: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret"
    fill(outside, 3)
    (allowed / "way-out").symlink_to(outside)
    assert list(catalogue.list_collections()) == ["photos", "photos/birds"]
    assert catalogue.find_collection("photos/birds").path == allowed / "birds"
    for name in ("photos/way-out", "../secret", str(outside), "photos/../secret", "photos/.hidden"):
        with pytest.raises(ExplorerError, match="no collection"):
            catalogue.find_collection(name)
    # A link in a subfolder leads out.
    (allowed / "birds" / "way-out.png").symlink_to(next(outside.iterdir()))
    with pytest.raises(ExplorerError, match="leads out of it"):
        catalogue.find_collection("photos/birds")


def test_only_folders_can_be_allowed(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError, match="there is no folder"):
        catalogue.configure([tmp_path / "nowhere"])


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_folders_that_cannot_be_read_are_left_out(tmp_path: Path, mode: int) -> None:
    """The names in a folder of mode 444 can be listed, but not what they name."""
    for name in ("closed", "open"):
        (let_everybody_in(tmp_path) / name / "cats").mkdir(parents=True)
    (tmp_path / "closed").chmod(mode)
    code = f"""
    os.environ[{catalogue.VARIABLE!r}] = os.pathsep.join(sys.argv[1:])
    print(*catalogue.list_collections())
    catalogue.find_collection("open")
    """
    folders = [tmp_path / name for name in ("closed", "open", "gone")]
    done = as_nobody("from explorer.library import catalogue", code, *folders)
    (tmp_path / "closed").chmod(0o755)
    assert done.stderr == ""
    assert done.stdout.split() == ["closed"] * (mode == 0o444) + ["open", "open/cats"]


def test_an_upload_on_a_full_disk_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def write_bytes(path: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    with pytest.raises(ExplorerError, match="cannot be written \\(No space left on device\\)"):
        catalogue.add_checkpoint(SMALL, "birds", "a.pth", b"x" * 100)


def wait(task: BackgroundTask | None) -> BackgroundTask:
    assert task is not None
    deadline = time.monotonic() + PATIENCE
    while task.open and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not task.open
    return task


@pytest.mark.parametrize("stopped", [False, True], ids=["failed", "stopped"])
def test_what_is_over_has_said_why(stopped: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page reads a task once more when it has ended: a later message would never be shown."""
    listen = BackgroundTask._listen

    def slow_listener(task: BackgroundTask) -> None:
        time.sleep(0.5)
        listen(task)

    monkeypatch.setattr(BackgroundTask, "_listen", slow_listener)
    task = (
        BackgroundTask("this", ["--nonsense"])
        if stopped
        else BackgroundTask("nowhere.to.be.found", [])
    )
    if stopped:
        task.stop()
    assert wait(task).problem.startswith("Stopped" if stopped else "It ended with exit code 1")


def test_an_allowed_collection_is_indexed_in_a_process_of_its_own(allowed: Path) -> None:
    network = registry.load(registry.SKETCHNET, device="cpu")
    library_tasks.start_index(network.name, network.fingerprint, "photos/birds", None)
    out = library_tasks.index_file(network.name, network.fingerprint, "photos/birds")
    done = wait(background_task.latest_task(f"index {out.name}"))
    assert (done.problem, done.done, done.total, done.share) == ("", 12, 12, 1.0)
    from explorer.library import indexes

    assert out.name.removesuffix(".index") in indexes.finished_indexes(network)


class Slow(http.server.SimpleHTTPRequestHandler):
    """Serves a file slowly in small blocks, so that there is progress to see."""

    def copyfile(self, source: object, outputfile: object) -> None:
        data = source.read()  # type: ignore[attr-defined]
        for start in range(0, len(data), len(data) // 8 + 1):
            outputfile.write(data[start : start + len(data) // 8 + 1])  # type: ignore[attr-defined]
            time.sleep(0.12)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve weights by the name and hash that torchvision expects, in child processes too."""
    import hashlib

    folder = tmp_path / "served"
    folder.mkdir()
    torch.save(checkpoint(1000), folder / "weights.pth")
    digest = hashlib.sha256((folder / "weights.pth").read_bytes()).hexdigest()[:8]
    (folder / "weights.pth").rename(folder / f"small-{digest}.pth")
    handler = functools.partial(Slow, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/small-{digest}.pth"
    code = (
        "import sys; from dataclasses import replace\n"
        "from core.networks import torchvision_models\n"
        f"weights = torchvision_models.published_weights({SMALL!r})\n"
        f"weights._value_ = replace(weights.value, url={url!r})\n"
        "from explorer.library import download_task; "
        "sys.argv = ['download_task', sys.argv[-1]]; download_task.main()"
    )
    start = background_task.subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        return start([command[0], "-c", code, command[-1]], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(background_task.subprocess, "Popen", popen)
    yield url
    server.shutdown()
    server.server_close()


def test_published_weights_are_downloaded_by_torchvision_s_loader(published: str) -> None:
    library_tasks.start_download(SMALL)
    task = background_task.latest_task(f"fetch {SMALL}")
    assert task is not None
    seen = set()
    while task.open:
        seen.add(task.done)
        time.sleep(0.02)
    assert wait(task).problem == ""
    assert task.share == 1.0
    assert len(seen) > 2, "progress was seen on the way"
    file = Path(os.environ["TORCH_HOME"]) / "hub" / "checkpoints" / published.rsplit("/", 1)[1]
    assert file.is_file()
    assert not list(file.parent.glob("*.partial"))


def test_a_download_that_is_impossible_is_explained_and_one_that_was_stopped_leaves_nothing(
    published: str,
) -> None:
    library_tasks.start_download(SMALL)
    stopped = background_task.latest_task(f"fetch {SMALL}")
    assert stopped is not None
    while stopped.open and not stopped.done:
        time.sleep(0.02)
    stopped.stop()
    assert "Stopped" in wait(stopped).problem
    folder = Path(os.environ["TORCH_HOME"]) / "hub" / "checkpoints"
    assert not list(folder.glob("*.pth"))
    download_task.delete_partial_downloads(folder / published.rsplit("/", 1)[1])
    assert not list(folder.iterdir())
    library_tasks.start_download("nonsense")
    assert "no network nonsense" in wait(background_task.latest_task("fetch nonsense")).problem


def test_only_who_added_a_checkpoint_removes_it(tmp_path: Path) -> None:
    def add(title: str, visitor: str | None) -> str:
        return catalogue.add_checkpoint(SMALL, title, "x.safetensors", sent(tmp_path), visitor)

    anne, bert = (ownership.visitor_id(name, guest=True) for name in ("anne", "bert"))
    name, kept = add("birds", anne), add("fish", None)
    assert catalogue.removable_checkpoints(Store(), anne) == [name]
    assert catalogue.removable_checkpoints(Store(), bert) == []
    with pytest.raises(NotYours):
        catalogue.remove_checkpoint(name, bert)
    with pytest.raises(NotYours):
        catalogue.remove_checkpoint(kept, anne)
    catalogue.remove_checkpoint(name, anne)
    assert list(catalogue.list_checkpoints()) == [kept]
    # Somebody else may take the title then, and owns what they add.
    assert add("birds", bert) == name
    assert catalogue.removable_checkpoints(Store(), anne) == []
    # The user of the machine removes everything.
    for each in (name, kept):
        catalogue.remove_checkpoint(each)
    with pytest.raises(UnknownName):
        catalogue.remove_checkpoint(name)


def test_guests_share_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    class Running:
        """A task that does not end."""

        open = True

        def __init__(self, module: str, arguments: list[str], visitor: str | None) -> None:
            self.owner = visitor or ""

    tasks: dict[str, BackgroundTask] = {}
    monkeypatch.setattr(background_task, "BackgroundTask", Running)
    monkeypatch.setattr(background_task, "_TASKS", tasks)
    guests = [ownership.visitor_id(str(number), guest=True) for number in range(9)]
    library_tasks.start_download("resnet18", guests[0])
    library_tasks.start_download("resnet18", guests[1])  # It is under way.
    assert len(tasks) == 1
    with pytest.raises(ExplorerError, match="under way"):
        library_tasks.start_download("resnet34", guests[0])
    for guest in guests[1 : background_task.OPEN_OF_GUESTS]:
        library_tasks.start_download(f"resnet {guest}", guest)
    with pytest.raises(ExplorerError, match="under way"):
        library_tasks.start_download("resnet50", guests[-1])
    library_tasks.start_download("resnet50")
    library_tasks.start_download("resnet101")


def test_only_who_started_a_task_stops_it() -> None:
    anne, bert = (ownership.visitor_id(name, guest=True) for name in ("anne", "bert"))
    for stopping in (anne, None):
        task = BackgroundTask("this", ["-c", "1"], anne)
        with pytest.raises(NotYours):
            task.stop(bert)
        task.stop(stopping)
        assert not task.open


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("My birds.pth", "my-birds"),
        ("--A_b.ckpt", "a-b"),
        (f"{'x' * 31} y.pth", "x" * 31),
        ("\N{BIRD}.pth", ""),
    ],
)
def test_titles_of_files(name: str, title: str) -> None:
    assert catalogue.title_of_file(name) == title
    assert not title or catalogue.TITLE.fullmatch(title)
