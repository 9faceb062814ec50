"""The server of benchmarks."""

import subprocess
import sys
from pathlib import Path

from benchmarks import server
from benchmarks.server import Server

# A process that starts another one, which writes files without end.
WRITING = """
import subprocess, sys, time
writes = "import itertools, pathlib\\nfor n in itertools.count(): pathlib.Path(str(n % 99)).touch()"
print(subprocess.Popen([sys.executable, "-c", writes]).pid, flush=True)
time.sleep(60)
"""


class WritingServer(Server):
    """A process with a child that writes into the data folder, in place of the app."""

    def start(self) -> None:
        """Start both, and wait for the child's process id."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITING], cwd=self.home, stdout=subprocess.PIPE
        )
        assert self.process.stdout is not None
        with self.process.stdout as said:
            self.child = int(said.readline())


def test_nothing_writes_into_the_data_folder_afterwards(tmp_path: Path) -> None:
    with WritingServer(tmp_path / "home") as started:
        assert server._runs(started.child)
    assert not server._runs(started.child)
