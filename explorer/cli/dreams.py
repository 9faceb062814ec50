"""The commands for dreams: of one image, of a zoom into an image, and of a film."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from core.errors import ExplorerError, named, quoted
from core.files import check_output, write_file
from core.numbers import read_decimal
from core.recipes.dream import FRAMES_RANGE, DreamRecipe
from explorer.cli import options
from explorer.cli import vary as variations
from explorer.cli.command_io import print_note, split_names
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import argument, cli, option
from explorer.cli.vary import Vary
from explorer.recipe_fields import DREAM, recipe_settings
from explorer.text import formatting

if TYPE_CHECKING:
    from core.networks.network import Network
    from explorer.store.results import StoredPicture

FILMS = (".mp4", ".gif")
# Bounds of a share or a number of a direction in a text. Recipes have narrower ones.
READABLE = (-1000.0, 1000.0)

LayerNames = Annotated[
    str,
    typer.Argument(help="A layer's name, or several with a weight for each: relu3b:1,relu5b:0.5."),
]
Picture = Annotated[str, argument(DREAM, "image")]
FilmOut = Annotated[Path, typer.Option(help="Where the film goes, .mp4 or .gif.")]
Units = Annotated[str, option(DREAM, "units")]
Octaves = Annotated[int, option(DREAM, "octaves")]
OctaveScale = Annotated[float, option(DREAM, "octave_scale")]
Steps = Annotated[int, option(DREAM, "steps")]
Strength = Annotated[float, option(DREAM, "strength")]
Guide = Annotated[str | None, option(DREAM, "guide")]
Mask = Annotated[str | None, option(DREAM, "mask")]
KeepColours = Annotated[bool, option(DREAM, "keep_colours", "--keep-colours")]
Size = Annotated[int, option(DREAM, "size")]
Off = Annotated[str, option(DREAM, "switched", "--off")]


@cli.command()
def dream(
    network: options.NetworkName,
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
    off: Off = "",
    size: Size = DreamRecipe.size,
    seed: options.Seed = DreamRecipe.seed,
    vary: Vary = None,
    weights: options.WeightsFile = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Dream: change a picture so that a layer responds more strongly to it."""
    settings = recipe_settings(DREAM, locals())
    check_output(out)
    session = NetworkSession(network, weights, device)
    settings |= _store_images(session, image=image, guide=guide, mask=mask)
    settings["switched"] = split_names(off)
    recipe = _plan(session, layer, units, settings)
    if vary:
        variations.make(session, variations.plan(recipe, vary), out, fresh, as_json)
        return
    # Pictures that ship with the project are lossy, so files are made without them.
    pictures = session.run(recipe, fresh, shipped=False)
    write_file(out, pictures[0].image)
    _report(session, recipe, pictures, out, as_json)


