"""Python scripts that render a recipe with ``core``.

A script leaves out settings that have their default values. It loads an input picture of the recipe
by name if the picture is a sample photograph or a painting of the project. It loads any other input
picture from a PNG that the user must save in the script's folder.
"""

import dataclasses
import json
import re
from typing import Any

from core.errors import ExplorerError, quoted
from core.networks import known_networks
from core.recipes.dream import DreamRecipe
from core.recipes.neuron import NeuronRecipe
from core.recipes.recipe import Recipe
from core.recipes.style import StyleRecipe
from core.recipes.style_film import StyleFilmRecipe
from core.recipes.style_grid import CONTENT, StyleDepthsRecipe
from core.recipes.variations import VariationsRecipe

# Fields that are not written like other settings: ``plan`` takes the first two from the network,
# and the seed is always written first.
COMMON = ("network", "weights", "seed")
LONGEST_LINE = 88
# More consecutive units than this are written as a range.
FEW = 4


def python_script(recipe: Recipe, part: int | None = None) -> str:
    """Write a script that renders the pictures of a recipe and saves them.

    Args:
        recipe: a recipe of neurons, a dream, a style, styles at several depths, or variations.
        part: number of the picture to save; None for all of them.

    Raises:
        ExplorerError: the recipe is of another kind.
    """
    if isinstance(recipe, VariationsRecipe):
        return _variations_script(recipe, part)
    if isinstance(recipe, NeuronRecipe):
        module, plan = "neurons", _neuron_arguments(recipe)
    elif isinstance(recipe, DreamRecipe):
        module, plan = "dreams", _dream_arguments(recipe)
    elif isinstance(recipe, StyleFilmRecipe):
        module = "film"
        plan = ["network", *_setting_arguments(recipe, StyleFilmRecipe, (), ("pooling",))]
    elif isinstance(recipe, StyleRecipe):
        module, plan = "style", _style_arguments(recipe)
    elif isinstance(recipe, StyleDepthsRecipe):
        module, plan = "style", _style_grid_arguments(recipe)
    else:
        raise ExplorerError(f"there is no program for recipes of the kind {quoted(recipe.kind)}")
    inputs = _input_sources(recipe)
    sources = " ".join(inputs.values())
    grid = isinstance(recipe, StyleDepthsRecipe)
    others = {"figures"} if grid and part is None else set()
    others |= {"paintings"} & set(re.findall(r"\w+", sources))
    names = sorted({"images", "networks", module, *others} - {"film"})
    own_weights = ":" in recipe.network
    lines = ["from pathlib import Path", ""] if own_weights else []
    lines.append(f"from core import {', '.join(names)}")
    lines += ["from core.datasets import samples"] if "samples." in sources else []
    lines += ["from core.style import film"] if module == "film" else []
    lines += ["", _load_line(recipe)]
    lines += [f"{name} = {source}" for name, source in inputs.items()]
    if inputs:
        lines.append(f"pictures = [{', '.join(inputs)}]")
        lines.append("inputs = {images.fingerprint(it): images.encode_png(it) for it in pictures}")
    lines += _call_lines(f"recipe = {module}.{'plan_grid' if grid else 'plan'}", plan)
    if isinstance(recipe, StyleDepthsRecipe):
        return "\n".join([*lines, *_style_grid_lines(recipe, part)]) + "\n"
    return "\n".join([*lines, *_render_lines(recipe, module, part, bool(inputs))]) + "\n"


def _render_lines(recipe: Recipe, module: str, part: int | None, has_inputs: bool) -> list[str]:
    """Return the lines that render the pictures and save them."""
    inputs = ", inputs" if has_inputs else "" if module == "neurons" else ", {}"
    render = f"{module}.render(network, recipe{inputs})"
    if part is None and len(recipe.parts()) > 1:
        return [
            f"for step in {render}:",
            "    for picture in step.pictures:  # each batch brings its own",
            '        images.to_picture(picture.image).save(f"{picture.part}.png")',
        ]
    lines = [f"*_, last = {render}"]
    if part is not None:
        index = recipe.pictures.index(part)
        return [*lines, f'images.to_picture(last.pictures[{index}].image).save("{part}.png")']
    return [
        *lines,
        "for picture in last.pictures:",
        '    images.to_picture(picture.image).save(f"{picture.part}.png")',
    ]


def _style_grid_lines(recipe: StyleDepthsRecipe, part: int | None) -> list[str]:
    """Return the lines that render one picture of a style grid, or all pictures and the sheet."""
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


def _variations_script(recipe: VariationsRecipe, part: int | None) -> str:
    """Write a script that renders one picture of variations, or all pictures and the sheet."""
    if part is not None:
        return python_script(recipe.parts()[part], 0)
    single = python_script(recipe.single).splitlines()
    start = next(at for at, line in enumerate(single) if line.startswith("*_, last"))
    module = "dreams" if isinstance(recipe.single, DreamRecipe) else "style"
    arguments = ["recipe", _string(recipe.across), repr(recipe.across_values)]
    arguments += [_string(recipe.down), repr(recipe.down_values)] if recipe.down else []
    imports = "from core.recipes.variations import plan_variations"
    at = 1 + max(at for at, line in enumerate(single[:start]) if line.startswith("from "))
    lines = [
        *single[:at],
        "from core.figures import draw_variations",
        imports,
        *single[at:start],
        *_call_lines("variations = plan_variations", arguments),
        "made = []",
        "for number, part in enumerate(variations.parts()):",
        f"    *_, last = {module}.render(network, part, inputs)",
        "    made.append(images.to_picture(last.pictures[0].image))",
        '    made[-1].save(f"{number}.png")',
        'draw_variations(variations, made).save("sheet.png")',
    ]
    return "\n".join(lines) + "\n"


