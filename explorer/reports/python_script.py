"""From a recipe to the few lines of Python that do the same with ``core``.

What is usual is left out, so that the lines say what matters. Pictures that a recipe starts from
are named: one that is always at hand by its name, any other by a file that a person saves beside.
"""

import dataclasses
import functools
import json
import re
from typing import Any

from core import paintings
from core.datasets import samples
from core.datasets.samples import SAMPLES
from core.errors import ExplorerError
from core.paintings import PAINTINGS
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_grid import CONTENT, StyleDepthsRecipe

# Fields that stand first in a call of ``plan``, or come from the network.
COMMON = ("network", "weights", "seed")
LONGEST_LINE = 88
# Neurons that are written one by one.
FEW = 4


def python_script(recipe: Recipe, part: int | None = None) -> str:
    """Write a program that makes the pictures of a recipe.

    Args:
        recipe: of neurons, a dream or a style.
        part: which of the recipe's pictures is saved; None for all of them.

    Raises:
        ExplorerError: there is no program for recipes of this kind.
    """
    if isinstance(recipe, NeuronRecipe):
        module, plan = "neurons", _neurons(recipe)
    elif isinstance(recipe, DreamRecipe):
        module, plan = "dreams", _dream(recipe)
    elif isinstance(recipe, StyleRecipe):
        module, plan = "style", _style(recipe)
    elif isinstance(recipe, StyleDepthsRecipe):
        module, plan = "style", _style_depths(recipe)
    else:
        raise ExplorerError(f"there is no program for recipes of the kind {recipe.kind!r}")
    given = _given(recipe)
    said = " ".join(given.values())
    grid = isinstance(recipe, StyleDepthsRecipe)
    others = {"figures"} if grid and part is None else set()
    others |= {"paintings"} & set(re.findall(r"\w+", said))
    names = sorted({"images", "networks", module, *others})
    own = ":" in recipe.network
    lines = ["from pathlib import Path", ""] if own else []
    lines.append(f"from core import {', '.join(names)}")
    lines += ["from core.datasets import samples"] if "samples." in said else []
    lines += ["", _load(recipe)]
    lines += [f"{name} = {line}" for name, line in given.items()]
    if given:
        every = ", ".join(given)
        lines.append(f"pictures = [{every}]")
        lines.append("inputs = {images.fingerprint(it): images.encode_png(it) for it in pictures}")
    lines += _call(f"recipe = {module}.{'plan_grid' if grid else 'plan'}", plan)
    if isinstance(recipe, StyleDepthsRecipe):
        return "\n".join([*lines, *_painted(recipe, part)]) + "\n"
    return "\n".join([*lines, *_rendered(recipe, module, part, bool(given))]) + "\n"


def _rendered(recipe: Recipe, module: str, part: int | None, given: bool) -> list[str]:
    """Write the lines that make the pictures and save them."""
    inputs = ", inputs" if given else "" if module == "neurons" else ", {}"
    render = f"{module}.render(network, recipe{inputs})"
    if part is None and len(recipe.parts()) > 1:
        return [
            f"for step in {render}:",
            "    for picture in step.pictures:  # each batch brings its own",
            '        images.to_picture(picture.image).save(f"{picture.part}.png")',
        ]
    lines = [f"*_, last = {render}"]
    if part is not None:
        at = recipe.pictures.index(part)
        return [*lines, f'images.to_picture(last.pictures[{at}].image).save("{part}.png")']
    return [
        *lines,
        "for picture in last.pictures:",
        '    images.to_picture(picture.image).save(f"{picture.part}.png")',
    ]


def _painted(recipe: StyleDepthsRecipe, part: int | None) -> list[str]:
    """Write the lines that paint one picture of a sheet, or all of them and the sheet."""
    if part is not None:
        return [
            f"*_, last = style.render(network, recipe.parts()[{part}], inputs)",
            f'images.to_picture(last.pictures[0].image).save("{part}.png")',
        ]
    return [
        "painted = {}",
        "for number, part in enumerate(recipe.parts()):",
        "    *_, last = style.render(network, part, inputs)",
        "    picture = images.to_picture(last.pictures[0].image)",
        '    picture.save(f"{number}.png")',
        "    painted[number] = images.encode_png(picture)",
        'figures.draw_grid_sheet(network, recipe, inputs, painted).save("sheet.png")',
    ]


def _load(recipe: Recipe) -> str:
    if ":" in recipe.network:
        return f'network = networks.load({_text(recipe.network)}, Path("weights.safetensors"))'
    return f"network = networks.load({_text(recipe.network)})"


