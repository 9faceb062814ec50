"""The catalogue of networks, and loading of weights that the tests create."""

from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision import models

from core.analysis import attribution
from core.datasets.sources import SketchWorldSource
from core.errors import BadCheckpoint, ExplorerError, UnknownName
from core.index import build
from core.networks import known_networks, normalisation, registry, torchvision_models
from core.networks.network import Network
from tests.core.weights_cases import WRAPPINGS, wrapped


def random_weights(name: str, **options: object) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return dict(models.get_model(name, weights=None, **options).state_dict())


def saved(path: Path, state: dict[str, Tensor]) -> Path:
    save_file({name: value.contiguous() for name, value in state.items()}, path)
    return path


def test_names_start_with_sketchnet_and_hold_classifiers_only() -> None:
    names = known_networks.list_networks()
    assert names[0] == "sketchnet"
    assert {"alexnet", "vgg19", "squeezenet1_0", "resnet50", "vit_b_16"} <= set(names)
    assert not {"fcn_resnet50", "raft_large", "r3d_18"} & set(names)


def test_catalogue_knows_what_is_ready() -> None:
    before = {info.name: info for info in known_networks.describe_networks()}
    assert before["sketchnet"].ready and not before["alexnet"].ready
    file = torchvision_models.weights_file(torchvision_models.published_weights("alexnet"))
    file.parent.mkdir(parents=True)
    file.touch()
    assert {info.name: info for info in known_networks.describe_networks()}["alexnet"].ready
    assert before["alexnet"].parameters == 61_100_840 and before["alexnet"].download_mb > 200


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("squeezenet1_1", {}),
        ("resnet18", {"num_classes": 7}),
        ("mobilenet_v3_small", {"num_classes": 1}),
        ("googlenet", {"init_weights": False, "num_classes": 12}),
        ("swin_t", {}),
        ("shufflenet_v2_x0_5", {}),
        ("regnet_y_400mf", {}),
    ],
)
def test_a_checkpoint_computes_what_its_network_computed(
    tmp_path: Path, name: str, options: dict[str, object]
) -> None:
    # The file also has googlenet's auxiliary heads, which the network does not have.
    state = random_weights(name, **options)
    network = registry.load(name, saved(tmp_path / "own.safetensors", state), "cpu")
    reference = models.get_model(name, weights=None, **options)
    reference.load_state_dict(state)
    if name == "googlenet":
        reference.transform_input = True
    reference.eval()
    image = torch.rand(2, 3, 97, 83)
    mean, std = (torch.tensor(getattr(network, part)).view(1, 3, 1, 1) for part in ("mean", "std"))
    with torch.no_grad():
        expected = reference((image - mean) / std)
    last = network.shown[-1].name
    assert torch.allclose(network.activations(image, [last])[last], expected, rtol=1e-3, atol=1e-4)
    assert len(network.labels) == options.get("num_classes", 1000)
    assert network.labels[0] == ("class 0" if "num_classes" in options else "tench")


def test_pictures_of_another_size_are_fitted_where_only_one_size_fits(tmp_path: Path) -> None:
    state = random_weights("vit_b_32")
    network = registry.load("vit_b_32", saved(tmp_path / "own.safetensors", state), "cpu")
    last = network.shown[-1].name
    assert network.size_step([last]) == 0 and network.input_size == (224, 224)
    # The patches before the position embeddings may be of any size.
    assert network.size_step(["conv_proj"]) == 1
    assert network.activations(torch.rand(1, 3, 60, 90), [last])[last].shape == (1, 1000)


def test_a_loaded_network_is_frozen(tmp_path: Path) -> None:
    state = random_weights("squeezenet1_1")
    network = registry.load("squeezenet1_1", saved(tmp_path / "own.safetensors", state), "cpu")
    assert not network.module.training
    assert not any(value.requires_grad for value in network.module.parameters())
    assert not any(getattr(part, "inplace", False) for part in network.module.modules())
    image = torch.rand(1, 3, 64, 64)
    before = image.clone()
    network.activations(image, ["features.3"])
    assert torch.equal(image, before)


def test_fingerprints_name_weights(tmp_path: Path) -> None:
    state = random_weights("squeezenet1_1")
    first = registry.load("squeezenet1_1", saved(tmp_path / "a.safetensors", state), "cpu")
    again = registry.load("squeezenet1_1", saved(tmp_path / "b.safetensors", state), "cpu")
    state["features.0.bias"][0] += 1
    other = registry.load("squeezenet1_1", saved(tmp_path / "c.safetensors", state), "cpu")
    assert first.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_wrapped_checkpoints_load_with_their_own_number_of_classes(
    tmp_path: Path, wrapping: str
) -> None:
    state = {
        name: value.half() for name, value in random_weights("squeezenet1_1", num_classes=2).items()
    }
    torch.save(wrapped(wrapping, state), tmp_path / "own.ckpt")
    network = registry.load("squeezenet1_1", tmp_path / "own.ckpt", "cpu")
    assert network.labels == ("class 0", "class 1")
    assert {value.dtype for value in network.module.state_dict().values()} == {torch.float32}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_precisions_compute_like_float32(tmp_path: Path, dtype: torch.dtype) -> None:
    state = {name: value.to(dtype) for name, value in random_weights("squeezenet1_1").items()}
    torch.save(state, tmp_path / "own.pth")
    network = registry.load("squeezenet1_1", tmp_path / "own.pth", "cpu")
    single = {name: value.float() for name, value in state.items()}
    expected = registry.load("squeezenet1_1", saved(tmp_path / "a.safetensors", single), "cpu")
    assert network.fingerprint == expected.fingerprint


