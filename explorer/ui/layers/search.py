"""The search box of the Layers page, and what it finds: by name, kind, layer and number.

The URL has the text (``find``), the kind of name (``kind``), the order (``sort``) and the page of
the results (``results``). Without a text, kind and order are those of the layer that is shown.
"""

from dataclasses import dataclass

import streamlit as st

from core.analysis import unit_labels, unit_search
from core.analysis.unit_names import UnitNames
from core.analysis.unit_search import UnitSearch
from core.index.reader import Index
from core.networks import Network
from explorer.ui import index_picker, network_picker, url_controls, urls
from explorer.ui.layers import unit_order
from explorer.ui.layers.unit_order import ORDERS, UnitOrder

TEXT_AT_MOST = 60
# Examples of searches; those are shown whose word is in a name of the network. The first ones are
# labels of SketchNet's units, from shallow to deep; then come words of ImageNet's classes.
EXAMPLES = ("stripes", "eye", "red", "edge", "wheel", "dog", "fish", "snake", "car", "bear")


@dataclass(frozen=True)
class UnitQuery:
    """What the visitor asks for, by the URL.

    Attributes:
        text: the text of the search; "" for the units of the layer that is shown.
        kind: only names of this kind; "" for all.
        order: one of ``unit_order.ORDERS``.
    """

    text: str = ""
    kind: str = ""
    order: str = ""

    @property
    def active(self) -> bool:
        """Whether there is anything to find, filter or sort."""
        return bool(self.text or self.kind or self.order)


def read_query(network: Network, problems: list[str]) -> UnitQuery:
    """Return the query in the URL; a sentence is appended to ``problems`` for unknown words."""
    kinds = unit_labels.names_of(network).kinds
    return UnitQuery(
        st.query_params.get("find", "").strip()[:TEXT_AT_MOST],
        urls.one_of("kind", kinds, "", problems, network.name),
        urls.one_of("sort", [it for it in ORDERS if it], "", problems),
    )


def show_search(network: Network, problems: list[str], choices: bool = True) -> UnitQuery:
    """Show the search box and the choices of kind and order, and return the query in the URL.

    Args:
        network: the network.
        problems: a sentence is appended for each unknown word in the URL.
        choices: whether the choices are shown if nothing is searched.
    """
    query = read_query(network, problems)
    names = unit_labels.names_of(network)
    with st.form("search", border=False), st.container(key="search-row", horizontal=True):
        # A text that is being typed stays when the page runs again, as after the end of a job.
        if st.session_state.get("searched") != query.text or "find" not in st.session_state:
            st.session_state["find"] = st.session_state["searched"] = query.text
        typed = st.text_input(
            "Find neurons",
            key="find",
            placeholder=f"Find {', '.join((*examples(names)[:2], _place(network)))} ...",
            icon=":material/search:",
            label_visibility="collapsed",
            max_chars=TEXT_AT_MOST,
        ).strip()
        if st.form_submit_button("Find"):
            _submit(network, typed, query)
    if not choices and not query.active:
        return query
    with st.container(key="search-choices", horizontal=True):
        if len(names.kinds) > 1:
            kinds = {"": "All kinds", **{it: kind_title(it) for it in names.kinds}}
            _choice("kind", "Kind of name", kinds, query.kind)
        _choice("sort", "Order", ORDERS, query.order)
    return query


def _choice(name: str, label: str, words: dict[str, str], chosen: str) -> None:
    def pick(word: str) -> None:
        urls.update_query(**{name: word or None, "results": None})

    st.selectbox(
        label,
        list(words),
        format_func=words.__getitem__,
        label_visibility="collapsed",
        **url_controls.bind(name, chosen, pick),
    )


def kind_title(kind: str) -> str:
    """Return the plural of a kind as the title of a choice: ``Textures``."""
    return f"{kind.capitalize()}es" if kind.endswith("s") else f"{kind.capitalize()}s"


def _place(network: Network) -> str:
    return f"{network_picker.first_layer(network).name} 12"


def examples(names: UnitNames) -> list[str]:
    """Return words to search for that are in names of a network."""
    return [it for it in EXAMPLES if it in names.vocabulary]


def find_units(
    network: Network, layer: str, query: UnitQuery, index: Index | None
) -> tuple[UnitSearch, UnitOrder]:
    """Find units and sort them.

    Args:
        network: the network.
        layer: the layer that is shown: its units are found if the text is empty, and come first if
            the text is a number.
        query: what to find.
        index: an index of the network, or None.
    """
    text = query.text or layer
    found = unit_search.search(unit_labels.names_of(network), text, layer, query.kind)
    if not found.found or found.respelled:
        # No label of this name is clear, but units may have one that is not.
        unclear = unit_search.search(unit_labels.names_of(network, 0.0), text, layer, query.kind)
        if unclear.found and not unclear.respelled and unclear.complete:
            found = unclear
    return found, unit_order.order_units(network, found.found, query.order, index)


def _submit(network: Network, typed: str, before: UnitQuery) -> None:
    """Open what a text names, or write the text into the URL.

    A layer, or a unit with its layer, is opened immediately; the first result if the text was
    searched already.
    """
    layer = st.query_params.get("layer", network_picker.first_layer(network).name)
    query = before if typed == before.text else UnitQuery(typed, "", before.order)
    if typed:
        index = index_picker.chosen_index(network, [])
        search, order = find_units(network, layer, query, index)
        if len(search.layers) == 1:
            st.session_state["searched"] = typed
            urls.go_to(network=network.name, layer=search.layers[0])
            st.rerun()
        if order.units and (search.place or query == before):
            first = order.units[0].named
            urls.open_neuron(network.name, first.layer, first.unit)
    st.session_state["searched"] = typed
    place = {"find": typed or None, "kind": query.kind or None, "results": None}
    urls.update_query(network=network.name, **place)
    st.rerun()
