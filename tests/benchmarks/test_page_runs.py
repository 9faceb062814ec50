"""The benchmark of the processor's time for pages."""

from benchmarks import page_runs
from benchmarks.server import ROOT


def test_the_start_of_a_worker_and_all_runs_of_a_page_are_measured() -> None:
    (seconds,) = page_runs.measure(ROOT, page_runs.START)[page_runs.WORKER]
    assert seconds > 0
    found = page_runs.measure(ROOT, page_runs.PAGES, ["glossary"])
    assert {it: len(runs) for it, runs in found.items()} == {
        page_runs.PREPARATION: 1,
        "glossary": 1 + page_runs.LATER,
    }
    assert min(it for runs in found.values() for it in runs) > 0