def swin_with_a_wrong_table() -> dict[str, Tensor]:
    state = random_weights("swin_t")
    name = "features.1.0.attn.relative_position_index"
    return {**state, name: torch.full_like(state[name], 10_000)}


def overflowing() -> dict[str, Tensor]:
    state = random_weights("squeezenet1_1")
    return {name: value * 1e9 for name, value in state.items()}


@pytest.mark.parametrize(
    ("name", "make", "words"),
    [
        ("swin_t", swin_with_a_wrong_table, "swin_t cannot compute with the weights of own"),
        ("squeezenet1_1", overflowing, "computes values that are no finite numbers"),
        ("sketchnet", lambda: {"conv1b.bias": torch.tensor(3.0)}, "does not fit sketchnet"),
        ("sketchnet", lambda: {"logits.bias": torch.tensor(3.0)}, "does not fit sketchnet"),
        (
            "squeezenet1_1",
            lambda: random_weights("squeezenet1_1") | {"features.0.bias": torch.ones(64).long()},
            "another kind: features.0.bias integer instead of floating",
        ),
        (
            "regnet_y_400mf",
            lambda: {"fc.bias": torch.zeros(99_999), "fc.weight": torch.zeros(2, 440)},
            r"fc.bias \[99999\] instead of \[2\]",
        ),
    ],
)
def test_weights_with_which_a_network_cannot_compute_are_refused(
    tmp_path: Path, name: str, make: Callable[[], dict[str, Tensor]], words: str
) -> None:
    with pytest.raises(BadCheckpoint, match=words) as caught:
        registry.load(name, saved(tmp_path / "own.safetensors", make()), "cpu")
    assert "\n" not in str(caught.value)


def test_an_unknown_network_is_met_with_the_nearest() -> None:
    with pytest.raises(
        UnknownName, match="no network 'sqeezenet1_0'; did you mean 'squeezenet1_0'"
    ):
        registry.load("sqeezenet1_0")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    file = saved(tmp_path / "own.safetensors", random_weights("squeezenet1_1"))
    with pytest.raises(
        BadCheckpoint, match=r"own\.safetensors fits squeezenet1_1, not resnet18; name that network"
    ):
        registry.load("resnet18", file)


def test_offline_says_which_file_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(ExplorerError) as caught:
        registry.load("squeezenet1_0")
    message = str(caught.value)
    assert "squeezenet1_0-b66bff10.pth" in message
    assert "--weights FILE" in message and "could not be downloaded" in message
    assert "\n" not in message


def test_published_weights_come_through_torchvisions_own_download(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The download is replaced by a function that writes the file; the rest is unchanged."""
    asked = []

    def download(url: str, target: str, hash_prefix: str | None, progress: bool) -> None:
        asked.append((url.rsplit("/", 1)[-1], hash_prefix, progress))
        torch.save(random_weights("squeezenet1_0"), target)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    first = registry.load("squeezenet1_0")
    second = registry.load("squeezenet1_0")
    assert asked == [("squeezenet1_0-b66bff10.pth", "b66bff10", True)]
    assert first.fingerprint == second.fingerprint
    assert first.labels[281] == "tabby"


def test_unknown_device_and_absent_device() -> None:
    with pytest.raises(UnknownName, match="no device 'cudda'; did you mean 'cuda'"):
        registry.load("sketchnet", device="cudda")
    if not torch.cuda.is_available():
        with pytest.raises(ExplorerError, match="no cuda device"):
            registry.load("sketchnet", device="cuda")


def test_a_cut_is_kept_and_nobody_changes_another_ones(tiny: Network, tmp_path: Path) -> None:
    name = next(layer.name for layer in tiny.shown if layer.size)
    extractor = tiny.extractor([name])
    assert (
        tiny.extractor([name]) is extractor
        and tiny.extractor([name], for_gradients=True) is not extractor
    )
    code = str(extractor.body.code)
    attribution.project(tiny, torch.rand(1, 3, 24, 24), name, 0, 1, 1, "guided")
    drawings = SketchWorldSource(2)
    wanted = build.plan_index(tiny, drawings, [name])
    out = tmp_path / "a.index"
    list(build.build_index(tiny, drawings, build.open_accumulator(wanted, drawings, out), out))
    assert tiny.extractor([name]) is extractor and str(extractor.body.code) == code


def test_normalising_is_exact_and_so_is_its_gradient() -> None:
    shift, scale = (torch.rand(1, 3, 1, 1, dtype=torch.float64) for _ in range(2))
    image = torch.rand(2, 3, 4, 5, dtype=torch.float64).requires_grad_()

    def normalised(image: Tensor) -> Tensor:
        result: Tensor = normalisation.Normalisation.apply(image, shift, scale, torch.float64)
        return result

    assert torch.allclose(normalised(image), image * scale + shift)
    assert normalised(image).is_contiguous(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(normalised, image)
    half = normalisation.Normalisation.apply(
        image.float(), shift.float(), scale.float(), torch.bfloat16
    )
    assert half.dtype == torch.bfloat16
    (gradient,) = torch.autograd.grad(half.sum(), image)
    assert gradient.dtype == torch.float64 and torch.allclose(
        gradient, scale.expand_as(gradient), rtol=1e-6
    )
