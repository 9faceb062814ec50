"""The command for style transfer over a film."""

import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.files import check_output
from core.numbers import read_decimals
from core.recipes import style_film as recipes
from core.recipes.dream import FRAMES_RANGE
from core.recipes.style import SHARE_RANGE
from core.recipes.style_film import StyleFilmRecipe
from explorer.cli import options
from explorer.cli.command_io import print_note, split_names
from explorer.cli.dreams import FILMS, FilmOut, write_film
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import cli, option
from explorer.cli.style import StyleImage, named_layers
from explorer.recipe_fields import STYLE, STYLE_FILM, recipe_settings
from explorer.text import formatting

if TYPE_CHECKING:
    from explorer.store.results import StoredPicture


@cli.command()
def style_film(
    network: options.NetworkName,
    film: Annotated[Path, typer.Argument(help="The film to paint: GIF, MP4 or alike.")],
    style: StyleImage,
    out: FilmOut,
    frames: Annotated[
        int, typer.Option(help="Pictures to take of it at most.", min=2, max=FRAMES_RANGE[1])
    ] = 120,
    rate: Annotated[
        int | None, typer.Option(help="Frames a second; its own by default.", min=1, max=60)
    ] = None,
    content_layers: Annotated[str | None, option(STYLE_FILM, "content_layers")] = None,
    style_layers: Annotated[str | None, option(STYLE_FILM, "style_layers")] = None,
    balance: Annotated[float | None, option(STYLE_FILM, "balance")] = None,
    size: Annotated[int, option(STYLE_FILM, "size")] = StyleFilmRecipe.size,
    steps: Annotated[int | None, option(STYLE_FILM, "steps")] = None,
    frame_steps: Annotated[int, option(STYLE_FILM, "frame_steps")] = StyleFilmRecipe.frame_steps,
    keep: Annotated[float, option(STYLE_FILM, "keep")] = StyleFilmRecipe.keep,
    loss: Annotated[str, option(STYLE_FILM, "loss")] = StyleFilmRecipe.loss,
    colours: Annotated[str, option(STYLE_FILM, "colours")] = StyleFilmRecipe.colours,
    beside: Annotated[
        list[str] | None, typer.Option("--and", help="Another painting; may be repeated.")
    ] = None,
    shares: Annotated[str, option(STYLE_FILM, "style_shares")] = "",
    style_scale: Annotated[float, option(STYLE_FILM, "style_scale")] = StyleFilmRecipe.style_scale,
    variation: Annotated[float | None, option(STYLE_FILM, "variation")] = None,
    pooling: Annotated[str | None, option(STYLE_FILM, "pooling")] = None,
    off: Annotated[str, option(STYLE_FILM, "switched", "--off")] = "",
    seed: options.Seed = StyleFilmRecipe.seed,
    weights: options.WeightsFile = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Paint a film in the style of a picture, without flicker; what is painted moves along."""
    settings = recipe_settings(STYLE_FILM, locals())
    check_output(out, FILMS)
    # Before the film is read, as reading a long one takes long.
    recipes.check_film_size(frames, size)
    from core.style import film as films
    from explorer import video_io

    pictures, film_rate = video_io.read_clip(film, frames, size)
    recipes.check_count(len(pictures), film)
    session = NetworkSession(network, weights, device)
    stored = session.store_film(pictures, film_rate, formatting.picture_title(film.name))
    settings |= {
        **named_layers("content", content_layers),
        **named_layers("style", style_layers),
        "switched": split_names(off),
        "style_shares": read_decimals("one of the shares", shares, SHARE_RANGE) if shares else (),
        "styles": session.store_all(STYLE, [style, *(beside or [])]),
        "content": stored.frames[0],
        "clip": stored.frames[1:],
        "frames": len(pictures),
    }
    recipe = films.plan(session.network, **settings)
    painted = session.run(recipe, fresh, shipped=False)
    write_film(out, painted, rate or video_io.whole_rate(film_rate))
    _report(session, recipe, painted, out, as_json)


def _report(
    session: NetworkSession,
    recipe: StyleFilmRecipe,
    painted: "list[StoredPicture]",
    out: Path,
    as_json: bool,
) -> None:
    """Print how much frames differ from the moved ones before, the file, and the duration."""
    changes = [float(it.facts["change"]) for it in painted if "change" in it.facts]
    change = statistics.fmean(changes)
    if as_json:
        session.print_report(recipe, out, change=change)
        return
    print_note(
        f"{out}: {len(painted)} pictures; what both show differs from one to the next by "
        f"{formatting.percent(change, 1)} (root mean square); {session.seconds:.1f} s"
    )
