"""What works with which network: every part of the explorer, on every network that it names.

``python -m benchmarks.coverage`` gives each network random weights in a real file, loads the file,
and runs the checks of ``benchmarks.coverage_checks`` at small sizes: logits, layers, receptive
fields, neurons, a dream, a style transfer, an index and a probe. Each network has a process of its
own. A line for each network shows the seconds of each check and the peak memory; a check that
failed shows why. With ``--json`` the results are kept after every network, and a second run goes on
where the first one stopped.
"""

import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import coverage_checks
from core.networks import known_networks
from core.networks.known_timm import PREFIX

KIB_PER_MIB = 1024
PASSED = "passed"


def chosen_names(library: str, only: str, most_megabytes: float) -> list[str]:
    """Return the names of the networks to check, the smallest files first.

    Args:
        library: ``torchvision``, ``timm`` or ``all``.
        only: names, separated by commas; empty for all.
        most_megabytes: size of the largest weights file.
    """
    known = known_networks.known_networks()
    wanted = [it for it in only.split(",") if it]
    if wanted:
        return [known_networks.find_architecture(name) for name in wanted]
    names = [name for name in known if not name.startswith(PREFIX) and known[name].file]
    if library == "timm":
        names = [PREFIX + name for name in coverage_checks.TIMM]
    elif library == "all":
        names += [PREFIX + name for name in coverage_checks.TIMM]
    small = [name for name in names if known[name].megabytes <= most_megabytes]
    return sorted(small, key=lambda name: known[name].megabytes)


def check_apart(name: str, checks: list[str], limit: float) -> dict[str, Any]:
    """Run the checks of a network in a child process; return their results.

    Args:
        name: the network's name.
        checks: names of the checks.
        limit: seconds after which the child is stopped.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                coverage_checks.run_checks(name, Path(folder), checks, out)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        state, usage = _wait(child, limit)
        result = json.loads(out.read_text()) if out.exists() else {"seconds": {}, "problems": {}}
        if state != 0:
            why = "took too long" if state < 0 else f"the process ended with {state}"
            result["problems"].setdefault("process", why)
        return {**result, "mebibytes": round(usage.ru_maxrss / KIB_PER_MIB)}


def _wait(child: int, limit: float) -> tuple[int, Any]:
    """Return the exit code of a child, negative if it was stopped, and what it used."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        ended, status, usage = os.wait4(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), usage
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    _, _, usage = os.wait4(child, 0)
    return -1, usage


def line(name: str, result: dict[str, Any]) -> str:
    """Return the line of the table for a network."""
    seconds = result["seconds"]
    times = " ".join(f"{seconds.get(it, float('nan')):7.1f}" for it in coverage_checks.CHECKS)
    verdict = PASSED
    if result["problems"]:
        verdict = "; ".join(f"{check}: {why}" for check, why in result["problems"].items())
    return f"{name:32} {result.get('shown', 0):3} {times} {result['mebibytes']:6}  {verdict}"


def main(
    only: Annotated[str, typer.Option(help="Names of networks, separated by commas.")] = "",
    library: Annotated[str, typer.Option(help="torchvision, timm or all.")] = "all",
    checks: Annotated[str, typer.Option(help="Names of checks, separated by commas.")] = "",
    most_megabytes: Annotated[float, typer.Option(help="Leave out larger networks.")] = 10_000,
    seconds: Annotated[float, typer.Option(help="Start no further network after these.")] = 1e9,
    limit: Annotated[float, typer.Option(help="Seconds for one network.")] = 900,
    json_file: Annotated[Path | None, typer.Option("--json", help="Keep results here.")] = None,
) -> None:
    """Check every network, and print a line for each; exit with 1 if one failed."""
    wanted = [it for it in checks.split(",") if it] or list(coverage_checks.CHECKS)
    results: dict[str, Any] = {}
    if json_file is not None and json_file.exists():
        results = json.loads(json_file.read_text(encoding="utf-8"))
    heads = " ".join(f"{it:>7}" for it in coverage_checks.CHECKS)
    print(f"{'network':32} {'':3} {heads} {'MiB':>6}")
    start = time.monotonic()
    names = chosen_names(library, only, most_megabytes)
    for name in names:
        if name not in results and time.monotonic() - start < seconds:
            results[name] = check_apart(name, wanted, limit)
            if json_file is not None:
                json_file.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if name in results:
            print(line(name, results[name]), flush=True)
    done = [results[name] for name in names if name in results]
    passed = sum(not it["problems"] for it in done)
    print(f"{passed} of {len(done)} passed; {len(names) - len(done)} are left")
    raise typer.Exit(0 if passed == len(done) else 1)


if __name__ == "__main__":
    typer.run(main)