def _given(recipe: Recipe) -> dict[str, str]:
    """Name the pictures that a recipe starts from, and say where they come from."""
    names = _names(recipe)
    own = {it: f'images.open_picture("{names[it]}.png")' for it in recipe.inputs}
    return {names[it]: _at_hand(it) or own[it] for it in recipe.inputs}


def _names(recipe: Recipe) -> dict[str, str]:
    """Name each of the pictures by what it is for."""
    found: dict[str, str] = {}
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        for number, it in enumerate(value if isinstance(value, tuple) else (value,)):
            if it in recipe.inputs and isinstance(it, str):
                word = "painting" if field.name in ("style", "styles") else field.name
                many = isinstance(value, tuple) and len(value) > 1
                found.setdefault(it, f"{word}_{number + 1}" if many else word)
    return found


def _at_hand(fingerprint: str) -> str | None:
    """Say how a picture is opened that is always at hand, None if it is not."""
    # One after the other, as paintings take seconds to be painted.
    for module, names in (("samples", SAMPLES), ("paintings", PAINTINGS)):
        for name in names:
            if _fingerprint(module, name) == fingerprint:
                return f"{module}.picture({_text(name)})"
    return None


@functools.cache
def _fingerprint(module: str, name: str) -> str:
    from core.images import image_io

    picture = samples.picture(name) if module == "samples" else paintings.picture(name)
    return image_io.fingerprint(picture)


def _call(function: str, arguments: list[str]) -> list[str]:
    """Write a call, over several lines where one would be too long."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= LONGEST_LINE:
        return [line]
    return [f"{function}(", *(f"    {it}," for it in arguments), ")"]


def _neurons(recipe: NeuronRecipe) -> list[str]:
    plan = ["network", _text(recipe.layer)]
    if recipe.units:
        plan.append(f"units={_units(recipe.units)}")
    # By default the size depends on the network.
    return plan + _settings(recipe, NeuronRecipe, ("layer", "units"), always=("size",))


def _units(units: tuple[int, ...]) -> str:
    """Write neurons, many in a row as a range."""
    first, last = units[0], units[-1]
    if len(units) > FEW and units == tuple(range(first, last + 1)):
        return f"range({last + 1})" if first == 0 else f"range({first}, {last + 1})"
    return _written(list(units))


def _dream(recipe: DreamRecipe) -> list[str]:
    name = _names(recipe)[recipe.image]
    plan = ["network", _written(list(recipe.layers)), f"images.fingerprint({name})"]
    return plan + _settings(recipe, DreamRecipe, ("layers", "image"))


def _style(recipe: StyleRecipe) -> list[str]:
    # By default the pooling depends on the network, too, and what a reconstruction pays for
    # variation on its layers.
    own = ("pooling", "variation") if recipe.subject == "reconstruction" else ("pooling",)
    return ["network", *_settings(recipe, StyleRecipe, (), always=own)]


def _style_depths(recipe: StyleDepthsRecipe) -> list[str]:
    names = _names(recipe)
    own = [_picture(it, names) for it in (recipe.content, recipe.style)]
    # By default all of these depend on the network.
    layers = ("style_depths", "content_depths", "stages", "content_layer", "pooling")
    alone = ("content_variations",) if CONTENT in recipe.shows else ()
    said = ("content", "style")
    return ["network", *own, *_settings(recipe, StyleDepthsRecipe, said, always=layers + alone)]


def _settings(
    recipe: Recipe, kind: type[Any], said: tuple[str, ...], always: tuple[str, ...] = ()
) -> list[str]:
    """Write the settings that are not usual, and those that are never left out."""
    names = _names(recipe)
    written = [f"seed={recipe.seed}"] if recipe.seed else []
    for field in dataclasses.fields(kind):
        value = getattr(recipe, field.name)
        if field.name in (*COMMON, *said) or (value == field.default and field.name not in always):
            continue
        if isinstance(value, tuple):
            some = [_picture(it, names) for it in value]
            written.append(f"{field.name}=({', '.join(some)}{',' if len(some) == 1 else ''})")
        else:
            written.append(f"{field.name}={_picture(value, names)}")
    return written


def _picture(value: Any, names: dict[str, str]) -> str:
    if isinstance(value, str) and value in names:
        return f"images.fingerprint({names[value]})"
    return _written(value)


def _written(value: Any) -> str:
    return _text(value) if isinstance(value, str) else repr(value).replace("'", '"')


def _text(value: str) -> str:
    return json.dumps(value)
