"""Running of one input in a child process, and what the child may not do."""

import contextlib
import importlib
import io
import json
import os
import random
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from core.errors import ExplorerError

# An input that takes more of the processor counts as one that hangs, and so does one that takes
# PATIENCE times as long by the clock: other programs may slow it down.
SECONDS, PATIENCE = 10.0, 6.0
# The program may repeat at most this many characters of what a user typed.
REPEATED = 80
# A message is one sentence for people; longer ones are not read.
MESSAGE = 500
# Characters of a traceback's last line in the report.
SHORT = 200
# What may become of an input, and what may not.
DONE, REFUSED = "done", "refused"
TRACEBACK, CRASH, HANG, MEMORY = "traceback", "crash", "hang", "memory"
PARTIAL, WORDS, WRONG = "partial", "words", "wrong"
VERDICTS = (DONE, REFUSED, TRACEBACK, CRASH, HANG, MEMORY, PARTIAL, WORDS, WRONG)
# Modules that take long to import. They are imported before the first fork.
IMPORTED = (
    "explorer.cli",
    "explorer.rendering.replay",
    "explorer.ui.png_drop",
    "explorer.ui.layers.layers_page",
    "explorer.ui.neuron.neuron_page",
    "explorer.ui.probe.probe_page",
    "explorer.ui.dream.dream_page",
    "explorer.ui.style.style_page",
    "explorer.ui.library_page",
    "explorer.charts.figures",
    "explorer.library.catalogue",
    "core.index.build",
    "core.networks.registry",
    "core.style.transfer",
    "core.dreams.render_dreams",
    "core.neurons.render_neurons",
    "streamlit.testing.v1",
    "torchvision.models",
)


class Wrong(Exception):
    """The program accepted an input, but what it made of it is wrong."""


@dataclass(frozen=True)
class Attempt:
    """One input.

    Attributes:
        name: what the input is, for the report.
        run: gives the input to the program. It returns normally if the input was accepted, and
            raises ``ExplorerError`` if the input was refused.
        typed: texts that a user typed. The program may not repeat them at length.
        outputs: folder of output files. After a refusal it must be empty.
    """

    name: str
    run: Callable[[], None]
    typed: tuple[str, ...] = ()
    outputs: Path | None = None