def _load_line(recipe: Recipe) -> str:
    if recipe.network.partition(":")[0] not in known_networks.catalogue():
        return "network = make()  # your own function, which --module names"
    if ":" in recipe.network:
        return f'network = networks.load({_string(recipe.network)}, Path("weights.safetensors"))'
    return f"network = networks.load({_string(recipe.network)})"


def _input_sources(recipe: Recipe) -> dict[str, str]:
    """Return the expressions that load a recipe's input pictures, by variable name."""
    names = _variable_names(recipe)
    files = {it: f'images.open_picture("{names[it]}.png")' for it in recipe.inputs}
    return {names[it]: _builtin_source(it) or files[it] for it in recipe.inputs}


def _variable_names(recipe: Recipe) -> dict[str, str]:
    """Return a variable name for each input picture, by its fingerprint.

    The name is that of the recipe's field, numbered if the field has several pictures.
    """
    names: dict[str, str] = {}
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        for number, it in enumerate(value if isinstance(value, tuple) else (value,)):
            if it in recipe.inputs and isinstance(it, str):
                word = "painting" if field.name in ("style", "styles") else field.name
                several = isinstance(value, tuple) and len(value) > 1
                names.setdefault(it, f"{word}_{number + 1}" if several else word)
    return names


def _builtin_source(fingerprint: str) -> str | None:
    """Return the expression that loads a picture by name, such as ``samples.picture("cat")``.

    None if the picture is not a sample or a painting of the project.
    """
    # Pictures of neurons have no inputs, so their scripts need no numpy either.
    from core.datasets import bundled

    found = bundled.find(fingerprint)
    return None if found is None else f"{found.module}.picture({_string(found.name)})"


def _call_lines(function: str, arguments: list[str]) -> list[str]:
    """Return a call as one line, or as several lines if it exceeds ``LONGEST_LINE`` characters."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= LONGEST_LINE:
        return [line]
    return [f"{function}(", *(f"    {it}," for it in arguments), ")"]


def _neuron_arguments(recipe: NeuronRecipe) -> list[str]:
    plan = ["network", _string(recipe.layer)]
    if recipe.units:
        plan.append(f"units={_units_source(recipe.units)}")
    # The default size depends on the network, so the size is always written.
    return plan + _setting_arguments(recipe, NeuronRecipe, ("layer", "units"), always=("size",))


def _units_source(units: tuple[int, ...]) -> str:
    """Return units as a Python expression, such as ``range(64)`` or ``[3, 40]``."""
    first, last = units[0], units[-1]
    if len(units) > FEW and units == tuple(range(first, last + 1)):
        return f"range({last + 1})" if first == 0 else f"range({first}, {last + 1})"
    return _literal(list(units))


def _dream_arguments(recipe: DreamRecipe) -> list[str]:
    name = _variable_names(recipe)[recipe.image]
    plan = ["network", _literal(list(recipe.layers)), f"images.fingerprint({name})"]
    return plan + _setting_arguments(recipe, DreamRecipe, ("layers", "image"))


def _style_arguments(recipe: StyleRecipe) -> list[str]:
    # The default pooling depends on the network, and the default total variation weight of a
    # reconstruction depends on the recipe's layers. So both are always written.
    always = ("pooling", "variation") if recipe.subject == "reconstruction" else ("pooling",)
    return ["network", *_setting_arguments(recipe, StyleRecipe, (), always)]


def _style_grid_arguments(recipe: StyleDepthsRecipe) -> list[str]:
    names = _variable_names(recipe)
    pictures = [_value_source(it, names) for it in (recipe.content, recipe.style)]
    # The defaults of these fields depend on the network, so the fields are always written.
    layers = ("style_depths", "content_depths", "stages", "content_layer", "pooling")
    always = (*layers, "content_variations") if CONTENT in recipe.shows else layers
    settings = _setting_arguments(recipe, StyleDepthsRecipe, ("content", "style"), always)
    return ["network", *pictures, *settings]


def _setting_arguments(
    recipe: Recipe, kind: type[Any], positional: tuple[str, ...], always: tuple[str, ...] = ()
) -> list[str]:
    """Return the keyword arguments of ``plan`` for a recipe, such as ``["seed=1", "size=128"]``.

    Args:
        recipe: the recipe.
        kind: the class of the recipe.
        positional: fields that are left out, because the call passes them already.
        always: fields that are included even if they have their default value.
    """
    names = _variable_names(recipe)
    arguments = [f"seed={recipe.seed}"] if recipe.seed else []
    for field in dataclasses.fields(kind):
        value = getattr(recipe, field.name)
        if field.name in (*COMMON, *positional):
            continue
        if value == field.default and field.name not in always:
            continue
        if isinstance(value, tuple):
            items = [_value_source(it, names) for it in value]
            comma = "," if len(items) == 1 else ""
            arguments.append(f"{field.name}=({', '.join(items)}{comma})")
        else:
            arguments.append(f"{field.name}={_value_source(value, names)}")
    return arguments


def _value_source(value: Any, names: dict[str, str]) -> str:
    if isinstance(value, str) and value in names:
        return f"images.fingerprint({names[value]})"
    return _literal(value)


def _literal(value: Any) -> str:
    return _string(value) if isinstance(value, str) else repr(value).replace("'", '"')


def _string(value: str) -> str:
    return json.dumps(value)
