"""The division of cores among computing processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from explorer import cores
from explorer.cores import CoreShare
from tests.conftest import ROOT

LIMIT = 8
# A process that joins with a weight, says how many threads it has for every line that it reads, and
# never leaves.
MEMBER = """
import sys
from pathlib import Path
from explorer.cores import CoreShare
share = CoreShare(Path(sys.argv[1]), int(sys.argv[2]), 8)
for _ in sys.stdin:
    share._looked = -1.0
    print(share.count(), flush=True)
"""


class Member:
    """A process with a share of the cores."""

    def __init__(self, folder: Path, weight: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", MEMBER, str(folder), str(weight)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def step(self) -> int:
        """Return the number of threads of the process's next step."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def kill(self) -> None:
        with self.process:
            self.process.send_signal(signal.SIGKILL)


@pytest.fixture(autouse=True)
def _always_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "LOOK_SECONDS", 0.0)


@pytest.fixture
def shares(tmp_path: Path) -> Iterator[list[CoreShare]]:
    """Return three shares of equal weight in one folder."""
    made = [CoreShare(tmp_path / "cores", cores.JOB, LIMIT) for _ in range(3)]
    yield made
    for share in made:
        share.leave()


weights = st.sampled_from((cores.PAGE, cores.JOB, cores.BACKGROUND))
computations = st.lists(st.tuples(weights, st.integers(1, 16)), min_size=1, max_size=12)


@given(st.integers(1, 64), computations)
def test_shares_use_all_cores_and_no_more(count: int, given_: list[tuple[int, int]]) -> None:
    weights, limits = zip(*given_, strict=True)
    shares = cores.divide(count, weights, limits)
    assert all(1 <= share <= limit for share, limit in zip(shares, limits, strict=True))
    most = sum(max(1, limit) for limit in limits)
    assert sum(shares) == min(max(count, len(shares)), most)


@given(st.integers(1, 64), computations)
def test_no_core_would_be_better_with_another(count: int, given_: list[tuple[int, int]]) -> None:
    # Brute force: moving any core between two computations makes the worse served of them worse.
    weights, limits = zip(*given_, strict=True)
    shares = cores.divide(count, weights, limits)
    for give, (weight, _) in enumerate(given_):
        for take, (other, limit) in enumerate(given_):
            if shares[give] > 1 and shares[take] < limit and give != take:
                assert (shares[give] - 1) / weight <= shares[take] / other


def test_one_computation_has_all_cores_and_takes_back_what_others_leave(
    shares: list[CoreShare],
) -> None:
    first, second, _ = shares
    assert first.count() == LIMIT
    assert second.count() == 1  # nothing is free yet, and nobody waits
    assert (first.count(), second.count()) == (4, 4)
    second.leave()
    assert first.count() == LIMIT


def test_the_sum_never_exceeds_the_cores_after_each_has_made_a_step(
    shares: list[CoreShare],
) -> None:
    for share in shares:
        share.count()
    counts = [share.count() for share in shares]
    assert sum(counts) <= LIMIT
    for _ in range(3):
        counts = [share.count() for share in shares]
    assert sorted(counts) == [2, 3, 3]


def test_what_a_page_waits_for_gets_more(tmp_path: Path) -> None:
    job = CoreShare(tmp_path, cores.JOB, LIMIT)
    index = CoreShare(tmp_path, cores.BACKGROUND, LIMIT)
    page = CoreShare(tmp_path, cores.PAGE, LIMIT)
    for _ in range(3):
        counts = [it.count() for it in (page, job, index)]
    assert counts == [4, 3, 1]


def test_a_killed_process_returns_its_cores(tmp_path: Path) -> None:
    folder = tmp_path / "cores"
    members = [Member(folder, cores.JOB) for _ in range(2)]
    for _ in range(3):
        counts = [member.step() for member in members]
    assert counts == [4, 4]
    members[0].kill()
    assert members[1].step() == LIMIT
    assert len(list(folder.glob(f"*{cores.ENDING}"))) == 1
    members[1].kill()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"x": {"threads": 3}}'])
def test_a_damaged_table_is_made_anew(content: str, tmp_path: Path) -> None:
    share = CoreShare(tmp_path, cores.JOB, LIMIT)
    share.count()
    (tmp_path / cores.TABLE).write_text(content)
    assert share.count() == LIMIT
    assert list(json.loads((tmp_path / cores.TABLE).read_text()).values()) == [share._mine]
    share.leave()


def test_a_deleted_folder_is_made_anew(tmp_path: Path, shares: list[CoreShare]) -> None:
    for share in shares:
        share.count()
    for file in (tmp_path / "cores").iterdir():
        file.unlink()
    (tmp_path / "cores").rmdir()
    for _ in range(3):
        counts = [share.count() for share in shares]
    assert sorted(counts) == [2, 3, 3]


def test_without_a_folder_all_cores_are_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    share = CoreShare(tmp_path / "file", cores.JOB, LIMIT)
    assert share.count() == LIMIT
    share.leave()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no user ids")
def test_a_folder_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 54321)
    share = CoreShare(tmp_path, cores.JOB, LIMIT)
    assert share.count() == LIMIT
    assert list(tmp_path.iterdir()) == []


def test_threads_follow_the_share_between_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cores.FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr(cores, "_most_threads", lambda: 4)
    before = torch.get_num_threads()
    other = CoreShare(tmp_path, cores.JOB, 4)
    seen = []
    steps = cores.sharing(lambda: iter(range(5)))()
    for step in steps:
        seen.append(torch.get_num_threads())
        if step == 1:
            other.count()
        if step == 3:
            other.leave()
    assert seen == [4, 4, 2, 2, 4]
    assert torch.get_num_threads() == before
    assert json.loads((tmp_path / cores.TABLE).read_text()) == {}
    assert list(tmp_path.glob(f"*{cores.ENDING}")) == []


def test_a_stopped_computation_leaves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cores.FOLDER_VARIABLE, str(tmp_path))
    closed = []

    def steps() -> Iterator[int]:
        try:
            yield from range(9)
        finally:
            closed.append(True)

    running = cores.sharing(steps)()
    assert next(running) == 0
    assert len(list(tmp_path.glob(f"*{cores.ENDING}"))) == 1
    running.close()  # type: ignore[attr-defined]
    assert closed and list(tmp_path.glob(f"*{cores.ENDING}")) == []


def test_a_computation_within_another_joins_only_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cores.FOLDER_VARIABLE, str(tmp_path))
    with cores.joined(cores.PAGE) as outer, cores.joined(cores.JOB) as inner:
        assert inner is outer
        assert len(list(tmp_path.glob(f"*{cores.ENDING}"))) == 1
    with cores.joined(cores.JOB) as later:
        assert later is not outer
