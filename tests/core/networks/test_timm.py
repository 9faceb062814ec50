"""timm's networks: the listing, loading, preprocessing, and graphs without its own operations."""

import functools
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from core.analysis import probe
from core.errors import ExplorerError, UnknownName
from core.images.center_crop import BICUBIC, CenterCrop, Framing
from core.networks import known_networks, known_timm, registry
from core.networks.graph_passes.prune_channels import prune_channels
from core.networks.graph_passes.separate_padding import separate_padding
from core.networks.known_timm import TimmNetwork
from core.networks.network import FeatureExtractor, Network
from core.networks.tracing import OutputNode, trace, truncate
from tests.conftest import ROOT

timm = pytest.importorskip("timm")
from core.networks import timm_models  # noqa: E402 - imports timm

# Real weights and photographs, which are no part of the project, in a folder beside it.
SHARED = next((it / "shared" for it in ROOT.parents if (it / "shared").is_dir()), ROOT / "none")


@pytest.fixture(scope="module")
def lite() -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = timm.create_model("tf_efficientnet_lite0").eval()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
                part.bias.uniform_(-0.1, 0.3)
    return module


@pytest.fixture(scope="module")
def network(lite: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Network:
    file = tmp_path_factory.mktemp("timm") / "lite.safetensors"
    save_file(lite.state_dict(), file)
    return registry.load("timm.tf_efficientnet_lite0:mine", file, "cpu")


def test_the_listing_is_that_of_the_installed_timm() -> None:
    version, networks = known_timm.read_facts()
    assert version.split(".")[0] == timm.__version__.split(".")[0]
    assert len(networks) > 500
    for name in ("timm.resnet18", "timm.vit_base_patch32_clip_224", "timm.tf_efficientnet_lite0"):
        found = networks[name]
        config = timm_models.published_config(name)
        assert found.hub == config["hf_hub_id"]
        assert found.input_size == tuple(config["input_size"][1:])
    with torch.device("meta"):
        resnet = timm.create_model("resnet18")
    parameters = sum(it.numel() for it in resnet.parameters())
    assert networks["timm.resnet18"].parameters == parameters


def test_a_written_listing_is_read_again(tmp_path: Path) -> None:
    some = {"timm.one": TimmNetwork("timm/one.a", (224, 192), 5)}
    known_timm.write_facts("1.2", some, tmp_path / "known.json")
    assert known_timm.read_facts(tmp_path / "known.json") == ("1.2", some)
    assert list(json.loads((tmp_path / "known.json").read_text())["networks"]) == ["one"]


def test_weights_in_the_hubs_cache_are_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    found = known_timm.read_facts()[1]["timm.resnet18"]
    assert known_timm.ready_folders() == frozenset()
    folder = tmp_path / "hub" / f"models--{found.hub.replace('/', '--')}"
    (folder / "snapshots" / "abc").mkdir(parents=True)
    assert known_timm.ready_folders() == frozenset()
    (folder / "snapshots" / "abc" / "model.safetensors").write_bytes(b"")
    assert known_timm.ready_folders() == {folder} == {found.folder}
    infos = {it.name: it for it in known_networks.describe_networks()}
    assert infos["timm.resnet18"].ready
    assert infos["timm.resnet18"].source == "timm"
    assert infos["timm.resnet18"].download_mb == pytest.approx(46.8, abs=1)


def test_without_timm_one_learns_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_timm, "is_installed", lambda: False)
    known_timm.known_timm.cache_clear()
    known_networks.catalogue.cache_clear()
    try:
        assert not [it for it in known_networks.list_networks() if it.startswith("timm.")]
        with pytest.raises(ExplorerError, match=r"install -r requirements-timm\.txt$"):
            known_networks.find_architecture("timm.resnet18")
        with pytest.raises(UnknownName, match="did you mean 'resnet18'"):
            known_networks.find_architecture("resnet19")
    finally:
        known_timm.known_timm.cache_clear()
        known_networks.catalogue.cache_clear()


