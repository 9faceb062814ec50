"""Pictures that a device makes, and how often the host waits for it meanwhile."""

import pytest
import torch
from torch import Tensor

from core import networks, neurons
from core.networks import wrapping
from core.neurons import render_neurons
from tests.core.devices.device_work import (
    LACKING,
    PICTURES,
    cpu_pictures,
    neuron_pictures,
    wrapped,
)
from tests.core.fake_device import FakeDevice
from tests.core.own_modules import SIZE
from tests.core.own_modules import build as build_module

# Mean difference of two pictures, in the full range, after a few steps from the same start. The CPU
# computes other kernels for itself than for the device.
CLOSE = 0.005
DEVICES = {"cuda": ("cuda", set()), "mps": ("mps", set()), "mps that lacks": ("mps", LACKING)}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("what", PICTURES)
def test_a_device_makes_the_pictures_of_the_cpu(what: str, device: str) -> None:
    name, pictures, settings = PICTURES[what]
    kind, lacks = DEVICES[device]
    with FakeDevice(kind, lacks) as fake:
        network = wrapped(name, fake)
        found = pictures(network, **settings)
    assert network.device.type == kind
    assert fake.seen["aten::convolution"] and fake.seen["aten::convolution_backward"]
    expected = cpu_pictures(what)
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert type(one) is Tensor
        assert float((one - other).abs().mean()) < CLOSE


def test_the_cpu_does_what_mps_computes_wrongly_and_only_that() -> None:
    def odd(result: Tensor) -> bool:
        return bool(result.shape[-1] % 2)

    def image(side: int) -> Tensor:
        network = wrapped("small", None)
        return render_neurons.create_canvas(
            network, neurons.plan(network, "4", [0], size=side), None, {}
        )()

    expected = {side: image(side) for side in (34, 35)}
    with FakeDevice("mps", wrong={"aten::_fft_c2r": odd}) as fake:
        network = wrapped("small", fake)
        for side, wanted in expected.items():
            recipe = neurons.plan(network, "4", [0], size=side)
            canvas = render_neurons.create_canvas(network, recipe, None, {})
            for _ in range(2):
                ran = fake.seen["aten::_fft_c2r"]
                found = canvas()
                torch.testing.assert_close(found.detach().cpu(), wanted)
            # The second time it is known that the device must not compute it.
            assert (fake.seen["aten::_fft_c2r"] == ran) == (side == 35)


# How often the host waits for a GPU in each step. Neurons and dreams ask whether a unit is dead,
# and L-BFGS for the loss, the curvature, dot products and the length of a direction. Adam asks
# nothing; the losses are numbers in the curves.
@pytest.mark.parametrize(
    ("what", "most"),
    [
        ("fourier", 1),
        ("pixels", 1),
        ("maco", 1),
        ("dream", 1),
        ("guided", 1),
        ("gram", 1),
        ("wasserstein", 5),
        ("regions", 5),
    ],
)
def test_the_host_seldom_waits_for_a_gpu(what: str, most: int) -> None:
    name, pictures, settings = PICTURES[what]
    waited = []
    with FakeDevice("cuda") as fake:
        network = wrapped(name, fake)
        for steps in (3, 3, 6):
            fake.waits.clear()
            pictures(network, steps=steps, **settings)
            waited.append(fake.waits.copy())
    _, few, many = waited
    assert many.total() - few.total() <= 3 * most, many - few


def test_dead_units_are_redirected_without_waiting_for_each_relu() -> None:
    module = build_module("small")
    with torch.no_grad():
        module[0].bias -= 100  # type: ignore[index]
    with FakeDevice("cuda") as fake, pytest.MonkeyPatch.context() as patch:
        patch.setattr(wrapping, "resolve_device", lambda name: fake.device)
        network = networks.wrap(module, SIZE, 0.45, 0.25, name="small")
        fake.waits.clear()
        neuron_pictures(network, steps=8)
    assert not [place for place in fake.waits if "redirected_relu" in place]
