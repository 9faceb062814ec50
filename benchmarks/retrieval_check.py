"""Check of an index of dataset examples against a simple reference.

The reference stores all activations and sorts them. The index is built in several ways: with other
batch sizes and numbers of threads, after kills, on Ray, and in two halves. All must give the same
file.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from core.analysis import crops
from core.datasets import sources
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.index import build, reader
from core.index.reader import Index
from core.networks import registry
from core.networks.network import Network

NINE = 9  # images that an index stores for each unit
# Relative tolerance of activations. The reference uses other batches than the index, which changes
# the last digits.
RELATIVE = 1e-4
BATCH = 10
KILLS = 10
# Script that runs the command line with frequent saves, so that kills happen at all stages.
EAGER = """
from core.index import build
from explorer.cli import main

build.SAVE_SECONDS = 0.3
main()
"""


def check_all(
    name: str, weights: Path | None, folder: Path, layers: list[str], count: int
) -> dict[str, Any]:
    """Check an index of the first ``count`` images of a folder in every way; return the results."""
    with tempfile.TemporaryDirectory() as name_of_folder:
        work = Path(name_of_folder)
        pictures = work / "pictures"
        pictures.mkdir()
        files = sorted(it for it in folder.iterdir() if it.is_file())[:count]
        for file in files:
            shutil.copy(file, pictures)
        network = registry.load(name, weights, "cpu")
        whole = work / "whole"
        _build(network, pictures, layers, whole, 1, 16)
        index = reader.open_index(whole)
        result = {"pictures": index.count, "layers": layers, **_against_sorting(network, index)}
        result |= _in_other_ways(network, pictures, layers, whole)
        result |= _from_the_command_line(name, weights, pictures, layers, whole)
        result |= _half_and_half(network, pictures, files, layers, whole)
        return result | _crops(network, index)


def _build(
    network: Network, pictures: Path, layers: list[str], out: Path, workers: int, batch: int
) -> None:
    source = sources.find_source(str(pictures))
    plan = build.plan_index(network, source, layers)
    accumulator = build.open_accumulator(plan, source, out, resume=True)
    for _ in build.build_index(network, source, accumulator, out, workers, batch):
        pass


def _against_sorting(network: Network, index: Index) -> dict[str, Any]:
    """Compare the nine images that the index stores for each unit with the reference.

    Returns the number of units with equal results, with ties in another order, and with errors.
    """
    names = [entry.name for entry in index.source.entries()]
    pixels = []
    for name in names:
        picture = index.picture(name)
        frame = CenterCrop((picture.height, picture.width), network.input_size)
        pixels.append(torch.from_numpy(np.array(frame.network_input(picture))))
    same = tied = wrong = 0
    for layer in index.plan.layers:
        stored = []
        for start in range(0, len(pixels), BATCH):
            image = image_io.from_bytes(torch.stack(pixels[start : start + BATCH]))
            value = network.activations(image, [layer.name])[layer.name]
            stored.append(value.reshape(*value.shape, *[1] * (4 - value.ndim)))
        everything = torch.cat(stored).numpy()  # [N, C, H, W]
        for unit in range(layer.channels):
            own = everything[:, unit].reshape(len(names), -1)
            best = own.max(axis=1)
            order = np.argsort(-best, kind="stable")[:NINE]
            order = order[best[order] != 0]  # images that leave the unit at zero do not excite it
            width = everything.shape[3]
            plain = [(names[at], *divmod(int(own[at].argmax()), width)) for at in order]
            hits = index.top(layer.name, unit)
            found = [(hit.picture, hit.row, hit.col) for hit in hits]
            values = np.array([hit.value for hit in hits])
            close = np.allclose(values, best[order], rtol=RELATIVE, atol=1e-6)
            if found == plain and close:
                same += 1
            elif close and all(_as_high(own, names, hit) for hit in hits):
                tied += 1
            else:
                wrong += 1
    return {
        "units_as_sorted": same,
        "units_with_ties_within_1e-4_in_another_order": tied,
        "units_that_differ": wrong,
    }


def _as_high(own: Any, names: list[str], hit: reader.Hit) -> bool:
    """Whether the value of a hit equals the unit's highest activation in the image of the hit.

    ``own`` holds the unit's activations in all images, ``[N, positions]``.
    """
    values = own[names.index(hit.picture)]
    return bool(np.isclose(values.max(), hit.value, rtol=RELATIVE, atol=1e-6))


def _in_other_ways(
    network: Network, pictures: Path, layers: list[str], whole: Path
) -> dict[str, Any]:
    """Check that indexes built with other batch sizes and numbers of threads are the same file."""
    equal = {}
    for workers in (1, 2):
        for batch in (1, 7, 64):
            out = whole.with_name("other")
            _build(network, pictures, layers, out, workers, batch)
            equal[f"same_file_with_{workers}_workers_and_batches_of_{batch}"] = _same(out, whole)
            out.unlink()
    return equal


def _same(one: Path, other: Path) -> bool:
    return one.read_bytes() == other.read_bytes()


def _from_the_command_line(
    name: str, weights: Path | None, pictures: Path, layers: list[str], whole: Path
) -> dict[str, Any]:
    """Check that the command line builds the same file after many kills, and on Ray."""
    out = whole.with_name("killed")
    options = ["index", name, "--images", str(pictures), "--layers", ",".join(layers)]
    options += [] if weights is None else ["--weights", str(weights)]
    result: dict[str, Any] = {}
    generator = random.Random(0)
    killed = 0
    while killed < KILLS:
        command = [sys.executable, "-c", EAGER, *options, "--out", str(out), "--resume"]
        with subprocess.Popen([*command, "--batch", "2"], stderr=subprocess.DEVNULL) as process:
            # The range is so wide that kills happen everywhere from the imports to the last image.
            time.sleep(generator.uniform(0.5, 7))
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
        if process.returncode == 0:
            # The process finished before it was killed, so the index is built anew.
            out.unlink()
    left = reader.open_index(out).count if out.exists() else 0
    result["pictures_known_after_the_last_kill"] = left
    last = [sys.executable, "-m", "explorer", *options, "--out", str(out), "--resume"]
    subprocess.run(last, check=True, stderr=subprocess.DEVNULL)
    result[f"same_file_after_{KILLS}_kills"] = _same(out, whole)
    if find_spec("ray") is not None:
        out = whole.with_name("ray")
        command = [sys.executable, "-m", "explorer", *options, "--out", str(out)]
        subprocess.run([*command, "--engine", "ray"], check=True, stderr=subprocess.DEVNULL)
        result["same_file_on_ray"] = _same(out, whole)
    return result


def _half_and_half(
    network: Network, pictures: Path, files: list[Path], layers: list[str], whole: Path
) -> dict[str, Any]:
    """Check that indexing every other image first and then adding the rest gives the same file."""
    out = whole.with_name("half")
    for file in files[1::2]:
        (pictures / file.name).unlink()
    _build(network, pictures, layers, out, 2, 16)
    for file in files[1::2]:
        shutil.copy(file, pictures)
    _build(network, pictures, layers, out, 2, 16)
    return {"same_file_after_adding_half": _same(out, whole)}


def _crops(network: Network, index: Index) -> dict[str, Any]:
    """Measure how much the activation of a hit depends on pixels outside of its crop.

    For the first hit of each unit, all pixels outside of the crop are replaced by grey. The change
    of the activation at the position of the hit is measured.
    """
    worst, count, partial = 0.0, 0, 0
    for layer in index.plan.layers:
        for unit in range(layer.channels):
            for hit in index.top(layer.name, unit)[:1]:
                part = crops.crop_hit(index, layer.name, hit)
                grey = Image.new("RGB", hit.size[::-1], (128, 128, 128))
                grey.paste(part.picture, (part.box[1], part.box[0]))
                image = crops.network_input(grey, CenterCrop(hit.size, network.input_size))
                own = network.activations(image, [layer.name])[layer.name][0, unit]
                value = float(own[hit.row, hit.col] if own.ndim else own)
                worst = max(worst, abs(value - hit.value) / max(abs(hit.value), 1e-6))
                count, partial = count + 1, partial + (not part.whole)
    return {
        "crops_with_grey_around": count,
        "of_which_smaller_than_the_picture": partial,
        "largest_relative_change": worst,
    }
