"""The checks of ``benchmarks.coverage``: what has to work with every network."""

import io
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core.analysis import crops, probe
from core.datasets.sources import find_source
from core.dreams import render_dreams
from core.errors import reason_of
from core.images import image_io
from core.index import build, reader
from core.networks import layers, registry, torchvision_models
from core.networks.depth_sampling import evenly_spaced
from core.networks.known_timm import PREFIX
from core.networks.layers import Layer
from core.networks.network import Network
from core.networks.receptive_fields.gates import hold_gates
from core.networks.tracing import OutputNode, Trace, truncate
from core.neurons import render_neurons
from core.progress import Progress
from core.style import transfer

# The networks of timm that are checked, one or more of each family.
TIMM = (
    *("resnet18", "resnet50", "resnetv2_50", "convnext_tiny", "efficientnet_b0"),
    *("tf_efficientnet_lite0", "mobilenetv3_small_100", "regnety_002", "densenet121", "vgg11"),
    *("inception_v3", "xception41", "repvgg_a0", "ghostnet_100", "mixer_s32_224"),
    *("vit_tiny_patch16_224", "vit_small_patch14_dinov2", "vit_base_patch32_clip_224"),
    *("swin_tiny_patch4_window7_224", "maxvit_tiny_tf_224"),
)
SEED = 0
# Largest difference of logits, relative to the largest of them. The memory layout differs, and with
# it the order of sums.
LOGITS_TOLERANCE = 1e-4
# Pixels whose gradient is smaller than this, relative to the largest one, count as unchanged: some
# ways to compute a convolution leave rounding errors there.
GRADIENT_FLOOR = 1e-5
# Receptive fields are measured at this size, if the network accepts it, in so many layers.
FIELD_SIZE, FIELD_LAYERS = 128, 4
SIZE, STEPS, DRAWINGS = 64, 2, 4
# The fingerprint under which checks give the drawing.
INPUT = "0" * 32
# At least one of so many neurons responds to one of the drawings.
UNITS_WITH_EXAMPLES = 16


class Failed(Exception):
    """A check found something wrong; the message says what."""


@dataclass(frozen=True)
class Case:
    """A network with random weights.

    Attributes:
        network: the network as the explorer loads it.
        bare: the same network without the explorer.
        folder: an empty folder.
        drawing: an encoded picture.
    """

    network: Network
    bare: nn.Module
    folder: Path
    drawing: bytes

    @property
    def chosen(self) -> list[str]:
        """Names of two layers, one of them in the middle and the other one deep."""
        shown = self.network.shown[:-1] or self.network.shown
        return [it.name for it in evenly_spaced(shown, 3)[1:]] or [shown[0].name]


def bare_network(name: str) -> nn.Module:
    """Build a network with random weights, without the explorer."""
    torch.manual_seed(SEED)
    if name.startswith(PREFIX):
        import timm

        module: nn.Module = timm.create_model(name.removeprefix(PREFIX))
    else:
        module = torchvision_models.build(name, device="cpu")
    return module.eval()


def load_case(name: str, folder: Path) -> Case:
    """Write random weights of a network into a file, and load it."""
    bare = bare_network(name)
    file = folder / "weights.safetensors"
    # A tensor that two names share is written twice.
    save_file({key: it.detach().clone() for key, it in bare.state_dict().items()}, file)
    network = registry.load(name, file, "cpu")
    file.unlink()
    source = find_source("sketchworld:1")
    picture, _ = source.open(next(source.entries()))
    drawing = io.BytesIO()
    picture.save(drawing, "PNG")
    return Case(network, bare, folder, drawing.getvalue())


def check_logits(case: Case) -> None:
    """The logits are those of the bare network."""
    network = case.network
    image = torch.rand(1, 3, *network.input_size, generator=torch.Generator().manual_seed(SEED))
    mean, std = (torch.tensor(it).view(1, 3, 1, 1) for it in (network.mean, network.std))
    with torch.no_grad():
        expected = case.bare((image - mean) / std)
    name = network.shown[-1].name
    found = network.activations(image, [name])[name]
    worst = float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))
    if not worst <= LOGITS_TOLERANCE:
        raise Failed(f"logits differ by {worst:.1e} of the largest")


def check_layers(case: Case) -> None:
    """There are layers, their names are unique, and their sizes are those of activations."""
    shown = case.network.shown
    if len(shown) < 3 or len({it.name for it in shown}) < len(shown):
        raise Failed(f"{len(shown)} layers are shown: {', '.join(it.name for it in shown)[:200]}")
    image = torch.zeros(1, 3, *case.network.input_size)
    values = case.network.activations(image, [it.name for it in shown])
    for layer in shown:
        shape = tuple(values[layer.name].shape)
        if shape[1] != layer.channels or (layer.size is not None and shape[2:] != layer.size):
            raise Failed(f"{layer.name} is {shape}, not {layer.channels} channels of {layer.size}")


def check_fields(case: Case) -> None:
    """Gradients lie inside the exact field, and with constant gates inside the local one."""
    network = case.network
    side = FIELD_SIZE
    any_size = network.size_step([network.shown[-1].name]) == 1
    size = (side, side) if any_size else network.input_size
    found = [it for it in layers.list_layers(network.module, size) if it.spans is not None]
    names = {it.name for it in network.shown}
    maps = [it for it in found if it.name in names and min(it.size or (0, 0)) > 1]
    image = torch.zeros(1, 3, *size)
    for exact in (True, False):
        traced = network.trace if exact else hold_gates(network.module, image)
        if traced is None:
            return
        for layer in evenly_spaced(maps, FIELD_LAYERS):
            _check_field(traced, layer, exact)


