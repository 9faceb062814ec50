"""Settings of all tests of devices."""

import pytest

from core import devices
from core.networks import network


@pytest.fixture(autouse=True)
def _full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (devices, network):
        monkeypatch.setattr(module, "has_fast_bfloat16", lambda device: False)
    # Every test has another device.
    monkeypatch.setattr(devices, "_agreed", {})
