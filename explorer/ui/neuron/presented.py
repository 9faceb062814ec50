"""One unit in presenter mode: its large picture alone; next and back lead to its neighbours."""

from collections.abc import Sequence

from core.analysis import unit_labels
from core.networks.known_networks import title_of
from explorer import thumbnails
from explorer.text import neuron_names
from explorer.ui import job_requests, job_status, presenter, server_state, urls
from explorer.ui.neuron import large_picture
from explorer.ui.neuron.pictures import NeuronView


def show_presented(neuron: NeuronView, view: str) -> None:
    """Show the large picture of a unit in presenter mode.

    Args:
        neuron: the unit.
        view: which picture of the unit, one of ``urls.VIEWS`` or "".
    """
    layer, unit = neuron.layer, neuron.unit
    name = unit_labels.unit_name(neuron.network, layer, unit)
    line = f"of {layer.name} in {title_of(neuron.network.name)}"
    presenter.show_frame("", *(_beside(neuron, it) for it in (unit - 1, unit + 1)))
    take = neuron.large(view)
    stored = take.find()
    job = large_picture.request_picture(take)

    def show(_: Sequence[job_requests.Requested]) -> bool:
        if stored is None:
            preview = server_state.jobs().previews(take.recipe.key).get(take.number)
            url, kind = None if preview is None else thumbnails.data_url(preview), "preview"
        else:
            url = thumbnails.thumbnail(stored.image, presenter.PICTURE_PIXELS)
            kind = "silent" if stored.silent and view != urls.NEGATIVE else ""
        alt = large_picture.alt_text(neuron, view)
        presenter.show_picture(url, alt, neuron_names.title(unit, name), line, kind)
        return stored is None and take.find() is not None

    job_status.follow([job], show, job_status.poll_interval(job), False)


def _beside(neuron: NeuronView, unit: int) -> presenter.Query | None:
    """Return the query of another unit of the layer; None if the layer does not have it."""
    if not 0 <= unit < neuron.layer.channels:
        return None
    network, layer = neuron.network.name, neuron.layer.name
    return {"network": network, "layer": layer, "unit": unit, presenter.PARAMETER: 1}
