"""A process of its own that reads what a visitor has sent, with limits of memory and time.

It is run as ``python -m explorer.library.checkpoint_task FILE OUT``. The file is first checked
without PyTorch. Then its tensors are loaded into the network, and the network's tensors are
written as safetensors. The process prints lines of JSON: the ``share`` that is done, and at the end
the ``network`` and the ``fingerprint`` of its weights, or the ``problem`` and the networks that the
file ``fits``.
"""

import argparse
import contextlib
import json
import math
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.checkpoints import outline
from core.checkpoints.outline import OpenedFile
from core.errors import BadCheckpoint, ExplorerError, FitsAnother, named
from core.networks import known_timm
from explorer.paths import ROOT

MODULE = "explorer.library.checkpoint_task"
# The process may take so many seconds, and for large files more: a second for so many bytes.
SECONDS, BYTES_PER_SECOND = 120, 8_000_000
# The process may take so many bytes more than the libraries themselves. While the network is built,
# its weights are in memory up to twice, as float32, beside one tensor of the file.
CHECK_BYTES, READ_BYTES, READ_TIMES = 512 * 2**20, 1024 * 2**20, 2.5
FLOAT_BYTES = 4
TOO_MUCH = "takes more memory or time to read than an uploaded file may; send a smaller state dict"
# Shares of the work that are done once the file is checked, and once the network is loaded.
CHECKED, LOADED = 0.05, 0.8


@dataclass(frozen=True)
class Converted:
    """What came of a sent file: the network that it fits, and the fingerprint of the weights."""

    network: str
    fingerprint: str


def convert(
    network: str,
    sent: Path,
    out: Path,
    classes: Sequence[str] = (),
    report: Callable[[float], object] = lambda _: None,
) -> Converted:
    """Write a clean copy of a sent file as safetensors.

    Args:
        network: the architecture; "" for the one that the file fits.
        sent: the file that a visitor has sent.
        out: the file to write.
        classes: the names of the classes; by default those in the file.
        report: called with the share of the work that is done, from 0 to 1.

    Raises:
        FitsAnother: the file fits another network.
        BadCheckpoint: the file cannot be read, does not fit the network, or takes too much memory
            or time.
    """
    command = [sys.executable, "-m", MODULE, str(sent), str(out), "--network", network]
    seconds = SECONDS + sent.stat().st_size / BYTES_PER_SECOND
    answer: dict[str, Any] = {}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        try:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(json.dumps(list(classes)))
                process.stdin.close()
            for line in process.stdout:
                with contextlib.suppress(ValueError):
                    answer = json.loads(line)
                if "share" in answer:
                    report(answer["share"])
        finally:
            timer.cancel()
            process.kill()
    if "fits" in answer:
        raise FitsAnother(answer["problem"], answer["fits"])
    if "problem" in answer:
        raise BadCheckpoint(answer["problem"])
    if "fingerprint" not in answer:
        raise BadCheckpoint(f"{named(sent.name)} {TOO_MUCH}")
    return Converted(answer["network"], answer["fingerprint"])


def _convert_here(network: str, sent: Path, out: Path, classes: Sequence[str]) -> Converted:
    """Do the work of ``convert`` in this process."""
    with _memory_limit(CHECK_BYTES):
        opened = outline.open_file(sent)
        network = network or _fitting(opened)
        needed = _needed_bytes(opened)
    _say(share=CHECKED)
    from core.checkpoints import weights_files
    from core.networks import registry, torchvision_models  # noqa: F401 (before the limit)

    if network.startswith(known_timm.PREFIX):
        from core.networks import timm_models  # noqa: F401 (before the limit)

    with _memory_limit(needed):
        loaded = registry.load(network, sent, "cpu", classes)
        _say(share=LOADED)
        known = loaded.labels if loaded.labels and loaded.labels[0] != "class 0" else None
        weights_files.write_safetensors(out, loaded.module.state_dict(), known)
        return Converted(network, loaded.fingerprint)


def _fitting(opened: OpenedFile) -> str:
    """Return the network of the catalogue that a file fits.

    Raises:
        BadCheckpoint: it fits none.
    """
    from core.networks import parameter_shapes

    found = list(parameter_shapes.networks_that_fit(opened.content, file_name=opened.path.name))
    if not found:
        raise BadCheckpoint(
            f"{opened.name} fits no network of the catalogue; choose the network that it is of, to "
            "see what differs"
        )
    return found[0]


def _needed_bytes(opened: OpenedFile) -> int:
    """Return how many bytes reading a file may take.

    Raises:
        BadCheckpoint: this machine has not as many.
    """
    values = sum(math.prod(it.shape) for it in opened.content.tensors.values())
    # A file cannot hold more values than it has bytes; half of the types have two bytes for each.
    values = min(values, opened.path.stat().st_size // 2)
    needed = READ_BYTES + int(READ_TIMES * FLOAT_BYTES * values)
    free = _free_bytes()
    if free is not None and needed > free:
        raise BadCheckpoint(
            f"{opened.name} takes {needed / 1e6:,.0f} MB of memory to read, and this machine has "
            f"{free / 1e6:,.0f} MB left; send a smaller one, or try again later"
        )
    return needed


def _free_bytes() -> int | None:
    """Return how much memory this machine can still give, in bytes; None if it does not tell."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


@contextlib.contextmanager
def _memory_limit(more: int) -> Iterator[None]:
    """Limit the memory of this process to ``more`` bytes than it has, where the system can."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except (ImportError, OSError):
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _say(**facts: object) -> None:
    """Print a line of JSON at once."""
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()


def main() -> None:
    """Read a sent file; the names of the classes, a JSON list, come on standard input."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=main.__doc__)
    parser.add_argument("sent", type=Path, help="the file that a visitor has sent")
    parser.add_argument("out", type=Path, help="the safetensors file to write")
    parser.add_argument("--network", default="", help="the network; by default the one that fits")
    args = parser.parse_args()
    classes = json.loads(sys.stdin.read() or "[]")
    try:
        done = _convert_here(args.network, args.sent, args.out, classes)
    except FitsAnother as error:
        _say(problem=str(error), fits=error.networks)
    except ExplorerError as error:
        _say(problem=str(error))
    except (MemoryError, RuntimeError) as error:
        # PyTorch reports that it cannot allocate memory as a RuntimeError.
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        _say(problem=f"{named(args.sent.name)} {TOO_MUCH}")
    else:
        _say(network=done.network, fingerprint=done.fingerprint)


if __name__ == "__main__":
    main()
