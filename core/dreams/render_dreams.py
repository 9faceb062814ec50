"""Dreams: a picture in which the network is made to see more of what it sees already.

A picture climbs the energy of some layers, at several sizes one after the other, small ones first:
what was dreamt at one size is enlarged and laid onto the untouched picture of the next, so that
creatures of all sizes appear and the picture stays sharp (Mordvintsev, Olah and Tyka,
"Inceptionism", 2015).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from core import allocator
from core.dreams.dream_canvas import DreamCanvas, root_mean_square
from core.errors import ExplorerError
from core.images import image_io
from core.images.colours import with_chroma_of
from core.images.motion import match_tone, warp_detail, zoom_and_rotate
from core.images.resize import resize_image
from core.images.tiles import Tiles
from core.networks.network import FeatureExtractor, Network
from core.optim import objectives
from core.optim.ascent import AscentSettings, ascend
from core.optim.objectives import Objective
from core.optim.transforms import RandomShift
from core.progress import Progress
from core.recipes.dream import DreamRecipe

# The change that a strength of 1 makes: its root mean square, in units of the full range.
USUAL_STRENGTH = 0.12
# What each further frame of a zoom adds to what it shows already, of the usual strength.
FRAME_SHARE = 0.35
# How strong a dream stands in the next frame of a clip before anything is added to it.
CARRIED = 0.8
# Smaller than this along its shorter side a picture holds nothing that a network knows.
SMALLEST_SIDE = 48
# Places of a guide that are compared with every place of the picture, at most.
GUIDE_PLACES = 1024
# What a dream reached is measured on a picture no larger than this along its longer side.
MEASURED_SIDE = 512


@dataclass(frozen=True)
class DreamPicture:
    """A finished dream.

    Attributes:
        part: the frame's number; 0 for a single dream.
        image: ``[3, H, W]``, RGB in ``[0, 1]``, on the CPU.
        facts: ``activation``, what was climbed, relative to the untouched picture, where it is 1;
            ``change``, the root mean square of the difference to it, for a frame of a zoom to what
            the frame before became.
    """

    part: int
    image: Tensor
    facts: Mapping[str, float | bool | str] = field(default_factory=dict)


def plan(
    network: Network, layers: Sequence[str], image: str, seed: int = 0, **settings: Any
) -> DreamRecipe:
    """Write the recipe of a dream.

    Args:
        network: the loaded network.
        layers: names of layers, as ``Network.layer`` finds them.
        image: fingerprint of the picture.
        seed: where all chance comes from.
        settings: further ones of ``DreamRecipe``.

    Raises:
        UnknownName: there is no such layer.
        ExplorerError: a unit or setting is out of range.
    """
    found = [network.layer(name) for name in layers]
    recipe = DreamRecipe(
        network=network.name,
        weights=network.fingerprint,
        seed=seed,
        layers=tuple(it.name for it in found),
        image=image,
        **settings,
    )
    check(network, recipe)
    return recipe


def check(network: Network, recipe: DreamRecipe) -> None:
    """Refuse a recipe of other weights, or whose layers or units the network lacks."""
    network.check_recipe(recipe)
    for name in recipe.layers:
        network.layer_with_units(name, recipe.units)


def render(
    network: Network, recipe: DreamRecipe, inputs: Mapping[str, bytes]
) -> Iterator[Progress]:
    """Dream, and report every step; the last record brings the picture, or each frame's its own.

    A frame of a film goes on from the one before: it is zoomed and turned, or moved along with the
    things of a clip. Where that one is not among the inputs, it is dreamt as well. Every frame is
    rounded to 8 bits, as files are, so that it makes no difference which.

    ``done`` and ``total`` count pixels times steps.

    Args:
        network: the loaded network.
        recipe: what to dream.
        inputs: the encoded pictures that ``recipe.inputs`` name; or those of
            ``recipe.inputs_with_previous`` and the frame before, under the key of
            ``recipe.previous``.

    Raises:
        ExplorerError: the recipe was written for other weights, or names what is not there.
    """
    check(network, recipe)
    untouched = _opened(inputs, recipe.image, recipe.size).to(network.device)
    mask = _mask(inputs, recipe, untouched)
    # As exact as the ascent is, and three times as fast as in full precision.
    look = network.extractor(recipe.layers, for_gradients=True)
    wish, worth = _objective(network, look, recipe, inputs, untouched)
    start, finished = 0, untouched
    if recipe.previous is not None and recipe.previous.key in inputs:
        start = recipe.first
        finished = image_io.to_tensor(image_io.open_picture(inputs[recipe.previous.key]))
        finished = finished.to(network.device)
    each = sum(recipe.steps * height * width for height, width in octaves(untouched, recipe))
    total = each * (recipe.pictures[-1] + 1 - start)
    for frame in range(start, recipe.pictures[-1] + 1):
        behind = (frame - start) * each
        scene = _scene(recipe, inputs, untouched, finished, frame)
        seed = recipe.seed + frame
        for done, image in _dream(network, recipe, wish, scene, mask, seed):
            yield Progress(behind + round(done), total, {max(frame, recipe.first): image[0]})
        allocator.release_memory()
        finished = with_chroma_of(image, scene.base) if recipe.keep_colours else image
        finished = image_io.from_bytes(image_io.to_bytes(finished)).to(network.device)
        if frame in recipe.pictures:
            # What a zoom begins a frame with is dreamt already.
            before = _measure(look, wish, scene.base) if recipe.clip else worth
            after = _measure(look, wish, finished)
            facts = {
                "activation": after / before if before else after,
                "change": root_mean_square(finished - scene.base),
            }
            picture = DreamPicture(frame, finished[0].cpu(), facts)
            yield Progress(behind + each, total, {}, (picture,))


@dataclass(frozen=True)
class _Scene:
    """What one frame is dreamt on.

    Attributes:
        base: ``[1, 3, H, W]`` in ``[0, 1]``, without what is dreamt in this frame.
        detail: the same shape, what was dreamt in it before; none for nothing.
        share: of the usual strength, how much this frame may add.
    """

    base: Tensor
    detail: Tensor | None = None
    share: float = 1.0


def _scene(
    recipe: DreamRecipe,
    inputs: Mapping[str, bytes],
    untouched: Tensor,
    finished: Tensor,
    frame: int,
) -> _Scene:
    """Set the scene of a frame, from the untouched picture and the finished frame before."""
    if frame == 0:
        return _Scene(untouched)
    if recipe.clip:
        pictures = (recipe.image, *recipe.clip)[frame - 1 : frame + 1]
        before, now = (_opened(inputs, it, recipe.size).to(untouched) for it in pictures)
        if now.shape != untouched.shape:
            raise ExplorerError("the pictures of a clip are of different shapes; cut them alike")
        return _Scene(now, warp_detail(finished - before, before, now))
    change = recipe.strength * USUAL_STRENGTH
    moved = zoom_and_rotate(finished, recipe.zoom, recipe.turn)
    return _Scene(match_tone(moved, untouched, change), share=FRAME_SHARE)


def _dream(
    network: Network,
    recipe: DreamRecipe,
    wish: Objective,
    scene: _Scene,
    mask: Tensor | None,
    seed: int,
) -> Iterator[tuple[float, Tensor]]:
    """Dream one picture; yield the pixels times steps behind, and the picture as it is."""
    generator = torch.Generator().manual_seed(seed)
    loudness = recipe.strength * USUAL_STRENGTH * scene.share
    begun = 0.0 if scene.detail is None else CARRIED
    sizes = octaves(scene.base, recipe)
    detail = None if scene.detail is None else resize_image(scene.detail, sizes[0])
    done = 0
    for number, size in enumerate(sizes):
        tiles = Tiles(recipe.tile) if max(size) > recipe.tile else None
        if tiles is not None:
            # What one size leaves behind does not fit the next, and would only lie there.
            allocator.release_memory()
        quiet, loud = (
            loudness * (begun + (1 - begun) * at / len(sizes)) for at in (number, number + 1)
        )
        canvas = DreamCanvas(
            resize_image(scene.base, size),
            detail,
            None if mask is None else resize_image(mask, size),
            (quiet, loud),
            recipe.steps,
        )
        settings = AscentSettings(steps=recipe.steps, cooldown=0, patience=0, tiles=tiles)
        for step in ascend(network, wish, canvas, settings, RandomShift(), generator):
            behind = step.index - 1 + step.fraction
            yield done + behind * size[0] * size[1], canvas.values.detach()
        done += recipe.steps * size[0] * size[1]
        if number + 1 < len(sizes):
            detail = _upscale_detail(canvas.detail, scene.detail, size, sizes[number + 1])


def _upscale_detail(
    dreamt: Tensor, brought: Tensor | None, size: tuple[int, int], larger: tuple[int, int]
) -> Tensor:
    """Enlarge what was dreamt at one size to the next, where what was brought along is finer."""
    grown = resize_image(dreamt, larger)
    if brought is None:
        return grown
    return grown + resize_image(brought, larger) - resize_image(resize_image(brought, size), larger)


def octaves(base: Tensor, recipe: DreamRecipe) -> list[tuple[int, int]]:
    """List the (height, width) of the octaves of a picture ``[1, 3, H, W]``, small ones first."""
    height, width = base.shape[2:]
    sizes = [(height, width)]
    for number in range(1, recipe.octaves):
        scale = recipe.octave_scale**-number
        size = (round(height * scale), round(width * scale))
        if min(size) < SMALLEST_SIDE:
            break
        sizes.append(size)
    return sizes[::-1]


def _opened(inputs: Mapping[str, bytes], fingerprint: str, size: int) -> Tensor:
    """Open a picture, ``[1, 3, H, W]``, its longer side as asked."""
    if fingerprint not in inputs:
        raise ExplorerError(f"the picture {fingerprint} that this dream needs is not here")
    return image_io.to_tensor(
        image_io.resize_longer_side(image_io.open_picture(inputs[fingerprint]), size)
    )


def _mask(inputs: Mapping[str, bytes], recipe: DreamRecipe, base: Tensor) -> Tensor | None:
    """Open the mask, ``[1, 1, H, W]`` in ``[0, 1]``."""
    if not recipe.mask:
        return None
    opened = _opened(inputs, recipe.mask, recipe.size).mean(1, keepdim=True)
    mask = resize_image(opened, (base.shape[2], base.shape[3])).clamp(0, 1)
    if not bool(mask.any()):
        raise ExplorerError("the mask is black everywhere; paint white where dreams may come")
    return mask.to(base.device)


def _objective(
    network: Network,
    look: FeatureExtractor,
    recipe: DreamRecipe,
    inputs: Mapping[str, bytes],
    base: Tensor,
) -> tuple[Objective, float]:
    """Compose what a dream climbs: each layer relative to what it sees in the untouched picture.

    Energies of layers differ by powers of ten; so scaled, equal shares pull alike.

    Returns:
        That, and its value for the untouched picture.
    """
    guide = None
    if recipe.guide:
        guide = network.activations(
            _opened(inputs, recipe.guide, max(network.input_size)), recipe.layers
        )
    terms, worth = [], 0.0
    shares = recipe.shares or (1.0,) * len(recipe.layers)
    for name, share in zip(recipe.layers, shares, strict=True):
        if guide is not None:
            term = objectives.match_activations(name, _places(guide[name]))
        elif recipe.towards:
            vector = torch.zeros(network.layer(name).channels)
            vector[list(recipe.units)] = torch.tensor(recipe.towards)
            term = objectives.direction(name, vector / vector.norm())
        elif network.layer(name).size is None and recipe.units:
            term = objectives.total(name, recipe.units)
        else:
            term = objectives.energy(name, recipe.units)
        seen = _measure(look, term, base)
        scale = share / max(abs(seen), objectives.TINY)
        terms.append(scale * term)
        worth += scale * seen
    first, *rest = terms
    return sum(rest, first), worth


def _places(seen: Tensor) -> Tensor:
    """List what a layer sees at the places of a guide: ``[1, C, ...]`` to ``[P, C]``, P bounded."""
    places = seen.flatten(2)[0].T if seen.ndim > 2 else seen
    stride = -(-len(places) // GUIDE_PLACES)
    return places[::stride]


@torch.no_grad()
def _measure(look: FeatureExtractor, wish: Objective, image: Tensor) -> float:
    """Give what is climbed its value for a picture ``[1, 3, H, W]``, small enough to look at."""
    scale = min(1.0, MEASURED_SIDE / max(image.shape[2:]))
    size = (max(1, round(image.shape[2] * scale)), max(1, round(image.shape[3] * scale)))
    return float(wish(look(resize_image(image, size))))
