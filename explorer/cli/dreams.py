"""The commands that dream: over one picture, deeper and deeper into it, or over a film."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from core.errors import ExplorerError
from core.recipes.dream import DREAM_SIZES, FRAMES_RANGE, DreamRecipe
from explorer.cli.options import (
    AsJson,
    DeviceName,
    NetworkName,
    WeightsFile,
    check_writable,
    cli,
    print_json,
    store_named_image,
    write,
)

if TYPE_CHECKING:
    from core.networks.network import Network
    from explorer.store.results import StoredPicture

FILMS = (".mp4", ".gif")

# What both commands take.
LayerNames = Annotated[
    str,
    typer.Argument(
        help="A layer's name, or several with what each has to say: relu3b:1,relu5b:0.5."
    ),
]
Picture = Annotated[
    str, typer.Argument(help="The picture to dream over: a file, or one of ours, such as cat.")
]
Units = Annotated[
    str,
    typer.Option(
        help="Dream with these neurons alone, such as 0-15,40, or a direction: 3:1,40:-0.5."
    ),
]
Octaves = Annotated[int, typer.Option(help="Sizes at which it is dreamt, small ones first.")]
OctaveScale = Annotated[float, typer.Option(help="How much larger each is than the one before.")]
Steps = Annotated[int, typer.Option(help="Steps of ascent at each size.")]
Strength = Annotated[
    float, typer.Option(help="How much the picture is changed, 0 to 4; the same at every depth.")
]
Guide = Annotated[str | None, typer.Option(help="Dream of what this picture shows.")]
Mask = Annotated[str | None, typer.Option(help="Dream only where this picture is bright.")]
KeepColours = Annotated[bool, typer.Option("--keep-colours", help="Change nothing but light.")]
Size = Annotated[int, typer.Option(help="Longer side of the result in pixels.")]
Seed = Annotated[int, typer.Option(help="Where all chance comes from.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Dream anew what is in the store.")]


@cli.command()
def dream(
    network: NetworkName,
    layer: LayerNames,
    image: Picture,
    out: Annotated[Path, typer.Option(help="Where the dream goes, a PNG.")],
    units: Units = "",
    octaves: Octaves = DreamRecipe.octaves,
    octave_scale: OctaveScale = DreamRecipe.octave_scale,
    steps: Steps = DreamRecipe.steps,
    strength: Strength = DreamRecipe.strength,
    guide: Guide = None,
    mask: Mask = None,
    keep_colours: KeepColours = False,
    size: Size = DreamRecipe.size,
    seed: Seed = DreamRecipe.seed,
    weights: WeightsFile = None,
    fresh: Fresh = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Let a network see more of what it sees already in a picture."""
    check_writable(out)
    settings = {
        "octaves": octaves,
        "octave_scale": octave_scale,
        "steps": steps,
        "strength": strength,
        "size": size,
        "seed": seed,
        "keep_colours": keep_colours,
    }
    named = {"image": image, "guide": guide, "mask": mask}
    recipe, pictures, seconds = _make(
        network, layer, units, named, settings, weights, fresh, device
    )
    write(out, pictures[0].image)
    _tell(recipe, pictures, seconds, out, as_json)


