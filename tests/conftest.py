"""What many tests share: tiny networks whose axes cannot be confused."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from core.images import image_io
from core.networks import layers
from core.networks.network import Network

ROOT = Path(__file__).parents[1]
# Tiny networks gain nothing from more threads, and tests run side by side: more threads than
# processors make small tensors many times slower. What tests start has one thread, too.
torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"
# The user "nobody", whom file permissions hold back also where tests run as root.
UNPRIVILEGED = 65534


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the data of whoever runs it, and start no workers unasked."""
    monkeypatch.setenv("EXPLORER_WORKERS", "0")
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPLORER_CORES", str(tmp_path / "shared cores"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    # What a test of `app` leaves here must not reach the next one.
    monkeypatch.setenv("EXPLORER_INDEXES", "")
    monkeypatch.setenv("EXPLORER_LIBRARY", "")


def tiny_module(seed: int = 0) -> nn.Sequential:
    """A network of 5, 7 and 4 channels with lively random weights."""
    torch.manual_seed(seed)
    module = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(5, 7, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(7, 4),
    )
    for part in module:
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight)
            nn.init.constant_(part.bias, 0.1)  # type: ignore[arg-type]
    return module


def as_network(module: nn.Module, size: tuple[int, int] = (24, 20)) -> Network:
    """Make a network of a module, as loading one does."""
    module.eval().requires_grad_(False)
    return Network(
        name="tiny",
        module=module,
        layers=layers.list_layers(module, size),
        labels=("one", "two", "three", "four"),
        mean=(0.4, 0.5, 0.6),
        std=(0.2, 0.25, 0.3),
        input_size=size,
        fixed_size=False,
        fingerprint="0123456789abcdef",
        device=torch.device("cpu"),
    )


@pytest.fixture
def tiny() -> Network:
    return as_network(tiny_module())


@pytest.fixture
def photograph() -> Tensor:
    """A smooth picture of a size with odd sides, ``[1, 3, 37, 52]`` in ``[0, 1]``."""
    rows = torch.linspace(0, 6, 37)[:, None]
    cols = torch.linspace(0, 9, 52)[None]
    planes = [torch.sin(rows + cols), torch.cos(rows * cols / 5), torch.sin(rows) * torch.cos(cols)]
    return (torch.stack(planes)[None] * 0.4 + 0.5).contiguous()


def mount(folder: Path, options: str) -> None:
    """Mount a small file system; skip the test where that cannot be done."""
    line = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        failed = subprocess.run(line, capture_output=True).returncode
    except FileNotFoundError:
        failed = 1
    if failed:
        pytest.skip("no file system can be mounted here")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount(folder, "size=1m")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path) -> None:
    """Fill a file system to the last block."""
    with pytest.raises(OSError, match="No space"), (disk / "full").open("wb", 0) as file:
        while True:
            file.write(bytes(4096))


def short(text: str) -> str:
    """Return the beginning of a long text, for the name of a test."""
    return ascii(text[:12])


class Clock:
    """Stands still until it is moved; seconds since 1970."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Pictures:
    """Encoded pictures by their fingerprints, as work that starts from pictures wants them."""

    def __init__(self) -> None:
        self.inputs: dict[str, bytes] = {}

    def keep(self, image: Tensor) -> str:
        """Keep a picture ``[3, H, W]`` in ``[0, 1]``, and give its fingerprint."""
        picture = image_io.to_picture(image)
        fingerprint = image_io.fingerprint(picture)
        self.inputs[fingerprint] = image_io.encode_png(picture)
        return fingerprint


@pytest.fixture
def pictures() -> Pictures:
    return Pictures()
