"""Networks that the user's own code makes: ``--module``."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import ExplorerError, UnknownName
from core.images import image_io
from core.networks import known_networks, registry
from core.recipes.neuron import NeuronRecipe
from explorer import engine, own_code
from explorer.jobs.claims import Claims
from explorer.jobs.job_queue import Jobs
from explorer.jobs.supervisor import Supervisor
from explorer.library import index_task
from explorer.rendering import png_metadata
from explorer.store.results import Store
from tests.explorer.commands import run

# A worker process first imports PyTorch, which is slow on a busy machine.
PATIENCE = 90.0
CODE = """
import torch
from torch import nn

from core import networks
from sizes_of_mine import SIZE

with open("{ran}", "a") as file:
    file.write("x")


def make(name="mine"):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 5, 3), nn.ReLU(), nn.Conv2d(5, 7, 3, 2), nn.ReLU())
    return networks.wrap(model, SIZE, 0.5, 0.25, name=name, channels=1, device="cpu")


def other():
    return make("yours")


def bare():
    return nn.Conv2d(3, 3, 3)


def bands():
    return networks.wrap(nn.Conv2d(4, 3, 3), SIZE, 0.5, 0.25, channels=4, device="cpu")


def broken():
    return {{}}["weights"]


fresh = iter(range(9))


def renamed():
    return make(f"mine{{next(fresh)}}")