@cli.command()
def dream_zoom(
    network: NetworkName,
    layer: LayerNames,
    image: Picture,
    out: Annotated[Path, typer.Option(help="Where the film goes, .mp4 or .gif.")],
    frames: Annotated[int, typer.Option(help="How many pictures the film has.")] = 60,
    zoom: Annotated[
        float, typer.Option(help="How much larger each frame shows the middle of the last.")
    ] = 1.04,
    turn: Annotated[float, typer.Option(help="Degrees, counter-clockwise, between frames.")] = 0.5,
    rate: Annotated[int, typer.Option(help="Frames a second.", min=1, max=60)] = 15,
    units: Units = "",
    octaves: Octaves = 3,
    octave_scale: OctaveScale = DreamRecipe.octave_scale,
    steps: Steps = 4,
    strength: Strength = DreamRecipe.strength,
    keep_colours: KeepColours = False,
    size: Size = 256,
    seed: Seed = DreamRecipe.seed,
    weights: WeightsFile = None,
    fresh: Fresh = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Fall into a picture: each frame enlarges and turns the last, and dreams a little more."""
    from explorer import video_io

    check_writable(out, FILMS)
    settings = {
        "octaves": octaves,
        "octave_scale": octave_scale,
        "steps": steps,
        "strength": strength,
        "size": size,
        "seed": seed,
        "keep_colours": keep_colours,
        "frames": frames,
        "zoom": zoom,
        "turn": turn,
    }
    recipe, pictures, seconds = _make(
        network, layer, units, {"image": image}, settings, weights, fresh, device
    )
    write(out, video_io.encode_video([it.image for it in pictures], out.suffix.lower(), rate))
    _tell(recipe, pictures, seconds, out, as_json)


@cli.command()
def dream_film(
    network: NetworkName,
    layer: LayerNames,
    clip: Annotated[Path, typer.Argument(help="The film to dream over: GIF, MP4 or alike.")],
    out: Annotated[Path, typer.Option(help="Where the film goes, .mp4 or .gif.")],
    frames: Annotated[
        int, typer.Option(help="Pictures to take of it at most.", min=1, max=FRAMES_RANGE[1])
    ] = 120,
    rate: Annotated[
        int | None, typer.Option(help="Frames a second; its own by default.", min=1, max=60)
    ] = None,
    units: Units = "",
    octaves: Octaves = DreamRecipe.octaves,
    octave_scale: OctaveScale = DreamRecipe.octave_scale,
    steps: Steps = 6,
    strength: Strength = DreamRecipe.strength,
    guide: Guide = None,
    mask: Mask = None,
    keep_colours: KeepColours = False,
    size: Size = 320,
    seed: Seed = DreamRecipe.seed,
    weights: WeightsFile = None,
    fresh: Fresh = False,
    device: DeviceName = "auto",
    as_json: AsJson = False,
) -> None:
    """Dream over a film, picture by picture; what was dreamt moves along with its things."""
    from core.images import image_io
    from explorer import video_io
    from explorer.cli.options import store_image
    from explorer.store.results import Store

    check_writable(out, FILMS)
    store = Store()
    found, own_rate = video_io.read_frames(clip, frames)
    # Pictures are kept no larger than they are dreamt: a film has many.
    kept = [store_image(store, image_io.resize_longer_side(it, size)) for it in found]
    if not kept:
        raise ExplorerError(f"there is no picture in {clip}")
    settings = {
        "image": kept[0],
        "clip": tuple(kept[1:]),
        "frames": len(kept),
        "octaves": octaves,
        "octave_scale": octave_scale,
        "steps": steps,
        "strength": strength,
        "size": size,
        "seed": seed,
        "keep_colours": keep_colours,
    }
    named = {"guide": guide, "mask": mask}
    recipe, pictures, seconds = _make(
        network, layer, units, named, settings, weights, fresh, device
    )
    rate = rate or min(60, max(1, round(own_rate)))
    write(out, video_io.encode_video([it.image for it in pictures], out.suffix.lower(), rate))
    _tell(recipe, pictures, seconds, out, as_json)


def _make(
    name: str,
    layer: str,
    units: str,
    named: Mapping[str, str | None],
    settings: Mapping[str, Any],
    weights: Path | None,
    fresh: bool,
    device: str,
) -> "tuple[DreamRecipe, list[StoredPicture], float]":
    """Dream as a job; give its recipe, its pictures in order, and the seconds it took."""
    from core.dreams import render_dreams
    from core.networks.registry import load
    from explorer.cli.run_job import run_recipe
    from explorer.store.results import Store

    network = load(name, weights, device)
    names, shares = parse_layers(layer)
    store = Store()
    inputs: dict[str, Any] = {
        what: store_named_image(store, it, DREAM_SIZES[1]) for what, it in named.items()
    }
    chosen, towards = _units(network, names, units)
    subject: dict[str, Any] = {"units": chosen, "towards": towards, "shares": shares}
    recipe = render_dreams.plan(network, names, **subject, **inputs, **settings)
    if weights is not None:
        store.remember_checkpoint(network.name, network.fingerprint, weights)
    started = time.monotonic()
    pictures = run_recipe(store, recipe, device, fresh=fresh)
    return recipe, pictures, time.monotonic() - started


def parse_layers(text: str) -> tuple[list[str], tuple[float, ...]]:
    """Read names of layers such as ``relu3b:1,relu5b:0.5``, with their shares.

    Returns:
        The names, and a share for each; no shares where none is given.

    Raises:
        ExplorerError: a share is no number.
    """
    names, shares = [], []
    for piece in text.split(","):
        name, colon, share = piece.strip().partition(":")
        try:
            shares.append(float(share) if colon else 1.0)
        except ValueError:
            raise ExplorerError(
                f"{share!r} in {piece.strip()!r} is no number; write relu3b:1,relu5b:0.5"
            ) from None
        names.append(name)
    return names, tuple(shares) if ":" in text else ()


def _units(
    network: "Network", names: list[str], text: str
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Read units such as ``0-15,40``, or a direction such as ``3:1,40:-0.5``.

    Returns:
        The units, and a number for each where it is a direction.

    Raises:
        ExplorerError: it is misspelt, or a unit is not in the layer.
    """
    from explorer.cli.neurons import parse_units

    if not text:
        return (), ()
    layer = network.layer(names[0])
    if ":" not in text:
        return tuple(parse_units(text, network, layer)), ()
    units, numbers = [], []
    for piece in text.replace(" ", "").split(","):
        unit, _, number = piece.partition(":")
        try:
            numbers.append(float(number))
        except ValueError:
            raise ExplorerError(
                f"{piece!r} is no part of a direction; write a number for each unit: 3:1,40:-0.5"
            ) from None
        units += parse_units(unit, network, layer)
    return tuple(units), tuple(numbers)


def _tell(
    recipe: DreamRecipe, pictures: "list[StoredPicture]", seconds: float, out: Path, as_json: bool
) -> None:
    """Say what was dreamt, how far it went, and where it is."""
    facts = pictures[-1].facts
    if as_json:
        settings = {**json.loads(recipe.to_json()), **facts}
        print_json({**settings, "seconds": seconds, "out": str(out)})
        return
    words = f"{out}: {recipe.layer} sees {float(facts['activation']):.3g} times as much as before"
    Console(soft_wrap=True).print(words, highlight=False, markup=False)
    Console(stderr=True).print(f"{seconds:.1f} s")
