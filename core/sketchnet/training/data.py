"""Training images: a set of drawings on disk, and the augmentation of batches."""

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

from core.files import write_file
from core.images.image_io import from_bytes
from core.sketchworld.world import CLASSES, SIZE, batch

CHUNK = 2000  # drawings that a process makes in one task

# Strengths of the augmentation.
SHIFT = 4  # largest shift in pixels, in each direction
GAIN = 0.15  # largest relative change of the contrast, and of each colour channel's contrast
BIAS = 0.08  # largest change of the brightness
NOISE = 0.02  # largest standard deviation of the noise that is added to pixels in [0, 1]
CUT = 12  # side in pixels of a square that gets a random colour in more than half of the images


@dataclass(frozen=True)
class DrawingSet:
    """Training drawings: `images` uint8 [N, size, size, 3] and `labels` int64 [N].

    `images` is memory-mapped from a file on disk.
    """

    images: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of drawings."""
        return len(self.labels)


def prepare(folder: Path, seed: int, count: int, workers: int = 2) -> Iterator[int]:
    """Write a training set of `count` drawings into a folder, unless the same set is already there.

    Yields a number of drawings whenever a worker process has finished that many more.
    """
    description = {"seed": seed, "count": count, "size": SIZE, "classes": list(CLASSES)}
    description_file = folder / "drawings.json"
    if description_file.is_file() and json.loads(description_file.read_text()) == description:
        return
    folder.mkdir(parents=True, exist_ok=True)
    # The description is written after all drawings. So a set whose drawing was interrupted has no
    # description and is drawn again.
    description_file.unlink(missing_ok=True)
    arrays = {"images": (np.uint8, (count, SIZE, SIZE, 3)), "labels": (np.int64, (count,))}
    for name, (dtype, shape) in arrays.items():
        np.lib.format.open_memmap(
            folder / f"{name}.npy", mode="w+", dtype=dtype, shape=shape
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
    write_file(description_file, json.dumps(description).encode())


def _draw_chunk(folder: Path, seed: int, start: int, stop: int) -> int:
    """Write the drawings `start` to `stop - 1` into the set's files, and return their number."""
    images, labels = batch(seed, range(start, stop))
    np.load(folder / "images.npy", mmap_mode="r+")[start:stop] = images
    np.load(folder / "labels.npy", mmap_mode="r+")[start:stop] = labels
    return stop - start


def open_set(folder: Path) -> DrawingSet:
    """Open the training set that `prepare` has written into a folder."""
    images = np.load(folder / "images.npy", mmap_mode="r")
    return DrawingSet(images, np.load(folder / "labels.npy"))


def as_tensor(images: npt.NDArray[np.uint8]) -> Tensor:
    """Convert images uint8 [N, H, W, 3] to float32 [N, 3, H, W] in [0, 1], channels-last."""
    return from_bytes(torch.from_numpy(np.ascontiguousarray(images)))


def draw_batch(seed: int, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Draw the images of world `seed` with the given indices.

    Returns images [N, 3, 64, 64] in [0, 1], channels-last, and their labels, int64 [N].
    """
    images, labels = batch(seed, indices)
    return as_tensor(images), torch.from_numpy(labels)


def resize(images: Tensor, side: int) -> Tensor:
    """Resize square images [N, 3, H, H] in [0, 1] to [N, 3, side, side]."""
    if images.shape[-1] == side:
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True).clamp(0.0, 1.0)


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Augment images [N, 3, H, W] in [0, 1] by random shifts, colours, noise and filled squares.

    Images are never rotated or mirrored, because some classes differ only in the direction of their
    stripes, such as "rising stripes" and "falling stripes". The generator must be on the device of
    the images.
    """
    count, _, height, width = images.shape
    device = images.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=device) * (high - low) + low

    def integers(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=generator, device=device)

    all_rows, all_cols = torch.arange(height, device=device), torch.arange(width, device=device)
    shift = integers(-SHIFT, SHIFT + 1, 2, count, 1)
    rows = (all_rows + shift[0]).clamp(0, height - 1)
    cols = (all_cols + shift[1]).clamp(0, width - 1)
    pixels = images.permute(0, 2, 3, 1)  # [N, H, W, 3]; a view, no copy
    which = torch.arange(count, device=device)[:, None, None]
    images = pixels[which, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)
    gain = uniform(1 - GAIN, 1 + GAIN, count, 1, 1, 1) * uniform(1 - GAIN, 1 + GAIN, count, 3, 1, 1)
    images = (images - 0.5) * gain + 0.5 + uniform(-BIAS, BIAS, count, 1, 1, 1)
    noise = torch.randn(images.shape, generator=generator, device=device)
    images = images + noise * uniform(0.0, NOISE, count, 1, 1, 1)
    # A bit less than half of the squares lie below the image, so that these images stay whole.
    top = integers(-CUT, 2 * height - CUT, count, 1)
    left = integers(-CUT // 2, width - CUT // 2, count, 1)
    in_rows = (all_rows >= top) & (all_rows < top + CUT)
    in_cols = (all_cols >= left) & (all_cols < left + CUT)
    hole = (in_rows[:, :, None] & in_cols[:, None, :])[:, None]
    colour = uniform(0.0, 1.0, count, 3, 1, 1)
    images = torch.where(hole, colour, images).clamp(0.0, 1.0)
    return images.contiguous(memory_format=torch.channels_last)
