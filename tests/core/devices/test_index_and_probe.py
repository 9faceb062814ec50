"""What a device measures: indexes, probes and attributions."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from core.analysis import attribution, probe
from core.index import scanner
from core.index.scanner import Scanner
from core.networks.network import Network
from tests.core.devices.device_work import Kind, indexed, wrapped
from tests.core.fake_device import FakeDevice


@Kind
def test_an_index_of_a_device_is_that_of_the_cpu_and_fills_its_groups(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = indexed(wrapped("small", None), tmp_path / "cpu", 70)
    scan, measure, sizes, waits = Scanner.scan, Scanner._measure, [], []
    fake = FakeDevice(kind)

    def in_thread(self: Scanner, *given: Any) -> Any:
        # The scan runs in another thread, where the device is not known.
        before = fake.waits.total()
        with fake:
            found = scan(self, *given)
        waits.append(fake.waits.total() - before)
        return found

    def counted(self: Scanner, pixels: list[Any], *given: Any) -> None:
        sizes.append(len(pixels))
        measure(self, pixels, *given)

    monkeypatch.setattr(Scanner, "scan", in_thread)
    monkeypatch.setattr(Scanner, "_measure", counted)
    with fake:
        found = indexed(wrapped("small", fake), tmp_path / "device", 70, batch=8)
    assert sorted(sizes) == [70 - 2 * scanner.GPU_GROUP_SIZE] + [scanner.GPU_GROUP_SIZE] * 2
    # The pictures go to the device, their values and the positions of maxima come back.
    assert max(waits) <= (3 if kind == "cuda" else 5)
    for unit in range(9):
        for one, other in zip(expected.top("4", unit), found.top("4", unit), strict=True):
            assert one.picture == other.picture and one.box == other.box
            assert one.value == pytest.approx(other.value, rel=1e-4, abs=1e-5)


@Kind
def test_probe_and_attribution_agree_with_the_cpu(kind: str, tmp_path: Path) -> None:
    plain = wrapped("small", None)
    index = indexed(plain, tmp_path / "index", 9)
    picture = index.picture(index.top("4", 1)[0].picture)

    def measured(network: Network) -> list[Tensor]:
        result = probe.probe_image(network, picture, index)
        responses = result.responses(network.layer("4"), index, count=9)
        responses = sorted(responses, key=lambda it: it.unit)
        place = (responses[0].row, responses[0].col)
        return [
            torch.tensor([it.value for it in responses]),
            attribution.heatmap(network, result.image, "4", 1),
            attribution.project(network, result.image, "4", 1, *place),
            torch.tensor(
                attribution.effective_field(network, result.image, "4", 1, *place)
            ).float(),
        ]

    expected = measured(plain)
    with FakeDevice(kind) as fake:
        found = measured(wrapped("small", fake))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
