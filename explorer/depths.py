"""One picture dreamt at several depths: its recipes, and what the network sees in each dream."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core import depths
from core.depths import Growth
from core.dreams import render_dreams
from core.images import image_io
from core.networks.layers import Layer
from core.networks.network import Network
from core.recipes.dream import DreamRecipe
from explorer import labelling

# Longer side in pixels: a row of them fills a page.
SIZE = 384


@dataclass(frozen=True)
class Told:
    """What is told of one dream.

    Attributes:
        classes: the likeliest classes and their probabilities.
        grown: the labels whose neurons grew, all of them, the most first; none where neurons have
            no labels.
    """

    classes: tuple[tuple[str, float], ...]
    grown: tuple[Growth, ...]


def plan(
    network: Network,
    layers: Sequence[Layer],
    image: str,
    size: int = SIZE,
    strength: float = 1.0,
    seed: int = 0,
) -> list[DreamRecipe]:
    """Write a recipe for each depth; all else is the same.

    Raises:
        ExplorerError: a setting is out of range.
    """
    return [
        render_dreams.plan(network, [layer.name], image, seed, size=size, strength=strength)
        for layer in layers
    ]


def tell(
    network: Network, before: bytes, recipes: Sequence[DreamRecipe], after: Sequence[bytes]
) -> list[Told]:
    """Look at dreams beside the picture that they began with.

    Args:
        network: which dreamt.
        before: the picture, encoded.
        recipes: of the dreams.
        after: the dreams, encoded.
    """
    labels = labelling.clear_labels(network)
    layers = sorted({label.layer for label in labels})
    picture = image_io.open_picture(before)
    untouched = depths.see(
        network, image_io.to_tensor(image_io.scaled(picture, recipes[0].size)), layers
    )
    told = []
    for recipe, dream in zip(recipes, after, strict=True):
        seen = depths.see(network, image_io.to_tensor(image_io.open_picture(dream)), layers)
        grown = depths.growth(untouched, seen, labels, recipe.layer)
        told.append(Told(seen.classes, grown))
    return told


def grown(
    told: Sequence[Sequence[Growth]], count: int, asked: str
) -> Mapping[str, list[float | None]]:
    """Tabulate the labels that grew most in any picture, as factors, and one that is asked for.

    Args:
        told: of each picture, the labels whose neurons grew.
        count: how many labels.
        asked: the one that is there if it is known at all.
    """
    tables = [{it.concept: 2**it.value for it in each} for each in told]
    every = {name for table in tables for name in table}
    order = sorted(every, key=lambda name: -max(table.get(name, 0.0) for table in tables))
    chosen = order[:count]
    if asked in every and asked not in chosen:
        chosen = [*chosen[:-1], asked]
    return {name: [table.get(name) for table in tables] for name in chosen}
