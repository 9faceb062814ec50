"""Units that are turned off, or made weaker or stronger: the parameter ``off`` of the URL."""

from collections.abc import Iterable

import streamlit as st

from core.analysis import unit_labels
from core.errors import ExplorerError
from core.networks import Layer, Network
from core.networks.interventions import with_units_switched
from core.recipes.switched_units import FACTORS, OFF, UNCHANGED, SwitchedUnit, read_switched
from explorer.recipe_fields import SWITCHED
from explorer.text.formatting import escape_markdown
from explorer.ui import url_controls, urls

STEP = 0.25


def read_off(network: Network, problems: list[str]) -> tuple[SwitchedUnit, ...]:
    """Return the units that the URL switches; none if it names some that do not exist.

    Args:
        network: the network of the page.
        problems: a sentence is appended if the URL names a unit that does not exist.
    """
    text = st.query_params.get(SWITCHED.query, "")
    try:
        asked = read_switched(it for it in text.split(",") if it)
        return with_units_switched(network, asked).switched
    except ExplorerError as error:
        problems.append(str(error))
        return ()


def write_off(switched: Iterable[SwitchedUnit]) -> None:
    """Write the units that are switched into the URL; those with the factor 1 are left out."""
    texts = [str(it) for it in sorted(switched) if it.factor != UNCHANGED]
    urls.update_query(**{SWITCHED.query: ",".join(texts) or None})


def factor_of(switched: Iterable[SwitchedUnit], layer: Layer, unit: int) -> float:
    """Return the factor of a unit; 1 if it is not switched."""
    found = (it.factor for it in switched if (it.layer, it.unit) == (layer.name, unit))
    return next(found, UNCHANGED)


def show_switch(switched: tuple[SwitchedUnit, ...], layer: Layer, unit: int) -> None:
    """Show a switch and a slider for one unit, which change the URL."""
    factor = factor_of(switched, layer, unit)
    others = [it for it in switched if (it.layer, it.unit) != (layer.name, unit)]

    def turn(value: float) -> None:
        write_off([*others, SwitchedUnit(layer.name, unit, value)])

    with st.container(key="switch"):
        st.toggle(
            "Turn this neuron off",
            **url_controls.bind(
                "turn off", factor == OFF, lambda off: turn(OFF if off else UNCHANGED)
            ),
        )
        low, high = FACTORS
        st.slider(
            "Or make it weaker or stronger",
            low,
            high,
            step=STEP,
            format="\N{MULTIPLICATION SIGN} %.2f",
            help="Its activation is multiplied by this number: 1 leaves it as it is.",
            **url_controls.bind("factor", factor, turn),
        )


def show_list(network: Network, switched: tuple[SwitchedUnit, ...]) -> None:
    """Show which units are switched, each with a button that puts it back."""
    if not switched:
        return
    with st.container(key="switched", horizontal=True, vertical_alignment="center"):
        for it in switched:
            others = [other for other in switched if other != it]
            st.button(
                escape_markdown(unit_words(network, it)),
                key=f"back {it.layer} {it.unit}",
                icon=":material/undo:",
                help="Put this neuron back",
                on_click=write_off,
                args=(others,),
            )
        if len(switched) > 1:
            st.button(
                "Put all back", key="all back", type="tertiary", on_click=write_off, args=((),)
            )


def unit_words(network: Network, switched: SwitchedUnit) -> str:
    """Return a switched unit in words, such as ``relu5b 17 (eye) off``."""
    name = unit_labels.unit_name(network, network.layer(switched.layer), switched.unit)
    words = f"{switched.layer} {switched.unit}" + (f" ({name})" if name else "")
    if switched.factor == OFF:
        return f"{words} off"
    return f"{words} \N{MULTIPLICATION SIGN} {switched.factor:g}"
