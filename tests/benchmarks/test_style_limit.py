"""The benchmark of the limit of a style step: the parts do the work that they stand for."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import style_limit


@pytest.mark.parametrize(("rank", "operations"), [(None, 4 * 50 * 36), (4, 2 * 50 * 4 * (12 + 4))])
def test_products_have_as_many_operations_as_their_sizes_tell(
    rank: int | None, operations: int
) -> None:
    work, counted = style_limit.product_work(torch.rand(50, 6), rank)
    with style_limit.FlopCounterMode(display=False) as counter:
        work()
    # The last positions of ``moments.product`` are multiplied apart; all count.
    assert counted == operations == counter.get_total_flops()


def test_all_parts_are_measured_for_each_loss(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    style_limit.main("sketchnet", None, size=64, rounds=2, out=out, content="cat", style="dots")
    rows = json.loads(out.read_text("utf-8"))["rows"]
    assert [it["loss"] for it in rows] == ["wasserstein", "gram"]
    for row in rows:
        assert set(row["seconds"]) == {*style_limit.PARTS, "bare", "step"}
        assert row["share"] > 0 and row["limit"] > 0
        assert row["products / network, operations"] > 0
