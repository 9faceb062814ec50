"""The device that does not exist: what it notices."""

import pytest
import torch

from tests.core.fake_device import DeviceTensor, FakeDevice


def test_the_device_of_these_tests_can_fail() -> None:
    with FakeDevice("mps", {"aten::sin"}) as fake:
        here = torch.rand(3, 4).to(fake.device)
        with pytest.raises(TypeError, match="float64"):
            here.double()
        with pytest.raises(TypeError, match="float64"):
            torch.zeros(2, dtype=torch.float64, device=fake.device)
        with pytest.raises(NotImplementedError, match="aten::sin"):
            here.sin()
        with pytest.raises(RuntimeError, match="same device"):
            here + torch.rand(4)
        with pytest.raises(TypeError, match="numpy"):
            here.numpy()
        assert fake.waits.total() == 1  # the numbers were sent
        assert float(here.sum()) > 0 and here.tolist() and len(here.nonzero()) == 12
        assert here[here > 2].numel() == 0 and here[torch.tensor([1])].shape == (1, 4)
        assert fake.waits.total() == 6
    with FakeDevice("cuda") as fake:
        here = torch.rand(3, 4).to(fake.device, non_blocking=True).requires_grad_()
        assert not fake.waits
        (here.double() ** 2).sum().backward()
        assert isinstance(here.grad, DeviceTensor)
        kernel = torch.rand(2, 3, 3, 3)
        with pytest.raises(AssertionError, match="for CPUs only"):
            torch.ops.mkldnn._convolution_pointwise(
                torch.rand(1, 3, 5, 5).to(fake.device),
                kernel.to(fake.device),
                None,
                [0, 0],
                [1, 1],
                [1, 1],
                1,
                "none",
                [],
                "",
            )
