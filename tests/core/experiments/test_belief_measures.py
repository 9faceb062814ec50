"""Tests of the measures of common beliefs, against slower references."""

import pytest
import torch
from torch import Tensor

from core.dreams import render_dreams
from core.experiments import belief_measures
from core.images import image_io
from core.networks.network import Network
from core.sketchworld.world import CLASSES, draw


def test_a_dream_changes_pixels_and_no_weight(tiny: Network, photograph: Tensor) -> None:
    picture = image_io.to_picture(photograph[0])
    name = image_io.fingerprint(picture)
    layer = tiny.shown[1].name
    recipe = render_dreams.plan(tiny, [layer], name, size=48, steps=4, octaves=1)
    found = belief_measures.count_changes(tiny, recipe, {name: image_io.encode_png(picture)})
    assert found.weights == 0
    parameters = sum(it.numel() for it in tiny.module.parameters())
    assert found.of >= parameters
    assert found.pixels > 0.5 and found.activation > 1


def test_changed_weights_are_counted(
    tiny: Network, photograph: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = image_io.to_picture(photograph[0])
    name = image_io.fingerprint(picture)
    recipe = render_dreams.plan(tiny, [tiny.shown[1].name], name, size=48, steps=2, octaves=1)
    render = render_dreams.render
    own = belief_measures.randomise_weights(tiny)  # so that the shared network stays as it is

    def train(*given: object) -> object:
        next(own.module.parameters()).add_(1)
        return render(tiny, recipe, {name: image_io.encode_png(picture)})

    monkeypatch.setattr(render_dreams, "render", train)
    found = belief_measures.count_changes(own, recipe, {name: image_io.encode_png(picture)})
    assert found.weights == next(own.module.parameters()).numel()


def test_the_order_of_places_changes_content_but_no_gram_matrix(
    tiny: Network, photograph: Tensor
) -> None:
    image, other = photograph[..., :40, :44], photograph[..., -40:, -44:].flip(1) ** 2
    changes = belief_measures.shuffle_places(tiny, image, other, seed=3)
    layers = [it for it in tiny.shown if it.size is not None]
    assert list(changes) == [it.name for it in layers]
    for layer in layers:
        gram, places = changes[layer.name]
        assert gram < 1e-3
        one, two = (tiny.activations(it, [layer.name])[layer.name][0] for it in (image, other))
        count = one[0].numel()
        order = torch.randperm(count, generator=torch.Generator().manual_seed(3)).tolist()
        moved = torch.stack([one.flatten(1)[:, at] for at in order], 1).view_as(one)
        expected = float((moved - one).norm() / (two - one).norm())
        assert places == pytest.approx(expected, rel=1e-4)
        assert count == 1 or places > 0.1


def test_the_share_of_large_forms() -> None:
    rows = torch.arange(48)[:, None].expand(48, 48)
    large = torch.where(rows < 24, 0.0, 1.0).expand(1, 3, 48, 48)
    fine = ((rows + rows.T) % 2).float().expand(1, 3, 48, 48)
    assert belief_measures.large_form_share(large) == pytest.approx(1)
    assert belief_measures.large_form_share(fine) == pytest.approx(0, abs=1e-6)
    # Both have the same variance, so of their sum each has a half.
    assert belief_measures.large_form_share(large + fine) == pytest.approx(0.5, abs=0.02)
    assert belief_measures.large_form_share(torch.zeros(1, 3, 10, 14)) == 0


def test_random_weights_leave_the_network_alone(tiny: Network, photograph: Tensor) -> None:
    before = [it.clone() for it in tiny.module.parameters()]
    random, again = (belief_measures.randomise_weights(tiny, 5) for _ in range(2))
    other = belief_measures.randomise_weights(tiny, 6)
    assert all(torch.equal(*it) for it in zip(before, tiny.module.parameters(), strict=True))
    name = tiny.shown[-1].name
    seen = [it.activations(photograph, [name])[name] for it in (tiny, random, again, other)]
    assert torch.equal(seen[1], seen[2])
    assert not torch.allclose(seen[0], seen[1]) and not torch.allclose(seen[1], seen[3])
    assert len({tiny.fingerprint, random.fingerprint, other.fingerprint}) == 3


def test_parts_are_counted_in_drawings() -> None:
    found = belief_measures.part_frequencies(("eye", "cat"), per_class=1, seed=7)
    drawings = [draw(7, at, label=at, masks=True).masks for at in range(len(CLASSES))]
    for part in ("eye", "cat"):
        shown = [it for it in drawings if part in it and it[part].sum() > 0]
        assert found[part] == pytest.approx(len(shown) / len(CLASSES))
    assert 0 < found["cat"] < found["eye"]


def test_paths_are_compared_as_in_plain_python(tiny: Network) -> None:
    torch.manual_seed(0)
    kinds = torch.rand(3, 3, 1, 1) * torch.rand(3, 3, 24, 20)
    examples = [(it + 0.2 * torch.rand(4, 3, 24, 20)).clamp(0, 1) for it in kinds]
    pictures = (kinds + 0.5 * torch.rand(3, 3, 24, 20)).clamp(0, 1)
    found = belief_measures.path_similarity(tiny, pictures, examples)
    layer = tiny.shown[1].name

    def seen(images: Tensor) -> Tensor:
        return tiny.activations(images, [layer])[layer].mean((2, 3))

    usual = seen(torch.cat(examples)).mean(0)
    own = [seen(it) - usual for it in examples]
    drawn = seen(pictures) - usual

    def cosine(one: Tensor, other: Tensor) -> float:
        return float(one @ other / one.norm() / other.norm())

    same, alike, others = [], [], []
    for at in range(3):
        same += [cosine(drawn[at], it) for it in own[at]]
        alike += [cosine(own[at][i], own[at][j]) for i in range(4) for j in range(4) if i != j]
        others += [cosine(i, j) for to in range(3) if to != at for i in own[at] for j in own[to]]
    means = [sum(it) / len(it) for it in (same, alike, others)]
    assert found[layer] == pytest.approx((means[0] - means[2]) / (means[1] - means[2]), rel=1e-3)
    # Examples compared with themselves are as similar as they are to one another, and more.
    mine = belief_measures.path_similarity(tiny, torch.stack([it[0] for it in examples]), examples)
    assert mine[layer] > found[layer]
