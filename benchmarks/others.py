"""The libraries that the explorer is measured against: torch-lucent and horama.

Both draw one unit a call and take chance from global generators. Each gets what its documentation
shows, and where it would not run here, the least that makes it run, said where it is done.
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

from benchmarks.sides import WARM_STEPS, Task
from core.errors import ExplorerError
from core.optim import natural_spectrum

# The normalisation that render_vis assumes.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# The width of the range that horama lets its pictures have by default, for networks that take
# normalised ones; its noise is measured on it.
HORAMA_RANGE = 5.0
HORAMA_NOISE = 0.05


class Lucent:
    """torch-lucent's ``render_vis`` as its README shows it: one unit a call, all defaults.

    Its defaults run the whole network, at 224 x 224 however small the picture, and take the
    gradient of every weight too. ``frugal`` spares it what its arguments can spare: the weights
    take no gradient, and the network sees the picture at its own size. Both get a copy of the
    network of their own, in plain memory layout.
    """

    def __init__(self, task: Task, units: Sequence[int], pieces: int, frugal: bool) -> None:
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
        """Climb two steps."""
        self._draw(self.units[0], WARM_STEPS)

    def work(self, turn: int) -> float:
        """Draw one unit."""
        unit = self.units[turn % len(self.units)]
        self.pictures[unit] = self._draw(unit, self.task.lucent_steps)
        return 1

    def _draw(self, unit: int, steps: int) -> Tensor:
        # It takes chance from the global generators of both libraries.
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
            # Each call leaves one more hook on every module; without them no call pays for those
            # before it.
            hooked._forward_hooks.clear()
        picture: Tensor = torch.from_numpy(image[0]).permute(2, 0, 1).contiguous()
        return picture


class Horama:
    """horama's ``maco``, as its README shows it, at the size and steps that it is told.

    Its defaults are a picture of 1280 pixels, of which a step shows the network six crops; here
    the picture and what the network sees of it have the size of all sides. It gets the network cut
    below the layer, without gradients of weights, which spares it what its documentation does not.

    Of its defaults two are put otherwise. Its spectrum of ImageNet would be downloaded from a
    server that need not be there; it gets that of scikit-image's photographs, which is measured in
    the very colours that it uses. And pictures are in [0, 1], with the noise in proportion, and
    are normalised in the objective, since not every network was trained on ImageNet's.
    """

    def __init__(self, task: Task, units: Sequence[int], pieces: int, steps: int) -> None:
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
        """Climb two steps."""
        self._draw(self.units[0], WARM_STEPS)

    def work(self, turn: int) -> float:
        """Draw one unit."""
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
    """Import a module of one of the libraries, which are needed here only.

    torch-lucent 0.1.8 works unchanged with current PyTorch, NumPy and Pillow; its kornia of 2020
    only warns that ``torch.jit.script`` is deprecated.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        raise ExplorerError(
            f"{name} cannot be imported ({error}); install requirements-bench.txt"
        ) from error


def _lucent_name(task: Task) -> str:
    """Translate the name of a layer: torch-lucent joins the parts of a module's path by ``_``."""
    try:
        task.network.module.get_submodule(task.layer)
    except AttributeError as error:
        raise ExplorerError(
            f"{task.layer} of {task.network.name} is not the output of a module, and torch-lucent "
            "knows no other layers; take a layer that is one"
        ) from error
    return task.layer.replace(".", "_")