@cli.command()
def dream_zoom(
    network: options.NetworkName,
    layer: LayerNames,
    image: Picture,
    out: FilmOut,
    frames: Annotated[int, option(DREAM, "frames")] = 60,
    zoom: Annotated[float, option(DREAM, "zoom")] = 1.04,
    turn: Annotated[float, option(DREAM, "turn")] = 0.5,
    rate: Annotated[int, typer.Option(help="Frames a second.", min=1, max=60)] = 15,
    units: Units = "",
    octaves: Octaves = 3,
    octave_scale: OctaveScale = DreamRecipe.octave_scale,
    steps: Steps = 4,
    strength: Strength = DreamRecipe.strength,
    keep_colours: KeepColours = False,
    off: Off = "",
    size: Size = 256,
    seed: options.Seed = DreamRecipe.seed,
    weights: options.WeightsFile = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Make a film that zooms into a picture: each frame enlarges and turns the last, and dreams."""
    settings = recipe_settings(DREAM, locals())
    check_output(out, FILMS)
    session = NetworkSession(network, weights, device)
    settings |= _store_images(session, image=image)
    settings["switched"] = split_names(off)
    recipe, pictures = _dream(session, layer, units, fresh, settings)
    write_film(out, pictures, rate)
    _report(session, recipe, pictures, out, as_json)


@cli.command()
def dream_film(
    network: options.NetworkName,
    layer: LayerNames,
    clip: Annotated[Path, typer.Argument(help="The film to dream over: GIF, MP4 or alike.")],
    out: FilmOut,
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
    off: Off = "",
    size: Size = 320,
    seed: options.Seed = DreamRecipe.seed,
    weights: options.WeightsFile = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Dream over a film, picture by picture; what was dreamt moves along with its things."""
    from explorer import video_io

    settings = recipe_settings(DREAM, locals())
    check_output(out, FILMS)
    # A film has many frames, so they are stored at the size of the dream.
    resized, clip_rate = video_io.read_clip(clip, frames, size)
    session = NetworkSession(network, weights, device)
    first, *others = [session.store_image(it) for it in resized]
    settings |= {"image": first, "clip": tuple(others), "frames": len(resized)}
    settings |= _store_images(session, guide=guide, mask=mask)
    settings["switched"] = split_names(off)
    recipe, pictures = _dream(session, layer, units, fresh, settings)
    write_film(out, pictures, rate or video_io.whole_rate(clip_rate))
    _report(session, recipe, pictures, out, as_json)


def _store_images(session: NetworkSession, **names: str | None) -> dict[str, str]:
    """Store the input images of a dream, and return their fingerprints by recipe field.

    Args:
        session: the session of the command.
        names: for each field, such as ``guide``, a name as for ``NetworkSession.store_named``.
    """
    return {field: session.store_named(DREAM, name) for field, name in names.items()}


def _dream(
    session: NetworkSession, layer: str, units: str, fresh: bool, settings: dict[str, Any]
) -> "tuple[DreamRecipe, list[StoredPicture]]":
    """Render a film as a job, and return its recipe and its frames in order.

    Args:
        session, layer, units, settings: as for ``_plan``.
        fresh: whether to render also the frames that are in the store.
    """
    recipe = _plan(session, layer, units, settings)
    return recipe, session.run(recipe, fresh, shipped=False)


def _plan(session: NetworkSession, layer: str, units: str, settings: dict[str, Any]) -> DreamRecipe:
    """Return the recipe of a dream.

    Args:
        session: the session of the command.
        layer: text with layers, as for ``parse_layers``.
        units: text with units or a direction, as for ``_parse_direction``.
        settings: the other fields of the recipe.
    """
    from core.dreams import render_dreams

    names, shares = parse_layers(layer)
    chosen, towards = _parse_direction(session.network, names, units)
    return render_dreams.plan(
        session.network, names, units=chosen, towards=towards, shares=shares, **settings
    )


def write_film(out: Path, pictures: "list[StoredPicture]", rate: int) -> None:
    """Write pictures as a film whose format is that of the file's ending.

    Args:
        out: the file, which ends in one of ``FILMS``.
        pictures: the frames in their order.
        rate: frames per second.
    """
    from explorer import video_io

    write_file(out, video_io.encode_video([it.image for it in pictures], out.suffix.lower(), rate))


def parse_layers(text: str) -> tuple[list[str], tuple[float, ...]]:
    """Return the layers and their shares in a text such as ``relu3b:1,relu5b:0.5``.

    Returns:
        The names of the layers, here ``["relu3b", "relu5b"]``, and the share of each, here
        ``(1.0, 0.5)``. A layer without a share has 1. If the text contains no share, the shares
        are ``()``.

    Raises:
        ExplorerError: a share is not a number.
    """
    names, shares = [], []
    for piece in text.split(","):
        name, colon, share = piece.strip().partition(":")
        shares.append(
            read_decimal(f"the share of {named(name)}", share, READABLE) if colon else 1.0
        )
        names.append(name)
    return names, tuple(shares) if ":" in text else ()


def _parse_direction(
    network: "Network", names: list[str], text: str
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Return the units in a text such as ``0-15,40``, or the direction in ``3:1,40:-0.5``.

    A direction is a direction in channel space: a number for each of some units.

    Returns:
        The units, and the number of each if the text is a direction; otherwise no numbers.

    Raises:
        ExplorerError: the text cannot be read, or a unit is not in the layer.
    """
    from explorer.cli.neurons import parse_units

    if not text:
        return (), ()
    layer = network.layer(names[0])
    if ":" not in text:
        return tuple(parse_units(text, network, layer)), ()
    units, numbers = [], []
    for piece in text.replace(" ", "").split(","):
        unit, colon, number = piece.partition(":")
        if not colon:
            raise ExplorerError(
                f"{quoted(piece)} is no part of a direction; write a number for each unit: "
                "3:1,40:-0.5"
            )
        numbers.append(read_decimal(f"the number of {named(unit)}", number, READABLE))
        units += parse_units(unit, network, layer)
    return tuple(units), tuple(numbers)


def _report(
    session: NetworkSession,
    recipe: DreamRecipe,
    pictures: "list[StoredPicture]",
    out: Path,
    as_json: bool,
) -> None:
    """Print how much the activation rose, the path of the result, and the duration."""
    facts = pictures[-1].facts
    if as_json:
        session.print_report(recipe, out, **facts)
        return
    times = formatting.number(float(facts["activation"]))
    words = f"{out}: {recipe.layer} responds {times} times as strongly"
    Console(soft_wrap=True).print(words, highlight=False, markup=False)
    print_note(f"{session.seconds:.1f} s")
