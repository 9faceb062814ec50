"""Tests of the end of ``python -m explorer``: its exit code, its output, what is done at exit."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import atexit, sys, threading, time
from explorer import cli
from explorer.__main__ import run

class Slow:
    def __del__(self):
        print("taken apart")

kept = Slow()

def main():
    sys.modules[__name__].hold = kept
    atexit.register(print, "done at exit")
    threading.Thread(target=lambda: (time.sleep(0.2), print("thread ended"))).start()
    print("worked", end=" ")
    {end}

cli.main = main
run()
"""


def end(how: str) -> "subprocess.CompletedProcess[str]":
    """Return what a process does whose command line ends in some way."""
    program = PROGRAM.format(end=how)
    return subprocess.run([sys.executable, "-c", program], text=True, capture_output=True)


@pytest.mark.parametrize(
    ("how", "code"), [("pass", 0), ("sys.exit()", 0), ("sys.exit(2)", 2), ("sys.exit(130)", 130)]
)
def test_the_end_keeps_code_output_threads_and_what_is_registered(how: str, code: int) -> None:
    done = end(how)
    assert done.returncode == code
    assert done.stdout == "worked thread ended\ndone at exit\n" and not done.stderr


def test_an_unexpected_error_ends_python_in_its_own_way() -> None:
    done = end("raise RuntimeError('unexpected')")
    assert done.returncode == 1
    assert "RuntimeError: unexpected" in done.stderr
    assert "done at exit" in done.stdout and "taken apart" in done.stdout


def test_output_that_is_not_read_to_its_end_makes_no_noise() -> None:
    command = [sys.executable, "-m", "explorer", "labels", "sketchnet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()  # type: ignore[union-attr]
    process.stdout.close()  # type: ignore[union-attr]
    _, noise = process.communicate()
    assert b"Traceback" not in noise and b"ignored" not in noise


def test_output_that_is_not_written_is_an_error_in_one_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no full device")
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "explorer", "labels", "sketchnet"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and "Traceback" not in done.stderr
