"""The command that prepares the lessons, with a task that ends at once."""

import json

import pytest

from core.networks import registry
from explorer.library import background_task, lessons_task
from tests.explorer.commands import run


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons_task, "MODULE", "tests.explorer.library.short_task")


def test_it_says_when_it_is_done() -> None:
    done = run("prepare-lessons")
    assert done.returncode == 0
    assert "all lessons are ready with sketchnet" in done.stderr
    found = json.loads(run("prepare-lessons", "--json").stdout)
    assert found["network"] == registry.SKETCHNET and found["seconds"] > 0


def test_a_problem_and_an_unknown_network_are_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("prepare-lessons", "nowhere").returncode == 1
    start = background_task.start_task

    def start_failing(key: str, module: str, *_: object) -> None:
        start(key, module, ["fails"])

    monkeypatch.setattr(background_task, "start_task", start_failing)
    failed = run("prepare-lessons")
    assert failed.returncode == 1
    assert failed.stderr.splitlines()[-1] == "error: it could not be done"
