"""The commands for style transfer, texture synthesis and reconstruction of content."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.files import check_output, write_file
from core.numbers import read_decimals
from core.recipes.style import SHARE_RANGE, StyleRecipe
from explorer.cli import options
from explorer.cli import vary as variations
from explorer.cli.command_io import print_note, print_table, split_names
from explorer.cli.dreams import parse_layers
from explorer.cli.network_session import NetworkSession
from explorer.cli.options import argument, cli, option
from explorer.cli.vary import Vary
from explorer.recipe_fields import STYLE, recipe_settings
from explorer.text import formatting

if TYPE_CHECKING:
    from explorer.store.results import StoredPicture

# None means the default, which may depend on the network.
StyleImage = Annotated[str, argument(STYLE, "styles")]
ContentLayers = Annotated[str | None, option(STYLE, "content_layers")]
StyleLayers = Annotated[str | None, option(STYLE, "style_layers")]
Loss = Annotated[str, option(STYLE, "loss")]
Balance = Annotated[float | None, option(STYLE, "balance")]
Size = Annotated[int, option(STYLE, "size")]
Steps = Annotated[int | None, option(STYLE, "steps")]
Method = Annotated[str | None, option(STYLE, "method")]
Rate = Annotated[float | None, option(STYLE, "rate")]
Variation = Annotated[float | None, option(STYLE, "variation")]
Pooling = Annotated[str | None, option(STYLE, "pooling")]
Off = Annotated[str, option(STYLE, "switched", "--off")]
StyleScale = Annotated[float, option(STYLE, "style_scale")]


@cli.command()
def style(
    network: options.NetworkName,
    content: options.ImageName,
    style: StyleImage,
    out: options.PngOut,
    content_layers: ContentLayers = None,
    style_layers: StyleLayers = None,
    balance: Balance = None,
    size: Size = StyleRecipe.size,
    steps: Steps = None,
    loss: Loss = StyleRecipe.loss,
    keep_colours: Annotated[
        bool, typer.Option("--keep-colours", help="Keep the content's colours: paint its light.")
    ] = False,
    colours: Annotated[str | None, option(STYLE, "colours")] = None,
    init: Annotated[str, option(STYLE, "init")] = StyleRecipe.init,
    start: Annotated[str | None, option(STYLE, "start")] = None,
    beside: Annotated[
        list[str] | None, typer.Option("--and", help="Another painting; may be repeated.")
    ] = None,
    shares: Annotated[str, option(STYLE, "style_shares")] = "",
    mask: Annotated[list[str] | None, option(STYLE, "masks")] = None,
    style_scale: StyleScale = StyleRecipe.style_scale,
    variation: Variation = None,
    pooling: Pooling = None,
    method: Method = None,
    rate: Rate = None,
    off: Off = "",
    seed: options.Seed = StyleRecipe.seed,
    vary: Vary = None,
    weights: options.WeightsFile = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Paint a picture in the style of another one."""
    settings = recipe_settings(STYLE, locals())
    check_output(out)
    settings |= {
        **named_layers("content", content_layers),
        **named_layers("style", style_layers),
        "colours": colours or ("light" if keep_colours else None),
        "init": "picture" if start is not None else init,
        "switched": split_names(off),
        "style_shares": read_decimals("one of the shares", shares, SHARE_RANGE) if shares else (),
    }
    session = NetworkSession(network, weights, device)
    settings |= {
        "content": session.store_named(STYLE, content),
        "styles": session.store_all(STYLE, [style, *(beside or [])]),
        "start": session.store_named(STYLE, start),
        "masks": session.store_all(STYLE, mask),
    }
    if vary:
        from core.style import transfer

        recipe = variations.plan(transfer.plan(session.network, **settings), vary)
        variations.make(session, recipe, out, fresh, as_json)
        return
    _paint(session, settings, out, fresh, as_json)


