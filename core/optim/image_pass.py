"""One pass of a batch of images through a network, forward and backward."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from core.images.tiles import Tiles
from core.networks.network import FeatureExtractor, Network
from core.optim.activations import GREY, IMAGE, Activations, PartialActivations

Transform = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class NetworkResponse:
    """How a network responded in a pass. The lists have an entry for each tile.

    Attributes:
        values: the objective's values without penalties of the image itself, ``[N]``.
        gradients: the largest absolute value of the gradient that arrived at each image through
            the network, ``[N]``. Without a gradient of any image the list is empty.
    """

    values: list[Tensor] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)

    def keep_gradient(self, gradient: Tensor) -> None:
        """Append to ``gradients`` for a gradient ``[N, C, H, W]``."""
        self.gradients.append(gradient.abs().amax((1, 2, 3)))


@dataclass(frozen=True)
class ImagePass:
    """What an objective needs to compute its gradient with respect to a batch of images.

    Attributes:
        network: the network.
        extractor: the network without everything after the deepest layer that the objective reads.
        image: the images, ``[N, 3, H, W]`` in ``[0, 1]``; the gradient is with respect to them.
        transform: function that shifts, scales, crops or pads the images before they enter the
            network.
        generator: random generator of the transform.
        tiles: how to split images that are too large for the network; None for no tiles.
        borders: random generator of the tiles' borders. It is not ``generator``, so that the
            transform moves the images in the same way with and without tiles.
        response: is filled during the pass; None if it is not needed.
    """

    network: Network
    extractor: FeatureExtractor
    image: Tensor
    transform: Transform
    generator: torch.Generator
    tiles: Tiles | None
    borders: torch.Generator
    response: NetworkResponse | None = None

    def value_of(
        self, objective: Callable[[Activations], Tensor], image: Tensor, reads_image: bool
    ) -> Tensor:
        """Return the values ``[N]`` of an objective for images or a tile of them.

        Args:
            objective: the function of activations.
            image: the images, ``[N, C, H, W]`` in ``[0, 1]``.
            reads_image: whether the objective reads the image itself, too.
        """
        moved = self.transform(image, self.generator)
        if self.response is not None:
            # A view has a gradient of its own. Without a transform, the gradient of the image
            # contains that of penalties.
            moved = moved.view_as(moved)
            moved.register_hook(self.response.keep_gradient)  # type: ignore[no-untyped-call]
        activations, kept = self.extractor(moved), self.extractor.kept_channels
        value = objective(PartialActivations({**activations, IMAGE: image}, kept))
        if self.response is not None:
            of_network = value.detach()
            if reads_image:
                # Penalties of a grey image are 0.
                grey = {IMAGE: torch.full_like(image, GREY)}
                with torch.no_grad():
                    of_network = objective(PartialActivations({**activations, **grey}, kept))
            self.response.values.append(of_network)
        return value
