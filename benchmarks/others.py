"""The libraries that the explorer is compared with: torch-lucent and horama.

Both render one unit per call and take random numbers from global generators. Each is called as its
documentation shows. Where that does not run here, it gets the smallest change that makes it run,
which is described at that point.
"""

import contextlib
import copy
import importlib
import io
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import Normalize

from benchmarks.sides import WARM_STEPS, NeuronTask
from core.errors import ExplorerError
from core.optim import natural_spectrum

# The normalisation that render_vis assumes.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# Width of the range of values that horama's images have by default, which is meant for networks
# that take normalised images. Its noise is relative to this range.
HORAMA_RANGE = 5.0
HORAMA_NOISE = 0.05


class Lucent:
    """torch-lucent's ``render_vis`` as its README shows it: one unit per call, all defaults.

    By default it runs the whole network, at 224 x 224 even for smaller images, and computes the
    gradient of every weight too. ``frugal`` saves what its arguments can save: the weights take no
    gradient, and the network sees the image at its own size. Both sides get a copy of the network,
    in contiguous memory layout.
    """

    def __init__(self, task: NeuronTask, units: Sequence[int], pieces: int, frugal: bool) -> None:
        self.name = "torch-lucent, frugal" if frugal else "torch-lucent"
        self.task = task
        self.units = units
        self.pieces = pieces
        self.pictures: dict[int, Tensor] = {}
        self.render, self.param, self.transform = (
            _import(f"lucent.optvis.{name}") for name in ("render", "param", "transform")
        )
        module = copy.deepcopy(task.network.module).to(memory_format=torch.contiguous_format)
        self.module = module.requires_grad_(not frugal)
        self.target = _lucent_name(task)
        self.options: dict[str, Any] = {"fixed_image_size": task.size} if frugal else {}
        if (task.network.mean, task.network.std) != IMAGENET:
            own = Normalize(task.network.mean, task.network.std)
            moves = [*self.transform.standard_transforms, own]
            self.options |= {"preprocess": False, "transforms": moves}

    def warm(self) -> None:
        """Run two steps."""
        self._draw(self.units[0], WARM_STEPS)

    def work(self, turn: int) -> float:
        """Render one unit."""
        unit = self.units[turn % len(self.units)]
        self.pictures[unit] = self._draw(unit, self.task.lucent_steps)
        return 1

    def _draw(self, unit: int, steps: int) -> Tensor:
        # It draws from the global random generators of both libraries.
        torch.manual_seed(self.task.seed + unit)
        np.random.seed(self.task.seed + unit)
        (image,) = self.render.render_vis(
            self.module,
            f"{self.target}:{unit}",
            param_f=lambda: self.param.image(self.task.size),
            thresholds=(steps,),
            progress=False,
            show_image=False,
            **self.options,
        )  # [1, H, W, 3], in [0, 1]
        for hooked in self.module.modules():
            # Each call leaves one more hook on every module, which would slow down later calls.
            hooked._forward_hooks.clear()
        picture: Tensor = torch.from_numpy(image[0]).permute(2, 0, 1).contiguous()
        return picture


class Horama:
    """horama's ``maco``, as its README shows it, with the given size and steps.

    Its defaults are an image of 1280 pixels, of which the network sees six crops in each step. Here
    the image and what the network sees of it have the size of all sides. It gets the network
    truncated below the layer, without gradients of weights, which its documentation does not do.

    Two defaults are changed. Its spectrum of ImageNet would be downloaded from a server that may
    not be reachable; it gets the spectrum of scikit-image's photographs, which is measured in the
    same colour space. And images are in [0, 1], with the noise in proportion, and are normalised in
    the
    objective, because not every network was trained with ImageNet's normalisation.
    """

    def __init__(self, task: NeuronTask, units: Sequence[int], pieces: int, steps: int) -> None:
        self.name = f"horama MACO, {steps} steps"
        self.task = task
        self.units = units
        self.pieces = pieces
        self.steps = steps
        self.pictures: dict[int, Tensor] = {}
        self.maco = _import("horama.maco_fv")
        module = copy.deepcopy(task.network.module).to(memory_format=torch.contiguous_format)
        self.extractor = replace(task.network, module=module).extractor([task.layer])
        self.spectrum = natural_spectrum.photographs().at((task.size, task.size)).numpy()

    def warm(self) -> None:
        """Run two steps."""
        self._draw(self.units[0], WARM_STEPS)

    def work(self, turn: int) -> float:
        """Render one unit."""
        unit = self.units[turn % len(self.units)]
        self.pictures[unit] = self._draw(unit, self.steps)
        return 1

    def _draw(self, unit: int, steps: int) -> Tensor:
        torch.manual_seed(self.task.seed + unit)
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            file = Path(folder, "spectrum.npy")
            np.save(file, self.spectrum)
            self.maco.MACO_SPECTRUM_FILENAME = str(file)
            image, _ = self.maco.maco(
                lambda seen: self.extractor(seen)[self.task.layer][:, unit].mean(),
                total_steps=steps,
                image_size=self.task.size,
                model_input_size=self.task.size,
                values_range=(0.0, 1.0),
                noise=HORAMA_NOISE / HORAMA_RANGE,
                device=str(self.task.network.device),
            )
        picture: Tensor = image.detach().cpu()
        return picture


def _import(name: str) -> Any:
    """Import a module of one of the libraries, which only this benchmark needs.

    torch-lucent 0.1.8 works unchanged with current PyTorch, NumPy and Pillow; its kornia of 2020
    only warns that ``torch.jit.script`` is deprecated.

    Raises:
        ExplorerError: it cannot be imported.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise ExplorerError(
            f"{name} cannot be imported ({error}); install requirements-bench.txt"
        ) from error


def _lucent_name(task: NeuronTask) -> str:
    """Return torch-lucent's name of a layer: it joins the parts of a module's path by ``_``."""
    try:
        task.network.module.get_submodule(task.layer)
    except AttributeError as error:
        raise ExplorerError(
            f"{task.layer} of {task.network.name} is not the output of a module, and torch-lucent "
            "knows no other layers; take a layer that is one"
        ) from error
    return task.layer.replace(".", "_")