@dataclass(frozen=True)
class Part:
    """One way into the program.

    Attributes:
        name: name of the part.
        make: builds one input from a random generator and a folder of its own. The folder beside it
            named ``ready`` has the files that ``prepare`` wrote.
        prepare: writes files that all inputs share into a folder.
        memory_mb: memory in MB that an input may take above what the process had before.
    """

    name: str
    make: Callable[[random.Random, Path], Attempt]
    prepare: Callable[[Path], None] | None = None
    memory_mb: float = 1000.0


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes:
        part, number, name: which input it was.
        verdict: what became of it.
        message: the program's message, or the last lines of a traceback.
        seconds: processor time that it took, with that of the processes that it started.
        megabytes: memory at its peak, above what the process had before, or that of the largest
            process that it started.
    """

    part: str
    number: int
    name: str
    verdict: str
    message: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0
    where: str = field(default="")

    @property
    def fault(self) -> bool:
        """Whether the program did something that it may not do."""
        return self.verdict not in (DONE, REFUSED)

    @property
    def kind(self) -> str:
        """What faults of one kind have in common: the verdict and the place in the code."""
        detail = self.where or (self.message.splitlines() or [""])[-1]
        return f"{self.part} {self.verdict}: {detail[:SHORT]}"

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return asdict(self)


def run_part(
    part: Part, numbers: Iterable[int], seed: int, folder: Path, workers: int
) -> list[Outcome]:
    """Run inputs of a part, several at the same time, and return the outcomes in order."""
    for module in IMPORTED:
        importlib.import_module(module)
    torch.set_num_threads(1)
    ready = folder / part.name / "ready"
    ready.mkdir(parents=True, exist_ok=True)
    if part.prepare is not None:
        prepare = part.prepare
        _in_child(lambda: prepare(ready), seconds=300.0, folder=folder / part.name)
    chosen = list(numbers)
    results = [folder / part.name / f"results-{it}" for it in range(workers)]
    drivers = []
    for at, file in enumerate(results):
        pid = os.fork()
        if pid == 0:
            with file.open("w") as lines:
                for number in chosen[at::workers]:
                    outcome = _run_one(part, number, seed, folder / part.name)
                    lines.write(json.dumps(outcome.to_json()) + "\n")
                    lines.flush()
            os._exit(0)
        drivers.append(pid)
    for pid in drivers:
        os.waitpid(pid, 0)
    found = [json.loads(line) for file in results for line in file.read_text().splitlines()]
    return sorted((Outcome(**it) for it in found), key=lambda it: it.number)


def _run_one(part: Part, number: int, seed: int, folder: Path) -> Outcome:
    own = folder / str(number)
    own.mkdir()

    def work() -> dict[str, Any]:
        os.environ |= {"EXPLORER_HOME": str(own / "home"), "EXPLORER_WORKERS": "0"}
        attempt = part.make(random.Random(f"{part.name} {seed} {number}"), own)
        return {"name": attempt.name} | _judge(attempt, part.memory_mb)

    found = _in_child(work, SECONDS * PATIENCE, own)
    _remove(own)
    return Outcome(part.name, number, **{"name": "", **found})


def _judge(attempt: Attempt, memory_mb: float) -> dict[str, Any]:
    """Run an input in this process, and return the fields of its outcome."""
    before = _peak_memory(reset=True)
    started = sum(os.times()[:4])
    verdict, message, where = DONE, "", ""
    try:
        attempt.run()
    except ExplorerError as error:
        verdict, message = REFUSED, str(error)
    except Wrong as error:
        verdict, message = WRONG, str(error)
    except BaseException as error:
        verdict, message = TRACEBACK, "".join(traceback.format_exception(error)[-8:])
        where = _place(error)
    seconds = sum(os.times()[:4]) - started
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
    megabytes = max(_peak_memory() - before, children)
    left = [] if attempt.outputs is None else sorted(it.name for it in attempt.outputs.iterdir())
    if verdict is REFUSED:
        problem = _bad_words(message, attempt.typed)
        if left:
            verdict, message = PARTIAL, f"left {left[:3]}: {message}"
        elif problem:
            verdict, message = WORDS, f"{problem}: {message}"
            where = problem
    elif verdict is DONE and any(it.endswith((".part", ".tmp")) for it in left):
        verdict, message = PARTIAL, f"left {left}"
    if verdict in (DONE, REFUSED) and seconds > SECONDS:
        verdict = HANG
    if verdict in (DONE, REFUSED) and megabytes > memory_mb:
        verdict, where = MEMORY, f"more than {memory_mb:.0f} MB"
    return {
        "verdict": verdict,
        "message": message[-4000:],
        "seconds": seconds,
        "megabytes": megabytes,
        "where": where,
    }


def _bad_words(message: str, typed: Iterable[str]) -> str:
    """Return what is wrong with a message for users; "" if nothing is."""
    if not message.strip():
        return "says nothing"
    if "\n" in message.strip():
        return "more than one line"
    if len(message) > MESSAGE:
        return "longer than a sentence"
    if "object at 0x" in message or "Traceback" in message:
        return "speaks of Python's objects"
    if any(text[: REPEATED + 20] in message for text in typed if len(text) >= REPEATED + 20):
        return f"repeats more than {REPEATED} characters"
    return ""


def _place(error: BaseException) -> str:
    """Return the type of an error and the project's innermost line that it passed through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [it for it in frames if "/core/" in it.filename or "/explorer/" in it.filename]
    last = (own or list(frames))[-1]
    file = "/".join(Path(last.filename).parts[-3:])
    return f"{type(error).__name__} in {file} {last.name}: {str(error)[:SHORT]}"


def _peak_memory(reset: bool = False) -> float:
    """Return this process's peak of resident memory in MB; first reset it if asked for."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    line = next(it for it in status.splitlines() if it.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10


def _in_child(work: Callable[[], Any], seconds: float, folder: Path) -> dict[str, Any]:
    """Run a function in a forked process, and return its result, a verdict if it ended badly."""
    source, sink = os.pipe()
    pid = os.fork()
    if pid == 0:
        _work_in_child(work, sink, folder)
    os.close(sink)
    deadline, content = time.monotonic() + seconds, b""
    while True:
        ready, _, _ = select.select([source], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            break
        block = os.read(source, 2**16)
        if not block:
            break
        content += block
    os.close(source)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if content:
        result: dict[str, Any] = json.loads(content)
        return result
    if time.monotonic() >= deadline:
        return {"verdict": HANG, "message": f"did not end in {seconds:.0f} s"}
    message = f"ended with {os.waitstatus_to_exitcode(status)}"
    return {"verdict": CRASH, "message": message, "where": message}


def _work_in_child(work: Callable[[], Any], sink: int, folder: Path) -> None:
    os.setsid()
    try:
        with (folder / "output").open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        result = work()
    except BaseException as error:
        text = "".join(traceback.format_exception(error))
        result = {"verdict": CRASH, "message": text, "where": f"the fuzzer: {_place(error)}"}
    with io.open(sink, "wb", closefd=False) as pipe:  # noqa: UP020
        pipe.write(json.dumps(result if result is not None else {}).encode())
    os._exit(0)


def _remove(folder: Path) -> None:
    """Remove a folder with whatever is in it, also names that are not UTF-8."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
