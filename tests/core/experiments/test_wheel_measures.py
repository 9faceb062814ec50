"""A neuron of wheels, and what it loses without its inputs."""

import pytest
import torch

from core.analysis.circuit_meter import LEAST_SCALE
from core.experiments import wheel_measures
from core.experiments.class_drawings import class_drawings
from core.networks.network import Network


def test_the_neuron_responds_to_wheels_most(tiny: Network) -> None:
    layer = tiny.layer("3")
    unit = wheel_measures.unit_of_wheels(tiny, layer)
    pictures = class_drawings(tiny, wheel_measures.LABELS, wheel_measures.CHOOSING)
    wheels = torch.tensor([it == "wheel" for it in pictures.labels])
    assert wheels.sum() == wheel_measures.WHEELS and (~wheels).sum() == 71
    means = tiny.activations(pictures.images(slice(None)), ["3"])["3"].mean((2, 3))
    scores = (means[wheels].mean(0) - means[~wheels].mean(0)) / means.std(0)
    assert float(scores[unit]) == pytest.approx(float(scores.nan_to_num(-9).max()), abs=1e-4)


def test_what_is_cut_for_each_wheel_adds_up_to_the_mean(tiny: Network) -> None:
    layer = tiny.layer("3")
    unit = wheel_measures.unit_of_wheels(tiny, layer)
    edges = wheel_measures.strongest_inputs(tiny, layer, unit)
    assert 0 < len(edges) <= wheel_measures.INPUTS
    sizes = [abs(it.measured or 0.0) for it in edges]
    assert sizes == sorted(sizes, reverse=True)
    pictures = wheel_measures.wheels(tiny)
    # Shares are of the mean size of the unit's activation, or of a least size for its layer.
    sizes_of = tiny.activations(pictures.images(slice(None)), ["3"])["3"].abs().mean((2, 3))
    scales = torch.maximum(sizes_of[:, unit], LEAST_SCALE * sizes_of.mean(1))
    whole = max(float(sizes_of.mean(0)[unit]), LEAST_SCALE * float(sizes_of.mean()))
    shares = torch.tensor(wheel_measures.cut_for_each(tiny, edges[0], pictures))
    assert float((shares * scales).mean()) / whole == pytest.approx(edges[0].measured, rel=1e-3)
