"""What the lessons measure: a number beside each claim about what networks see.

Each function takes any network and gives a value for each layer, so that one can see where along
the depth something happens.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.analysis.crops import network_input
from core.datasets import samples
from core.images.center_crop import CenterCrop
from core.images.resize import resize_image
from core.index.reader import Index
from core.networks.network import Network
from core.networks.variants import style_variant
from core.optim.objectives import TINY
from core.recipes.style import StyleRecipe
from core.sketchnet.training.data import as_tensor
from core.sketchworld.world import batch
from core.style import transfer
from core.style.loss_builder import build_losses
from core.style.losses import moments

# Drawings of this world are looked at; no training and no label has seen it.
SEED = 4321
DRAWINGS = 24
# A neuron's most exciting pictures stand in a square of three by three.
NINE = 9
ROUNDS = 4


def draw_images(network: Network) -> Tensor:
    """Collect samples and drawings as a network sees them, ``[N, 3, H, W]`` in ``[0, 1]``."""
    opened = [samples.picture(name) for name in samples.SAMPLES]
    size = network.input_size
    seen = [network_input(it, CenterCrop((it.height, it.width), size)) for it in opened]
    drawn = as_tensor(batch(SEED, range(DRAWINGS))[0])
    return torch.cat([*seen, resize_image(drawn, size).clamp(0, 1)])


def shuffle_squares(image: Tensor, parts: int, generator: torch.Generator) -> Tensor:
    """Cut pictures into squares and lay these down in another order, the same for all.

    Args:
        image: ``[N, C, H, W]``; what does not divide evenly is cut off below and at the right.
        parts: squares along each side.
        generator: where the order comes from.
    """
    count, channels, height, width = image.shape
    rows, cols = height // parts, width // parts
    cut = image[:, :, : rows * parts, : cols * parts]
    squares = cut.reshape(count, channels, parts, rows, parts, cols).permute(2, 4, 0, 1, 3, 5)
    order = torch.randperm(parts * parts, generator=generator)
    laid = squares.flatten(0, 1)[order].reshape(squares.shape)  # [p, p, N, C, rows, cols]
    return laid.permute(2, 3, 0, 4, 1, 5).reshape(count, channels, rows * parts, cols * parts)


def mean_activations(network: Network, image: Tensor) -> dict[str, Tensor]:
    """Average what each layer sees over its positions: ``[N, C]`` by layer, on the CPU."""
    seen = network.activations(image, [layer.name for layer in network.shown])
    return {name: it.float().flatten(2).mean(2).cpu() if it.ndim > 2 else it.float().cpu()
            for name, it in seen.items()}  # fmt: skip


def shuffle_effect(network: Network, image: Tensor, parts: int, seed: int = 0) -> dict[str, float]:
    """Tell how much it upsets each layer that a picture's squares are shuffled.

    What a layer says of a picture is here its activations' means over positions. Lines, colours
    and textures are the same wherever they stand, things are not; so a layer that only knows the
    former hardly notices. The measure is how far what it says moves, as a share of how far the
    other pictures are: 0 for not at all, 1 for as much as another picture.

    Args:
        network: the network.
        image: ``[N, 3, H, W]`` in ``[0, 1]``, at least two pictures.
        parts: squares along each side.
        seed: of the orders; ``ROUNDS`` of them are averaged.

    Returns:
        By the name of the layer.
    """
    generator = torch.Generator().manual_seed(seed)
    before = mean_activations(network, image)
    found = dict.fromkeys(before, 0.0)
    for _ in range(ROUNDS):
        after = mean_activations(network, shuffle_squares(image, parts, generator))
        for name, own in before.items():
            moved = (after[name] - own).norm(dim=1)  # [N]
            others = torch.cdist(own, own).sum(1) / (len(own) - 1)
            found[name] += float((moved / others.clamp(min=TINY)).mean()) / ROUNDS
    return found


def label_agreement(index: Index) -> dict[str, float]:
    """Tell how far a neuron's nine most exciting pictures agree on what they show.

    Returns:
        By layer, the share of the nine that have the commonest label among them, from 1/9 to 1,
        mean over its neurons.

    Raises:
        ExplorerError: the collection is not where it was.
    """
    labels: dict[str, str] = {}

    def label(name: str) -> str:
        if name not in labels:
            labels[name] = index.label(name)
        return labels[name]

    return {
        layer.name: float(
            np.mean(
                [
                    most_common_share(
                        [label(hit.picture) for hit in index.top(layer.name, unit)[:NINE]]
                    )
                    for unit in range(layer.channels)
                ]
            )
        )
        for layer in index.plan.layers
    }


def chance_agreement(labels: Sequence[str], seed: int = 0, rounds: int = 200) -> float:
    """Tell how far nine pictures agree that were chosen by chance, as ``agreement`` has it."""
    generator = np.random.default_rng(seed)
    drawn = (generator.choice(len(labels), NINE, replace=False) for _ in range(rounds))
    return float(np.mean([most_common_share([labels[at] for at in some]) for some in drawn]))


def most_common_share(labels: Sequence[str]) -> float:
    """Give the share of the commonest of some labels; 0 of none."""
    return max(Counter(labels).values(), default=0) / max(len(labels), 1)


def nearest_half_accuracy(
    network: Network, paintings: Sequence[Tensor]
) -> dict[str, tuple[float, float]]:
    """Tell whether halves of paintings find each other, by style and by content.

    Each painting is cut into a left and a right half. By style the nearest half is the one whose
    correlations between channels (the Gram matrix) have the highest cosine with its own; by
    content the one whose activations, place by place, do.

    Args:
        network: the network.
        paintings: ``[1, 3, H, W]`` in ``[0, 1]``, all of one size.

    Returns:
        By layer the share of halves that find their other half, by style and by content.
    """
    half = paintings[0].shape[3] // 2
    halves = [part for it in paintings for part in (it[..., :half], it[..., -half:])]
    layers = [layer.name for layer in network.shown if layer.size is not None]
    seen = network.activations(torch.cat(halves), layers)
    found = {}
    for name in layers:
        own = seen[name].float().cpu()
        together, count, _ = moments(own)
        found[name] = (_paired(together / count[:, None, None]), _paired(own))
    return found


def _paired(values: Tensor) -> float:
    """Give the share of rows whose nearest other row is the one that they stand beside."""
    flat = F.normalize(values.flatten(1), dim=1)
    alike = (flat @ flat.T).fill_diagonal_(-1)
    nearest = alike.argmax(1) // 2
    return float((nearest == torch.arange(len(flat)) // 2).double().mean())


def measure_losses(
    network: Network, recipe: StyleRecipe, inputs: Mapping[str, bytes], shown: Sequence[Tensor]
) -> list[dict[str, float]]:
    """Measure the costs of content and style of some pictures, as a recipe counts them.

    Args:
        network: the network.
        recipe: says whose content and whose style, and at which layers.
        inputs: the pictures that it names, encoded.
        shown: ``[1, 3, h, w]`` in ``[0, 1]`` each; scaled to the size of the recipe's picture.

    Returns:
        For each picture its costs by their names, ``content relu3b`` or ``style relu1a``.
    """
    eyes = style_variant(network, recipe.pooling)
    subjects = transfer.open_inputs(recipe, inputs, network.device)
    held = build_losses(eyes, recipe, subjects, subjects.size)
    scaled = [resize_image(it, subjects.size).clamp(0, 1).to(network.device) for it in shown]
    return [transfer.evaluate_losses(eyes, recipe, held, it) for it in scaled]


def mean_loss(kind: str, cost: Mapping[str, float]) -> float:
    """Average the costs of one kind, ``content`` or ``style``."""
    some = [value for name, value in cost.items() if name.startswith(kind)]
    return sum(some) / len(some)


def edges_carried(photograph: Mapping[str, float], picture: Mapping[str, float]) -> float:
    """Tell how much of a painting's style a picture has taken on.

    Args:
        photograph, picture: costs as ``costs`` measures them.

    Returns:
        By how much its costs of style are below the photograph's, as a share, mean over the layers:
        1 for all of the style, 0 for none of it, negative for further away than the photograph.
    """
    shares = [
        1 - picture[name] / max(value, TINY)
        for name, value in photograph.items()
        if name.startswith("style")
    ]
    return sum(shares) / len(shares)