@cli.command()
def texture(
    network: options.NetworkName,
    style: StyleImage,
    layers: Annotated[str, typer.Argument(help="The style layers: relu1a,relu2a.")],
    out: options.PngOut,
    size: Size = StyleRecipe.size,
    steps: Steps = None,
    loss: Loss = StyleRecipe.loss,
    style_scale: StyleScale = StyleRecipe.style_scale,
    variation: Variation = None,
    pooling: Pooling = None,
    method: Method = None,
    rate: Rate = None,
    seed: options.Seed = StyleRecipe.seed,
    weights: options.WeightsFile = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Make a texture: the style of a picture alone, from noise."""
    settings = recipe_settings(STYLE, locals())
    check_output(out)
    settings |= {**named_layers("style", layers), "init": "noise"}
    session = NetworkSession(network, weights, device)
    settings["styles"] = session.store_all(STYLE, [style])
    _paint(session, settings, out, fresh, as_json)


@cli.command()
def reconstruct(
    network: options.NetworkName,
    content: options.ImageName,
    layer: Annotated[str, typer.Argument(help="The layer that it is made from, or several.")],
    out: options.PngOut,
    size: Size = StyleRecipe.size,
    steps: Steps = None,
    variation: Variation = None,
    pooling: Pooling = None,
    method: Method = None,
    rate: Rate = None,
    seed: options.Seed = StyleRecipe.seed,
    weights: options.WeightsFile = None,
    fresh: options.Fresh = False,
    device: options.DeviceName = "auto",
    as_json: options.AsJson = False,
) -> None:
    """Make a picture again from noise, from nothing but the activations of one layer."""
    settings = recipe_settings(STYLE, locals())
    check_output(out)
    settings |= {**named_layers("content", layer), "init": "noise"}
    session = NetworkSession(network, weights, device)
    settings["content"] = session.store_named(STYLE, content)
    _paint(session, settings, out, fresh, as_json)


def named_layers(term: str, text: str | None) -> dict[str, Any]:
    """Return layers and their weights as settings of a recipe; ``{}`` if there is no text.

    Args:
        term: ``content`` or ``style``; the settings are ``content_layers`` and ``content_weights``,
            or the same for style.
        text: layers with weights, as for ``parse_layers``.
    """
    if not text:
        return {}
    names, weights = parse_layers(text)
    return {f"{term}_layers": tuple(names), f"{term}_weights": weights}


def _paint(
    session: NetworkSession, settings: dict[str, Any], out: Path, fresh: bool, as_json: bool
) -> None:
    """Render a style recipe as a job, write the picture, and print each loss at start and end."""
    from core.style import transfer

    recipe = transfer.plan(session.network, **settings)
    (picture,) = session.run(recipe, fresh, shipped=False)
    write_file(out, picture.image)
    losses = json.loads(str(picture.facts["losses"]))
    if as_json:
        ends = {name: {"start": it["start"], "end": it["end"]} for name, it in losses.items()}
        session.print_report(recipe, out, losses=ends)
        return
    print_table(
        ("cost of", "at the start", "at the end"),
        (
            (name, formatting.number(it["start"], 4), formatting.number(it["end"], 4))
            for name, it in losses.items()
        ),
    )
    print_note(f"{out}: {session.seconds:.1f} s")
    _advise(session, recipe, picture)


def _advise(session: NetworkSession, recipe: StyleRecipe, picture: "StoredPicture") -> None:
    """Print what is wrong with a picture, if anything is, and the option to change."""
    from core.experiments import style_advice
    from core.style import defaults
    from explorer.text.style_advice import describe_advice, option_text

    inputs = {it: session.store.input(it) or b"" for it in recipe.inputs}
    look = style_advice.measure_look(recipe, inputs, picture.image, str(picture.facts["losses"]))
    if look is None:
        return
    usual = defaults.default_settings(session.network, recipe.loss)
    for found in style_advice.advise(recipe, look, usual)[:1]:
        words = describe_advice(found.problem, found.measured, found.setting)
        print_note(f"{words} Try {option_text(found.setting, found.value)}.")