def _check_field(traced: Trace, layer: Layer, exact: bool) -> None:
    extractor = truncate(traced, [OutputNode(layer.node, layer.name, layer.axis)])
    rows, cols = layer.size or (1, 1)
    places = [(rows // 2, cols // 2), (rows - 1, 0)]
    for place, gradient in zip(places, input_gradients(extractor, layer, places), strict=True):
        top, left, bottom, right = layer.receptive_box(*place, exact=exact)
        outside = gradient.clone()
        outside[top:bottom, left:right] = 0
        if float(outside.max()) > GRADIENT_FLOOR * float(gradient.max()):
            kind = "exact" if exact else "local"
            raise Failed(f"{layer.name} sees pixels outside of its {kind} field at {place}")


def input_gradients(
    extractor: nn.Module, layer: Layer, places: Iterable[tuple[int, int]]
) -> list[Tensor]:
    """Return the size of the gradient of a random sum of channels, ``[H, W]`` for each position.

    Args:
        extractor: a module that returns the layer's activations ``[N, C, H, W]`` by its name.
        layer: the layer.
        places: the positions.
    """
    places = list(places)
    generator = torch.Generator().manual_seed(SEED)
    weight = next(extractor.parameters()).dtype
    noise = torch.randn(1, 3, *layer.input_size, generator=generator).to(weight)
    image = noise.repeat(len(places), 1, 1, 1).requires_grad_()
    value = extractor(image)[layer.name]
    direction = torch.randn(value.shape[1], generator=generator).to(weight)
    loss = torch.stack([value[k, :, row, col] @ direction for k, (row, col) in enumerate(places)])
    (gradient,) = torch.autograd.grad(loss.sum(), image)
    return list(gradient.abs().amax(1))


def check_neurons(case: Case) -> None:
    """Two neurons of two layers are drawn."""
    for name in case.chosen:
        recipe = render_neurons.plan(case.network, name, [0, 1], SIZE, STEPS, SEED)
        _check_pictures(render_neurons.render(case.network, recipe), len(recipe.units))


def check_dream(case: Case) -> None:
    """A drawing dreams with two layers at once."""
    settings = {"size": SIZE, "octaves": 2, "steps": STEPS}
    recipe = render_dreams.plan(case.network, case.chosen, INPUT, SEED, **settings)
    _check_pictures(render_dreams.render(case.network, recipe, {INPUT: case.drawing}), 1)


def check_style(case: Case) -> None:
    """A drawing is painted in the style of itself, with the default layers."""
    images = {"content": INPUT, "styles": (INPUT,)}
    recipe = transfer.plan(case.network, SEED, size=SIZE, steps=STEPS, **images)
    _check_pictures(transfer.render(case.network, recipe, {INPUT: case.drawing}), 1)


def _check_pictures(steps: Iterable[Progress], count: int) -> None:
    finished = {it.part: it.image for step in steps for it in step.pictures}
    if len(finished) != count:
        raise Failed(f"{len(finished)} pictures instead of {count}")
    if not all(bool(torch.isfinite(it).all()) for it in finished.values()):
        raise Failed("a picture has values that are no finite numbers")


def check_index(case: Case) -> None:
    """An index of a few drawings is built, and its crops have a size."""
    source = find_source(f"sketchworld:{DRAWINGS}")
    plan = build.plan_index(case.network, source, case.chosen)
    file = case.folder / "index.safetensors"
    accumulator = build.open_accumulator(plan, source, file)
    for _ in build.build_index(case.network, source, accumulator, file, workers=1):
        pass
    index = reader.open_index(file)
    for name in case.chosen:
        units = range(min(UNITS_WITH_EXAMPLES, case.network.layer(name).channels))
        hits = [hit for unit in units for hit in index.top(name, unit)[:1]]
        if not hits:
            raise Failed(f"the index has no example of any neuron of {name}")
        for hit in hits:
            if min(crops.crop_hit(index, name, hit).picture.size) < 1:
                raise Failed(f"an example of {name} has an empty crop")


def check_probe(case: Case) -> None:
    """A drawing is looked at with every shown layer."""
    found = probe.probe(case.network, image_io.open_picture(case.drawing))
    if bool(found.classes) != bool(case.network.labels):
        raise Failed(f"the probe has {len(found.classes)} classes")
    if len(found.layers) < len(case.network.shown):
        raise Failed("layers are missing in the probe")


CHECKS: dict[str, Callable[[Case], None]] = {
    "logits": check_logits,
    "layers": check_layers,
    "fields": check_fields,
    "neurons": check_neurons,
    "dream": check_dream,
    "style": check_style,
    "index": check_index,
    "probe": check_probe,
}


def run_checks(name: str, folder: Path, wanted: Iterable[str], out: Path) -> None:
    """Run some checks of a network, and write the results as JSON after each of them."""
    torch.set_num_threads(1)
    seconds: dict[str, float] = {}
    problems: dict[str, str] = {}
    result = {"seconds": seconds, "problems": problems, "shown": 0}
    start = time.perf_counter()
    try:
        case = load_case(name, folder)
    # Whatever goes wrong with a network is a result of this benchmark.
    except Exception as error:
        problems["load"] = reason_of(error, typed=True)[:300]
        out.write_text(json.dumps(result))
        return
    seconds["load"] = round(time.perf_counter() - start, 2)
    result["shown"] = len(case.network.shown)
    for check in wanted:
        start = time.perf_counter()
        try:
            CHECKS[check](case)
        except Exception as error:
            problems[check] = reason_of(error, typed=not isinstance(error, Failed))[:300]
        seconds[check] = round(time.perf_counter() - start, 2)
        out.write_text(json.dumps(result))