"""


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the networks of a test when it ends, and the folders of its modules."""
    for module, name in ((known_networks, "_own"), (registry, "_own"), (own_code, "_known")):
        monkeypatch.setattr(module, name, {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "sizes_of_mine", raising=False)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The file to which the code adds a letter whenever it is run."""
    return tmp_path / "ran"


@pytest.fixture
def file(tmp_path: Path, ran: Path) -> Path:
    """A file of code that makes networks, and a module beside it that the code imports."""
    (tmp_path / "sizes_of_mine.py").write_text("SIZE = (24, 20)\n")
    path = tmp_path / "mynet.py"
    path.write_text(CODE.format(ran=ran))
    return path


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "a.sqlite3", shipped=())
    yield store
    store.close()


def mine(file: Path) -> str:
    return f"{file}:make"


def test_commands_take_the_code_and_name_its_network(file: Path, tmp_path: Path) -> None:
    listed = run("networks", "--module", mine(file), "--json")
    facts = {it["name"]: it for it in json.loads(listed.stdout)}
    assert facts["mine"]["source"] == "your own code" and facts["mine"]["ready"]
    assert [*facts][:2] == ["sketchnet", "mine"] and facts["mine"]["parameters"] == 372
    rows = json.loads(run("layers", "mine", "--module", mine(file), "--json").stdout)
    assert [(it["name"], it["channels"]) for it in rows] == [("1", 5), ("3", 7)]
    out = tmp_path / "grid.png"
    options = ("--units", "0-1", "--size", "16", "--steps", "2", "--module", mine(file))
    assert run("neurons", "mine", "3", *options, "--out", out).returncode == 0
    picture = image_io.open_picture(out)
    assert picture.getextrema()[0] == picture.getextrema()[1]  # grey
    # What is saved names the network, never the code.
    recipe, _ = png_metadata.read_recipe(out.read_bytes())
    assert recipe.network == "mine" and recipe.weights == registry.load("mine").fingerprint
    data = Path(tmp_path / "home")
    saved = [out.read_bytes(), *(it.read_bytes() for it in data.rglob("*") if it.is_file())]
    assert not any(b"mynet" in it or b":make" in it for it in saved)
    assert run("replay", out, "--module", mine(file)).returncode == 0


def test_without_the_option_nothing_is_run(file: Path, ran: Path) -> None:
    done = run("layers", mine(file))
    assert done.returncode == 1 and "no network" in done.stderr
    with pytest.raises(UnknownName):
        registry.load(mine(file))
    assert not ran.exists()


def test_the_module_of_a_package_is_found_from_the_working_folder(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    own_code.load(["mynet:make", "mynet.py:other"])
    assert {"mine", "yours"} <= {*known_networks.list_networks()}
    assert own_code.arguments() == [
        *("--module", "mine", "mynet:make", str(file.parent)),
        *("--module", "yours", "mynet.py:other", str(file.parent)),
    ]
    monkeypatch.delitem(sys.modules, "mynet")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("mynet.py", "--module is 'mynet.py'; write package.module:function, or file.py:function"),
        ("{file}:", "write package.module:function"),
        ("{file}:make()", "write package.module:function"),
        ("{folder}/none.py:make", "none.py"),
        ("no_such_package:make", "no_such_package:make failed: ModuleNotFoundError: No module"),
        ("{file}:none", "failed: AttributeError: module 'explorer_own_mynet' has no attribute"),
        ("{file}:bare", "returned a Conv2d; it must return what core.networks.wrap returns"),
        (
            "{file}:bands",
            "conv2d takes images of 4 channels; commands and pages show",
        ),
        ("{file}:broken", "failed: KeyError: 'weights'"),
    ],
)
def test_code_that_makes_no_network_is_named(file: Path, code: str, words: str) -> None:
    done = run("networks", "--module", code.format(file=file, folder=file.parent))
    assert done.returncode == 1 and words in done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr


def test_two_networks_of_one_name_are_refused(file: Path, tmp_path: Path) -> None:
    (tmp_path / "again.py").write_text(file.read_text())
    with pytest.raises(ExplorerError, match=r"again\.py:make both make mine"):
        own_code.load([mine(file), f"{tmp_path / 'again.py'}:make"])


def test_a_cluster_does_not_get_the_code(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "check_engine", lambda engine, address: None)
    done = run("app", "--engine", "ray", "--module", mine(file))
    assert done.returncode == 1 and "a cluster does not run code of your own" in done.stderr


def test_another_process_runs_the_code_when_it_needs_the_network(file: Path, ran: Path) -> None:
    parser = argparse.ArgumentParser()
    own_code.add_argument(parser)
    handed = ["--module", "mine", "mynet.py:make", str(file.parent)]
    own_code.expect(parser.parse_args(handed).module)
    assert "mine" in own_code.networks() and not ran.exists()
    assert registry.load("mine", device="cpu").channels == 1
    assert registry.load("mine", device="cpu").name == "mine" and ran.read_text() == "x"
    assert own_code.arguments() == handed
    # So do the processes that this one starts.
    assert index_task.task_arguments(Path("a.index"))[-4:] == handed


def test_a_network_keeps_its_name(file: Path) -> None:
    own_code.expect([("mine", "mynet.py:renamed", str(file.parent))])
    with pytest.raises(ExplorerError, match="returned mine0, and mine before; give the network"):
        registry.load("mine")


def test_a_checkpoint_goes_into_the_module(file: Path, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    own_code.load([mine(file)])
    network = registry.load("mine", device="cpu")
    values = network.module.state_dict()
    state = {name: (it + 1).contiguous() for name, it in values.items()}
    save_file(state, tmp_path / "own.safetensors")
    other = registry.load("mine", tmp_path / "own.safetensors", "cpu")
    assert other.fingerprint != network.fingerprint == registry.load("mine").fingerprint
    assert other.module.state_dict()["0.bias"].equal(state["0.bias"])
    with pytest.raises(ExplorerError, match=r"own\.safetensors does not fit mine"):
        save_file({"0.bias": state["0.bias"]}, tmp_path / "own.safetensors")
        registry.load("mine", tmp_path / "own.safetensors")


def test_a_worker_leaves_what_it_cannot_load_to_others(store: Store) -> None:
    jobs = Jobs(store)
    foreign = NeuronRecipe("mine", "0123456789abcdef", layer="3", units=(0,))
    titled = NeuronRecipe("resnet18:birds", "0123456789abcdef", layer="3", units=(0,))
    first, second = (jobs.submit(it).key for it in (foreign, titled))
    known = Claims(store, networks=lambda: ["sketchnet", "resnet18"])
    claim = known.claim("w")
    assert claim is not None and claim.job == second
    known.finish(claim, [], 1.0)
    assert known.claim("w") is None
    # Whoever asks for this job is told why it fails.
    claim = known.claim("w", only=first)
    assert claim is not None and claim.job == first
    known.release(claim)
    assert Claims(store).claim("w") is not None


def test_workers_of_the_app_get_the_code(file: Path, store: Store) -> None:
    own_code.load([mine(file)])
    fingerprint = registry.load("mine").fingerprint
    recipe = NeuronRecipe("mine", fingerprint, layer="3", units=(0, 2), size=16, steps=2)
    jobs = Jobs(store)
    key = jobs.submit(recipe).key
    supervisor = Supervisor(store, 1)
    supervisor.start()
    try:
        deadline = time.monotonic() + PATIENCE
        while jobs.find(key).open and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        supervisor.stop()
    assert (jobs.find(key).state, jobs.find(key).message) == ("done", "")
    assert set(store.pictures(recipe)) == {0, 2}
