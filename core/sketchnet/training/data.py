"""Training pictures: a set of drawings on disk, and what is done to a batch of them."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from core.images.image_io import from_bytes
from core.sketchworld.world import CLASSES, SIZE, batch

CHUNK = 2000  # drawings that a process draws in one go

SHIFT = 4  # pixels either way
GAIN = 0.15  # contrast, and each channel's gain, either way
BIAS = 0.08  # brightness, either way
NOISE = 0.02  # largest standard deviation of pixel noise
CUT = 12  # side of the square that is cut out of every other picture


@dataclass(frozen=True)
class DrawingSet:
    """Drawings on disk: images uint8 [N, size, size, 3], memory-mapped, and labels int64 [N]."""

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of drawings."""
        return len(self.labels)


def prepare(folder: Path, seed: int, count: int, workers: int = 2) -> Iterator[int]:
    """Draw the set into a folder unless it is there; yields the number of new drawings."""
    wanted = {"seed": seed, "count": count, "size": SIZE, "classes": list(CLASSES)}
    note = folder / "drawings.json"
    if note.is_file() and json.loads(note.read_text()) == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    note.unlink(missing_ok=True)
    shapes = {"images": (np.uint8, (count, SIZE, SIZE, 3)), "labels": (np.int64, (count,))}
    for name, (kind, shape) in shapes.items():
        np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=kind, shape=shape
        ).flush()
    starts = range(0, count, CHUNK)
    if workers <= 1:
        for start in starts:
            yield _draw_chunk(folder, seed, start, min(start + CHUNK, count))
    else:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            jobs = [
                pool.submit(_draw_chunk, folder, seed, start, min(start + CHUNK, count))
                for start in starts
            ]
            for job in as_completed(jobs):
                yield job.result()
    note.write_text(json.dumps(wanted))


def _draw_chunk(folder: Path, seed: int, start: int, stop: int) -> int:
    """Draw a stretch of the set into its place."""
    images, labels = batch(seed, range(start, stop))
    np.load(folder / "images.npy", mmap_mode="r+")[start:stop] = images
    np.load(folder / "labels.npy", mmap_mode="r+")[start:stop] = labels
    return stop - start


def open_set(folder: Path) -> DrawingSet:
    """Return the set that `prepare` drew."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    return DrawingSet(images, np.load(folder / "labels.npy"))


def as_tensor(images: npt.NDArray[np.uint8]) -> Tensor:
    """Return uint8 [N, H, W, 3] as float32 [N, 3, H, W] in [0, 1], channels-last."""
    return from_bytes(torch.from_numpy(np.ascontiguousarray(images)))


def resize(images: Tensor, side: int) -> Tensor:
    """Return images [N, 3, H, W] averaged down to `side` pixels, unless they are that size."""
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True).clamp(0.0, 1.0)


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Return images [N, 3, H, W] in [0, 1], shifted, recoloured, a little noisy, some with a hole.

    Never turned or mirrored: the direction of its stripes makes a picture's class. The generator is
    one of the device where the images are.
    """
    count, _, height, width = images.shape
    where = images.device

    def between(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=where) * (high - low) + low

    def whole(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=generator, device=where)

    down, across = torch.arange(height, device=where), torch.arange(width, device=where)
    shift = whole(-SHIFT, SHIFT + 1, 2, count, 1)
    rows = (down + shift[0]).clamp(0, height - 1)
    cols = (across + shift[1]).clamp(0, width - 1)
    pixels = images.permute(0, 2, 3, 1)  # [N, H, W, 3]: channels-last, so that this is a view
    which = torch.arange(count, device=where)[:, None, None]
    images = pixels[which, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)
    gain = between(1 - GAIN, 1 + GAIN, count, 1, 1, 1) * between(1 - GAIN, 1 + GAIN, count, 3, 1, 1)
    images = (images - 0.5) * gain + 0.5 + between(-BIAS, BIAS, count, 1, 1, 1)
    noise = torch.randn(images.shape, generator=generator, device=where)
    images = images + noise * between(0.0, NOISE, count, 1, 1, 1)
    top = whole(-CUT, 2 * height - CUT, count, 1)  # half are beyond the picture
    left = whole(-CUT // 2, width - CUT // 2, count, 1)
    in_rows = (down >= top) & (down < top + CUT)
    in_cols = (across >= left) & (across < left + CUT)
    hole = (in_rows[:, :, None] & in_cols[:, None, :])[:, None]
    grey = between(0.0, 1.0, count, 3, 1, 1)
    images = torch.where(hole, grey, images).clamp(0.0, 1.0)
    return images.contiguous(memory_format=torch.channels_last)
