"""A process of its own that reads what a visitor has sent, with limits of memory and time.

It is run as ``python -m explorer.library.checkpoint_task NETWORK FILE OUT``. The file is first
checked without PyTorch. Then its tensors are read, written as safetensors, and loaded into the
network. The process prints one line of JSON: the ``fingerprint`` of the network's weights, or the
``problem``.
"""

import argparse
import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from core.checkpoints import outline
from core.errors import BadCheckpoint, ExplorerError, named
from explorer.paths import ROOT

MODULE = "explorer.library.checkpoint_task"
# The process may take so many seconds, and so many bytes more than the libraries themselves. A file
# is read twice, as float32, which may be twice the size of the file.
SECONDS = 120
CHECK_BYTES, READ_BYTES = 512 * 2**20, 1536 * 2**20
TOO_MUCH = "takes more memory or time to read than an uploaded file may; send a smaller state dict"


def convert(name: str, sent: Path, out: Path) -> str:
    """Write a clean copy of a sent file as safetensors; return the fingerprint of the weights.

    Args:
        name: name of the network, such as ``resnet18:birds``.
        sent: the file that a visitor has sent.
        out: the file to write.

    Raises:
        BadCheckpoint: the file cannot be read, does not fit the network, or takes too much memory
            or time.
    """
    command = [sys.executable, "-m", MODULE, name, str(sent), str(out)]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=ROOT, timeout=SECONDS
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise BadCheckpoint(f"{named(sent.name)} {TOO_MUCH}") from error
    if "problem" in answer:
        raise BadCheckpoint(answer["problem"])
    fingerprint: str = answer["fingerprint"]
    return fingerprint


def _convert_here(name: str, sent: Path, out: Path) -> str:
    """Do the work of ``convert`` in this process."""
    with _memory_limit(CHECK_BYTES):
        outline.read_outline(sent)
    from core.checkpoints import weights_files
    from core.networks import registry

    with _memory_limit(READ_BYTES):
        weights_files.write_safetensors(out, *weights_files.read_checkpoint(sent))
        return registry.load(name, out, "cpu").fingerprint


@contextlib.contextmanager
def _memory_limit(more: int) -> Any:
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


def main() -> None:
    """Read a sent file, and print the result as JSON."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=main.__doc__)
    parser.add_argument("network", help="name of the network")
    parser.add_argument("sent", type=Path, help="the file that a visitor has sent")
    parser.add_argument("out", type=Path, help="the safetensors file to write")
    args = parser.parse_args()
    try:
        answer = {"fingerprint": _convert_here(args.network, args.sent, args.out)}
    except ExplorerError as error:
        answer = {"problem": str(error)}
    except (MemoryError, RuntimeError) as error:
        # PyTorch reports that it cannot allocate memory as a RuntimeError.
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        answer = {"problem": f"{named(args.sent.name)} {TOO_MUCH}"}
    sys.stdout.write(f"{json.dumps(answer)}\n")


if __name__ == "__main__":
    main()
