"""The libraries that the explorer is compared with: torch-lucent and horama.

Both libraries render one unit per call and take random numbers from global generators. Each library
is called as its documentation shows. Where such a call does not work with the networks of this
benchmark, the smallest change that makes it work is made and described in a comment or docstring.
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

# Mean and standard deviation of the normalisation that torch-lucent's ``render_vis`` applies.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# Width of the range of values of horama's images by default, which is meant for networks that take
# normalised images. HORAMA_NOISE is horama's default strength of the noise for this range.
HORAMA_RANGE = 5.0
HORAMA_NOISE = 0.05


class Lucent:
    """torch-lucent's ``render_vis`` as its README shows it: one unit per call, all defaults.

    By default ``render_vis`` runs the whole network, enlarges smaller images to 224 x 224 for it,
    and computes the gradient of every weight. With ``frugal``, weights have no gradient and images
    are not enlarged, which is what the arguments of ``render_vis`` allow to save. With and without
    ``frugal``, the network is a copy in contiguous memory layout.
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
        # torch-lucent draws from the global random generators of torch and numpy.
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
            # Each call of ``render_vis`` leaves one more hook on every module. The hooks would slow
            # down later calls.
            hooked._forward_hooks.clear()
        picture: Tensor = torch.from_numpy(image[0]).permute(2, 0, 1).contiguous()
        return picture


class Horama:
    """horama's ``maco``, as its README shows it, with the given size and steps.

    By default ``maco`` makes an image of 1280 pixels, and the network sees six crops of the image
    in each step. Here the image and the crops have the image size of all sides (``task.size``). The
    network is truncated after the layer and its weights have no gradients, which saves time;
    horama's documentation passes the whole network.

    Two defaults are changed. First, ``maco`` would download the mean spectrum of ImageNet from a
    server that may not be reachable. It gets the mean spectrum of scikit-image's photographs
    instead, measured in the same colour space. Second, images are in [0, 1], and the noise is
    reduced in proportion. The objective normalises the images, because not every network was
    trained with ImageNet's normalisation.
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

    torch-lucent 0.1.8 works unchanged with current PyTorch, NumPy and Pillow. The version of kornia
    (from 2020) that torch-lucent needs only warns that ``torch.jit.script`` is deprecated.

    Raises:
        ExplorerError: the module cannot be imported.
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
    """Return torch-lucent's name of the task's layer: ``features_7`` for ``features.7``.

    Raises:
        ExplorerError: the layer is not the output of a module, so torch-lucent has no name for it.
    """
    try:
        task.network.module.get_submodule(task.layer)
    except AttributeError as error:
        raise ExplorerError(
            f"{task.layer} of {task.network.name} is not the output of a module, and torch-lucent "
            "knows no other layers; take a layer that is one"
        ) from error
    return task.layer.replace(".", "_")