def test_an_own_checkpoint_computes_what_timm_computes(lite: nn.Module, network: Network) -> None:
    assert network.name == "timm.tf_efficientnet_lite0:mine"
    assert (network.mean, network.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert network.labels[:2] == ("tench", "goldfish")
    image = torch.rand(2, 3, *network.input_size)
    with torch.no_grad():
        expected = lite((image - 0.5) / 0.5)
    name = network.shown[-1].name
    assert torch.allclose(network.activations(image, [name])[name], expected, atol=1e-5)


def test_published_weights_come_from_the_hubs_cache(
    lite: nn.Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """timm's own code looks for the file, reads it and fits it; nothing is downloaded."""
    import huggingface_hub

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ExplorerError, match="not on this machine and could not be downloaded"):
        registry.load("timm.tf_efficientnet_lite0", device="cpu")
    found = known_timm.known_timm()["timm.tf_efficientnet_lite0"]
    (found.folder / "refs").mkdir(parents=True)
    (found.folder / "refs" / "main").write_text("0" * 40)
    (found.folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    file = found.folder / "snapshots" / ("0" * 40) / "model.safetensors"
    save_file(lite.state_dict(), file)
    loaded = registry.load("timm.tf_efficientnet_lite0", device="cpu")
    state = loaded.module.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in lite.state_dict().items())


def test_a_network_without_a_head_has_features_and_no_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, options = "vit_small_patch14_dinov2", {"embed_dim": 24, "depth": 2, "num_heads": 2}
    build = functools.partial(timm.create_model, name, img_size=28, num_classes=0, **options)
    file, settings = tmp_path / "tiny.safetensors", timm_models.preprocessing(f"timm.{name}")
    save_file(build().state_dict(), file)
    monkeypatch.setattr(timm_models, "build", lambda *_: build())
    small = {**settings, "input_size": (3, 28, 28)}
    monkeypatch.setattr(timm_models, "preprocessing", lambda _: small)
    network = registry.load(f"timm.{name}", file, "cpu")
    assert network.labels == () and network.class_layer is None
    features = network.shown[-1]
    assert (features.channels, features.size, features.depth) == (24, None, 1.0)


def test_photographs_are_prepared_as_timm_prepares_them() -> None:
    settings = timm_models.preprocessing("timm.tf_efficientnet_lite0")
    framing = timm_models.framing(settings)
    assert framing == Framing(0.875, BICUBIC)
    values = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    picture = Image.fromarray(values).resize((300, 256), Image.Resampling.BICUBIC)
    _, side, _ = settings["input_size"]
    expected = timm.data.create_transform(**settings, is_training=False)(picture)
    crop = CenterCrop((256, 300), (side, side), framing)
    found = torch.from_numpy(crop.network_input(picture).astype(np.float32) / 255)
    normalised = (found.permute(2, 0, 1) - 0.5) / 0.5
    assert (normalised - expected).abs().mean() < 0.02


def test_padding_of_tensorflow_is_separated(lite: nn.Module) -> None:
    traced = trace(lite)
    assert traced is not None
    image = torch.randn(1, 3, 67, 50, requires_grad=True)
    results = []
    for change in (lambda body: body, separate_padding):
        body = change(truncate(traced, [OutputNode("blocks.2.1.add", "it")]))
        value: Tensor = body(image)["it"]
        (gradient,) = torch.autograd.grad(value.square().sum(), image)
        results.append((value.detach(), gradient, body))
    (before, before_gradient, _), (after, after_gradient, body) = results
    assert torch.equal(before, after)
    assert torch.equal(before_gradient, after_gradient)
    assert not [it for it in body.modules() if type(it).__name__ == "Conv2dSame"]
    assert [it for it in lite.modules() if type(it).__name__ == "Conv2dSame"]


def test_channels_are_pruned_through_normalisation_with_activation(lite: nn.Module) -> None:
    traced = trace(lite)
    assert traced is not None
    node = traced.names[traced.outputs["bn1"]]
    whole, pruned = (truncate(traced, [OutputNode(node, "it")]) for _ in range(2))
    assert prune_channels(pruned, {"it": [3, 20]}) == {"it"}
    image = torch.randn(1, 3, 40, 33)
    assert torch.allclose(pruned(image)["it"], whole(image)["it"][:, [3, 20]], atol=1e-6)


def test_fast_extractors_compute_the_same(network: Network) -> None:
    name = network.shown[4].name
    exact = FeatureExtractor(network, [network.layer(name)])
    fast = FeatureExtractor(network, [network.layer(name)], for_gradients=True)
    image = torch.rand(1, 3, 70, 91)
    one, other = (it(image)[name].float() for it in (exact, fast))
    # In half precision where the processor is fast at it.
    assert (one - other).abs().max() < 0.05 * one.abs().max()


def test_real_weights_recognise_photographs() -> None:
    file = SHARED / "weights" / "tf_efficientnet_lite0.safetensors"
    photos = sorted((SHARED / "photos").glob("*.jpg"))[::12]
    if not file.exists() or not photos:
        pytest.skip("the weights or the photographs are not on this machine")
    network = registry.load("timm.tf_efficientnet_lite0", file, "cpu")
    classes = timm.data.ImageNetInfo("imagenet-1k").label_names()
    right = 0
    for photo in photos:
        picture = Image.open(io.BytesIO(photo.read_bytes())).convert("RGB")
        (label, _), *_ = probe.probe(network, picture, layers=[network.shown[-1].name]).classes
        right += label == network.labels[classes.index(photo.stem.partition("_")[0])]
    # With timm's own preparation it recognises 43 of these 50.
    assert right >= 0.8 * len(photos)
