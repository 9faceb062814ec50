"""What a neuron of wheels is built from: its strongest inputs, each of them cut (lesson 9)."""

from core.analysis.circuit_meter import CircuitMeter, no_circuit
from core.analysis.circuits import CircuitEdge, strongest
from core.analysis.picture_sample import PictureSample
from core.errors import ExplorerError
from core.experiments.class_drawings import class_drawings, units_of_classes
from core.networks.layers import Layer
from core.networks.network import Network
from core.sketchworld.world import CLASSES

WHEEL = "wheel"
# Drawings of wheels; of each other class there is one, for the choice of the neuron.
WHEELS = 24
LABELS = (*(WHEEL for _ in range(WHEELS)), *(it for it in CLASSES if it != WHEEL))
# Numbers of the drawings by which the neuron is chosen, and of those on which it is measured: both
# begin with these numbers in the world of the lessons.
CHOOSING, MEASURING = 60_000, 80_000
# Inputs of the neuron that are cut.
INPUTS = 8


def unit_of_wheels(network: Network, layer: Layer) -> int:
    """Return the unit of a layer that responds to wheels more than to other things."""
    pictures = class_drawings(network, LABELS, CHOOSING)
    return units_of_classes(network, layer, pictures, (WHEEL,))[0]


def wheels(network: Network, count: int = WHEELS) -> PictureSample:
    """Return drawings of wheels, other ones than those by which the neuron is chosen."""
    return class_drawings(network, LABELS, MEASURING, range(count))


def strongest_inputs(network: Network, layer: Layer, unit: int) -> tuple[CircuitEdge, ...]:
    """Return the strongest inputs of a unit, cut on drawings of wheels; the strongest first.

    Strengths are shares of the unit's mean activation for these drawings.

    Raises:
        ExplorerError: the connections of the network or of the layer cannot be read.
    """
    if problem := no_circuit(network, layer):
        raise ExplorerError(problem)
    meter = CircuitMeter(network, wheels(network))
    target = meter.graph.resolve(layer, unit)
    return strongest(meter.measure(meter.inputs(target, INPUTS)))


def cut_for_each(network: Network, edge: CircuitEdge, pictures: PictureSample) -> list[float]:
    """Return by how much a unit responds less to each picture if an edge is cut, as a share."""
    shares = []
    for at in range(len(pictures)):
        one = PictureSample(
            pictures.names[at : at + 1], pictures.labels[at : at + 1], pictures.pixels[at : at + 1]
        )
        (measured,) = CircuitMeter(network, one).measure([edge])
        shares.append(measured.measured or 0.0)
    return shares
