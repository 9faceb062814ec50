"""What is at hand: networks, pictures and indexes, in a few words."""

from html import escape

from explorer import shared


def words() -> str:
    """Write what is loaded as HTML, for ``st.html``.

    Raises:
        ExplorerError: SketchNet cannot be opened.
    """
    from core import paintings
    from core.datasets import samples
    from core.networks import registry
    from explorer.library import indexes

    infos = shared.network_infos()
    network = shared.network(registry.SKETCHNET)
    neurons = sum(layer.channels for layer in network.shown)
    ready = [it.name for it in infos.values() if it.ready and it.name != network.name]
    others = ", ".join(ready[:3]) + (f" and {len(ready) - 3} more" if len(ready) > 3 else "")
    found = indexes.finished_indexes(network)
    names = ", ".join(indexes.describe_index(it) for it in found.values())
    rows = {
        "Network": f"SketchNet: {neurons:,} neurons in {len(network.shown)} layers, "
        f"{len(network.labels)} classes",
        "Other networks": f"{others or 'none here yet'}; {len(infos) - 1} can be opened",
        "Pictures": f"{len(samples.SAMPLES)} samples, {len(paintings.PAINTINGS)} paintings, "
        "and any of your own",
        "What excites neurons": names or "5,000 drawings, looked through when first asked for",
    }
    cells = (f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in rows.items())
    return f'<dl class="loaded">{"".join(cells)}</dl>'
