"""A loaded network and an open store, as commands need them to render recipes."""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from explorer.cli.command_io import open_image, print_json
from explorer.recipe_fields import FIELDS
from explorer.text import formatting

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.networks.network import Network
    from core.recipes.recipe import Recipe
    from explorer.rendering.film_inputs import Film
    from explorer.store.results import StoredPicture


def load_network(
    name: str, weights: Path | None, device: str = "auto", classes: Path | None = None
) -> "Network":
    """Load the network that a command names.

    Args:
        name: name of a network, or of a checkpoint of the library, such as ``resnet18:birds``.
        weights: the file after ``--weights``.
        device: the device of the command line.
        classes: the file after ``--classes``.

    Raises:
        ExplorerError: there is no such network or device, or a file does not fit.
    """
    from core.checkpoints import class_names
    from core.networks import registry

    names = () if classes is None else class_names.read_class_names(classes)
    return registry.load(name, weights_file(name, weights), device, names)


def weights_file(name: str, weights: Path | None) -> Path | None:
    """Return the weights file of a network: the one that a command names, or the library's."""
    if weights is not None or ":" not in name:
        return weights
    from explorer.library import catalogue

    return catalogue.weights_file(name)


class NetworkSession:
    """A network that is loaded once, to plan recipes and to render them in this process.

    Attributes:
        network: the loaded network.
        store: the store of results and of the input images of recipes.
        device: the device of the command line: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        seconds: total duration of all calls of ``run`` so far.
    """

    def __init__(
        self, name: str, weights: Path | None, device: str, classes: Path | None = None
    ) -> None:
        """Load a network and open the store.

        Raises:
            ExplorerError: there is no such network or device, or the weights do not fit.
        """
        from explorer.rendering import render_recipe
        from explorer.store.results import Store

        weights = weights_file(name, weights)
        self.network = load_network(name, weights, device, classes)
        render_recipe.remember_network(self.network, device)
        self.store = Store()
        self.device = device
        self.seconds = 0.0
        self._weights = weights

    def store_image(self, picture: "Image", title: str = "") -> str:
        """Store an input image of a recipe, and return its fingerprint.

        Args:
            picture: an upright RGB image.
            title: what the gallery calls it.
        """
        from core.images import image_io

        fingerprint = image_io.fingerprint(picture)
        self.store.put_input(fingerprint, image_io.encode_png(picture), title)
        return fingerprint

    def store_film(self, pictures: Sequence["Image"], rate: float, title: str) -> "Film":
        """Store the frames of a film, and the picture that stands for it on pages.

        Args:
            pictures: the frames, upright RGB images.
            rate: frames per second.
            title: what the gallery calls it.
        """
        from explorer.rendering import film_inputs

        def put(inputs: Sequence[tuple[str, bytes, str]]) -> None:
            for stored in inputs:
                self.store.put_input(*stored)

        return film_inputs.store_film(pictures, rate, put, title)

    def store_named(self, kind: str, name: str | None) -> str:
        """Open an input image of a recipe, store the image, and return its fingerprint.

        Args:
            kind: kind of the recipe. An image larger than the largest size for this kind is scaled
                down.
            name: path of an image file, or name of an image that ships with the project; None for
                no image.

        Returns:
            The fingerprint; "" for no image.
        """
        from core.images import image_io

        if name is None:
            return ""
        _, longest = FIELDS[kind]["size"].bounds or (0, 0)
        picture = open_image(name)
        if max(picture.size) > longest:
            picture = image_io.resize_longer_side(picture, longest)
        return self.store_image(picture, formatting.picture_title(Path(name).name))

    def store_all(self, kind: str, names: Iterable[str] | None) -> tuple[str, ...]:
        """Store several images as ``store_named`` does, and return their fingerprints."""
        return tuple(self.store_named(kind, name) for name in names or ())

    def remember_weights(self) -> None:
        """Store the path of the user's own checkpoint, if there is one.

        Recipes for the checkpoint can then be rendered later by other processes.
        """
        if self._weights is not None:
            network = self.network
            self.store.remember_checkpoint(network.name, network.fingerprint, self._weights)

    def run(
        self, recipe: "Recipe", fresh: bool = False, shipped: bool = True
    ) -> "list[StoredPicture]":
        """Render the missing parts of a recipe as a job, and return all pictures in order.

        Args:
            recipe: a recipe for this network.
            fresh: whether to render also the parts whose result is in the store.
            shipped: whether to use pictures that ship with the project, which are lossy.

        Raises:
            ExplorerError: the job failed, or another user cancelled it.
            typer.Exit: the user interrupted the command; the results of finished parts are kept.
        """
        from explorer.cli.run_job import run_recipe

        self.remember_weights()
        started = time.monotonic()
        pictures = run_recipe(self.store, recipe, self.device, fresh, shipped)
        self.seconds += time.monotonic() - started
        return pictures

    def print_report(self, recipe: "Recipe", out: Path, **facts: Any) -> None:
        """Print a recipe, and facts about its result, as JSON."""
        settings = json.loads(recipe.to_json())
        print_json({**settings, **facts, "seconds": self.seconds, "out": str(out)})
