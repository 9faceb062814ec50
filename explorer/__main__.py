"""The command line, run as ``python -m explorer``.

It ends the process itself: Python would first take PyTorch apart object by object, which makes a
command wait for a quarter of a second after its work is done.
"""

import atexit
import os
import sys


def run() -> None:
    """Run the command line, and end the process with its exit code.

    Everything that modules register to be done at the exit of Python is done, and the output is
    written. An error that nobody expects ends Python in its own way, with its traceback.
    """
    codes: list[int] = []
    # What is registered first is done last, so this stands before all imports of modules.
    atexit.register(_end_process, codes)
    from explorer.cli import main

    try:
        main()
        codes.append(0)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            codes.append(end.code or 0)
        raise


def _end_process(codes: list[int]) -> None:
    """End the process without Python's teardown, with the exit code in a list, if there is one."""
    if codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0])


if __name__ == "__main__":
    run()
