"""Content and style losses, compared with NumPy references written from the papers."""

import itertools
from unittest import mock

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.optim import regularisers
from core.optim.activations import IMAGE
from core.style import losses, wasserstein_loss
from core.style.loss_sum import LossSum
from core.style.losses import LayerWindow, StyleTarget
from core.style.moments import moments, projected_moments

Array = npt.NDArray[np.float64]
SHAPE = (5, 4, 7)  # channels, rows, columns, all different


def seen(seed: int, count: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return random activations that are correlated and positive."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(SHAPE[0], SHAPE[0], generator=generator, dtype=torch.float64)
    plain = torch.randn((count, *SHAPE), generator=generator, dtype=torch.float64)
    return torch.einsum("cd,ndhw->nchw", mixed, plain).abs().to(dtype) + 0.1


@pytest.fixture(params=[wasserstein_loss.PROJECTED, 1], ids=["", "projected"])
def _projected(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Project activations of layers with few channels, too."""
    monkeypatch.setattr(wasserstein_loss, "PROJECTED", request.param)


def style_of(image: Tensor) -> StyleTarget:
    return StyleTarget.of(moments(image))


def gatys_style_loss(picture: Array, painting: Array) -> float:
    """Compute ``E_l`` of Gatys et al. (2016), equations 3 and 4, by loops.

    There ``G_ij = sum_k F_ik F_jk``. The number of positions may differ between the two images, so
    sums over positions are means here.
    """
    channels = picture.shape[0]

    def gram(layer: Array) -> Array:
        rows = layer.reshape(channels, -1)
        found = np.zeros((channels, channels))
        for i in range(channels):
            for j in range(channels):
                for k in range(rows.shape[1]):
                    found[i, j] += rows[i, k] * rows[j, k] / rows.shape[1]
        return found

    apart = gram(picture) - gram(painting)
    return float((apart**2).sum() / (4 * channels**2))


def test_gram_is_gatys_up_to_the_energy_of_the_painting() -> None:
    picture, painting = seen(1), seen(2)
    term = losses.gram("a", style_of(painting))
    ours = float(term.loss(term.sums(picture, LayerWindow())))
    theirs = gatys_style_loss(picture[0].numpy(), painting[0].numpy())
    nothing = gatys_style_loss(np.zeros(SHAPE), painting[0].numpy())
    assert ours == pytest.approx(theirs / nothing, rel=1e-12)
    assert float(term.loss(term.sums(painting, LayerWindow()))) == pytest.approx(0, abs=1e-20)
    assert float(term.loss(term.sums(picture * 0, LayerWindow()))) == pytest.approx(1)


def test_content_is_the_squared_error() -> None:
    picture, photograph = seen(1), seen(2)
    term = losses.content("a", photograph)
    ours = float(term.loss(term.sums(picture, LayerWindow())))
    one, other = picture.numpy(), photograph.numpy()
    assert ours == pytest.approx(((one - other) ** 2).sum() / (other**2).sum(), rel=1e-12)


def test_content_outside_of_the_inner_positions_does_not_count() -> None:
    picture, photograph = seen(2), seen(3)
    inner = (slice(1, 3), slice(2, picture.shape[3] - 1))
    term = losses.content("a", photograph, inner)
    part, expected = picture[..., inner[0], inner[1]], photograph[..., inner[0], inner[1]]
    found = float(term.loss(term.sums(picture, LayerWindow())))
    error = float(((part - expected) ** 2).mean() / (expected**2).mean())
    assert found == pytest.approx(error, rel=1e-12)


def test_windows_are_cut_to_a_box() -> None:
    # A tile begins at position 6 of the layer; 2 of its rows and columns are margin.
    window = LayerWindow((slice(2, 9), slice(2, None)), (slice(8, 15), slice(8, None)))
    found = window.inside((slice(3, 12), slice(10, 20)))
    assert found == LayerWindow((slice(2, 6), slice(4, 14)), (slice(8, 12), slice(10, 20)))
    none = window.inside((slice(20, 25), slice(0, 4)))
    values = torch.zeros(1, 1, 30, 30)
    assert values[..., none.within[0], none.within[1]].numel() == 0
    everything = LayerWindow().inside((slice(1, 4), slice(2, 5)))
    assert everything.within == everything.whole == (slice(1, 4), slice(2, 5))


def wasserstein(picture: Array, painting: Array) -> float:
    """Compute the distance of Olkin and Pukelsheim (1982), with roots by Newton's iteration."""

    def root(matrix: Array) -> Array:
        size = np.linalg.norm(matrix)
        y, z = matrix / size, np.eye(len(matrix))
        for _ in range(60):  # Denman and Beavers 1976
            y, z = (y + np.linalg.inv(z)) / 2, (z + np.linalg.inv(y)) / 2
        return y * np.sqrt(size)

    def normal(layer: Array) -> tuple[Array, Array]:
        rows = layer.reshape(layer.shape[0], -1)
        return rows.mean(1), np.cov(rows, bias=True)

    (m, k), (n, other) = normal(picture), normal(painting)
    jitter = wasserstein_loss.JITTER * np.trace(other) / len(other) * np.eye(len(other))
    k, jittered = k + jitter, other + jitter
    half = root(jittered)
    distance = ((m - n) ** 2).sum() + np.trace(k + jittered - 2 * root(half @ k @ half))
    return float(distance / (np.trace(other) + (n**2).sum()))


def test_wasserstein_is_the_distance_of_normal_distributions() -> None:
    picture, painting = seen(1), seen(2)
    term = wasserstein_loss.wasserstein("a", style_of(painting), kept=1)
    ours = float(term.loss(term.sums(picture, LayerWindow())))
    assert ours == pytest.approx(wasserstein(picture[0].numpy(), painting[0].numpy()), rel=1e-8)
    assert float(term.loss(term.sums(painting, LayerWindow()))) == pytest.approx(0, abs=1e-9)


def exact_distance(picture: Tensor, painting: Tensor) -> float:
    """Compute ``wasserstein`` in float64 from activations ``[1, C, H, W]``, by eigenvalues."""

    def normal(layer: Tensor) -> tuple[Tensor, Tensor]:
        rows = layer[0].flatten(1).double()
        return rows.mean(1), torch.cov(rows, correction=0)

    (m, k), (n, other) = normal(picture), normal(painting)
    jitter = wasserstein_loss.JITTER * other.diagonal().mean() * torch.eye(len(other)).double()
    jittered = other + jitter
    values, vectors = torch.linalg.eigh(jittered)
    half = vectors * values.clamp(min=0).sqrt() @ vectors.mT
    roots = torch.linalg.eigvalsh(half @ (k + jitter) @ half).clamp(min=0).sqrt()
    distance = (m - n).square().sum() + (k + jitter + jittered).trace() - 2 * roots.sum()
    return float(distance / (other.trace() + n.square().sum()))


def deep(seed: int, channels: int, side: int, decay: float) -> Tensor:
    """Return sparse activations whose variances differ by powers of ten, channels last."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(channels, channels, generator=generator)
    strength = torch.logspace(0, -decay, channels)
    plain = torch.randn(side * side, channels, generator=generator) * strength
    rows = (plain @ mixed).relu().view(1, side, side, channels)
    return rows.permute(0, 3, 1, 2)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 1000),
    st.integers(2, 200),
    st.integers(1, 20),
    st.floats(0, 3),
    st.sampled_from([torch.float32, torch.bfloat16]),
)
@example(0, 256, 6, 2.0, torch.bfloat16)
@example(1, 256, 24, 3.0, torch.bfloat16)
def test_wasserstein_is_exact_and_never_negative(
    seed: int, channels: int, side: int, decay: float, kind: torch.dtype
) -> None:
    picture, painting = (deep(it, channels, side, decay).to(kind) for it in (seed, seed + 1))
    assume(bool(painting.any()))
    whole = exact_distance(picture, painting)
    for kept, projected in itertools.product(
        (1.0, wasserstein_loss.KEPT, 0.5), (wasserstein_loss.PROJECTED, 1)
    ):
        term = wasserstein_loss.wasserstein("a", style_of(painting), kept=kept)
        with mock.patch.object(wasserstein_loss, "PROJECTED", projected):
            (itself,) = term.loss(term.sums(painting, LayerWindow())).tolist()
            (ours,) = term.loss(term.sums(picture, LayerWindow())).tolist()
        # Projected values in half precision err by up to 2^-9 each, which averages out only over
        # the many channels from which on a layer is projected.
        error = 0.006 if projected == 1 and kind == torch.bfloat16 and channels < 256 else 0.001
        assert 0 <= itself < error
        assert 0 <= ours <= whole * 1.003 + error
        if kept == 1:
            assert ours == pytest.approx(whole, rel=0.003, abs=0.001)


def distance_in_parts(picture: Tensor, painting: Tensor, basis: Tensor) -> Tensor:
    """Compute the Wasserstein distance in the span of a basis, and by variance orthogonal to it.

    In float64, in orthonormal coordinates, and by eigenvalues that autograd passes through.
    """

    def normal(layer: Tensor) -> tuple[Tensor, Tensor]:
        rows = layer[0].flatten(1).double()
        return rows.mean(1), torch.cov(rows, correction=0)

    def root(matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(matrix)
        return vectors * values.sqrt() @ vectors.mT

    (m, k), (n, other) = normal(picture), normal(painting)
    energy = other.trace() + n.square().sum()
    jitter = wasserstein_loss.JITTER * other.diagonal().mean() * torch.eye(len(other)).double()
    turn = torch.linalg.qr(basis, mode="complete").Q
    k, other = turn.T @ (k + jitter) @ turn, turn.T @ (other + jitter) @ turn
    r = basis.shape[1]
    half = root(other[:r, :r])
    inside = k[:r, :r].trace() + other[:r, :r].trace() - 2 * root(half @ k[:r, :r] @ half).trace()
    left, rest = k[r:, r:].trace(), other[r:, r:].trace()
    outside = (left.sqrt() - rest.sqrt()) ** 2 if r < len(k) else 0.0
    return ((m - n).square().sum() + inside + outside) / energy


@pytest.mark.usefixtures("_projected")
@pytest.mark.parametrize("kept", [0.5, 0.9, wasserstein_loss.KEPT, 1.0])
def test_the_wasserstein_loss_compares_main_directions_and_the_variance_of_the_rest(
    kept: float,
) -> None:
    picture, painting = (deep(it, 30, 9, 2.0).double() for it in (0, 1))
    term = wasserstein_loss.wasserstein("a", style_of(painting), kept=kept)
    one, other = (picture.clone().requires_grad_() for _ in range(2))
    ours = term.loss(term.sums(one, LayerWindow()))
    covariance = np.cov(painting[0].flatten(1).numpy(), bias=True)
    covariance += wasserstein_loss.JITTER * np.trace(covariance) / 30 * np.eye(30)
    shares, vectors = np.linalg.eigh(covariance)
    count = next(it for it in range(1, 31) if shares[30 - it :].sum() >= kept * shares.sum() - 1e-9)
    assert (count < 30) == (kept < 1)
    slow = distance_in_parts(other, painting, torch.from_numpy(vectors[:, 30 - count :].copy()))
    torch.testing.assert_close(ours[0], slow, rtol=1e-9, atol=1e-12)
    pairs = ((ours, one), (slow, other))
    gradients = [torch.autograd.grad(it.sum(), leaf)[0] for it, leaf in pairs]
    torch.testing.assert_close(*gradients, rtol=1e-6, atol=1e-12)


@pytest.mark.usefixtures("_projected")
@pytest.mark.parametrize("masked", [False, True])
def test_in_half_precision_the_wasserstein_loss_has_the_gradient_of_float64(masked: bool) -> None:
    picture, painting = (deep(it, 48, 24, 2.0).bfloat16() for it in (0, 1))
    generator = torch.Generator().manual_seed(3)
    mask = torch.rand(24, 24, generator=generator) if masked else None
    term = wasserstein_loss.wasserstein("a", style_of(painting), mask)
    gradients = []
    for it in (picture.clone(), picture.double()):
        it.requires_grad_()
        loss = term.loss(term.sums(it, LayerWindow())).sum()
        gradients.append(torch.autograd.grad(loss, it)[0].double())
    apart = (gradients[0] - gradients[1]).norm()
    assert float(apart) < 0.02 * float(gradients[1].norm())


@pytest.mark.parametrize(("decay", "kind"), [(2.0, torch.float32), (5.0, torch.float64)])
def test_roots_are_computed_in_float32_only_where_that_is_enough(
    decay: float, kind: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = torch.Generator().manual_seed(0)
    turns = torch.linalg.qr(torch.randn(2, 40, 40, generator=generator, dtype=torch.float64)).Q
    # In the frame of the matrices, as for the loss, variances differ by powers of ten.
    strength = torch.logspace(0, -decay, 40, dtype=torch.float64)
    values = torch.rand(2, 40, generator=generator, dtype=torch.float64) + 0.5
    matrix = strength[:, None] * (turns * values[:, None] @ turns.mT) * strength
    # Denman and Beavers 1976, in float64.
    root, inverse = matrix, torch.eye(40, dtype=torch.float64).expand(2, 40, 40)
    for _ in range(60):
        root, inverse = (root + inverse.inverse()) / 2, (inverse + root.inverse()) / 2
    kinds, real = [], torch.linalg.eigh

    def eigh(given: Tensor) -> tuple[Tensor, Tensor]:
        kinds.append(given.dtype)
        found: tuple[Tensor, Tensor] = real(given)
        return found

    monkeypatch.setattr(torch.linalg, "eigh", eigh)
    trace, found = wasserstein_loss.matrix_root(matrix.float(), inverted=True)
    assert kinds[-1] == kind
    assert found is not None and found.dtype == torch.float32
    expected = root.diagonal(dim1=1, dim2=2).sum(1)
    torch.testing.assert_close(trace, expected, rtol=1e-4, atol=0)
    if kind == torch.float32:
        scale = inverse.diagonal(dim1=1, dim2=2).sqrt()
        apart = (found.double() - inverse) / (scale[:, :, None] * scale[:, None])
        assert float(apart.abs().max()) < 0.05


@pytest.mark.usefixtures("_projected")
def test_losses_of_several_layers_have_their_own_gradients() -> None:
    layers = {"a": deep(0, 30, 9, 2.0), "b": deep(1, 20, 7, 1.0), "c": deep(2, 10, 5, 1.0)}
    paintings = {name: deep(3, it.shape[1], 12, 1.0) for name, it in layers.items()}
    builders = {
        "a": wasserstein_loss.wasserstein,
        "b": losses.gram,
        "c": wasserstein_loss.wasserstein,
    }
    terms = [
        (weight, build(name, style_of(paintings[name])))
        for weight, (name, build) in enumerate(builders.items(), 1)
    ]
    leaves = {name: it.clone().requires_grad_() for name, it in layers.items()}
    together = torch.autograd.grad(LossSum.of(terms)(leaves).sum(), list(leaves.values()))
    for (weight, term), gradient in zip(terms, together, strict=True):
        leaf = layers[term.layer].double().requires_grad_()
        alone = weight * term.loss(term.sums(leaf, LayerWindow())).sum()
        (expected,) = torch.autograd.grad(-alone, leaf)
        assert float((gradient - expected).norm()) < 0.002 * float(expected.norm())


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_products_are_as_exact_as_their_sum(kind: torch.dtype) -> None:
    activations = deep(0, 40, 37, 1.0).to(kind)
    products, _, sums = moments(activations)
    rows = activations[0].flatten(1).double()
    size = rows.square().sum(1).sqrt()
    apart = (products[0] - rows @ rows.T) / (size[:, None] * size)
    assert float(apart.abs().max()) < 1e-5
    assert float(((sums[0] - rows.sum(1)) / size).abs().max()) < 1e-4


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_projected_moments_are_those_of_the_directions(kind: torch.dtype, masked: bool) -> None:
    activations = torch.cat([deep(it, 40, 37, 1.0) for it in (0, 1)]).to(kind)
    generator = torch.Generator().manual_seed(3)
    basis = torch.randn(40, 9, generator=generator, dtype=torch.float64)
    centre = activations.double().mean((0, 2, 3)) * 1.1
    mask = torch.rand(37, 37, generator=generator) if masked else None
    weight = torch.ones(37, 37) if mask is None else mask
    products, count, sums, squares = projected_moments(activations, basis, centre, mask)
    near = {"rtol": 1e-9 if kind == torch.float64 else 0.01, "atol": 1e-9}
    for image in range(2):
        slow = torch.zeros(10, 10, dtype=torch.float64)
        values, lengths = torch.zeros(40, dtype=torch.float64), 0.0
        for row in range(37):
            for col in range(37):
                f, w = activations[image, :, row, col].double(), weight[row, col].double()
                y = torch.cat([basis.T @ (f - centre), torch.ones(1).double()])
                slow += w * torch.outer(y, y)
                values += w * f
                lengths += float(w * (f @ f))
        size = slow.diagonal().sqrt()
        scaled = [it / torch.outer(size, size) for it in (products[image].double(), slow)]
        torch.testing.assert_close(*scaled, rtol=0, atol=near["rtol"])
        torch.testing.assert_close(sums[image].double(), values, **near)
        assert float(squares[image]) == pytest.approx(lengths, rel=near["rtol"])
        assert float(count[image]) == pytest.approx(float(weight.sum()), rel=1e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_gradients_of_projected_moments_are_right(masked: bool) -> None:
    picture = seen(1, 2).requires_grad_()
    generator = torch.Generator().manual_seed(3)
    basis = torch.randn(SHAPE[0], 3, generator=generator, dtype=torch.float64)
    centre = torch.rand(SHAPE[0], generator=generator, dtype=torch.float64)
    mask = torch.rand(SHAPE[1:], dtype=torch.float64, generator=generator) if masked else None

    def sums(it: Tensor) -> tuple[Tensor, ...]:
        products, _, values, squares = projected_moments(it, basis, centre, mask)
        return products, values, squares

    assert torch.autograd.gradcheck(sums, picture)


@pytest.mark.parametrize("projected", [False, True])
def test_the_gradient_of_deeper_layers_is_added_in_place(projected: bool) -> None:
    leaf = seen(1).float().to(memory_format=torch.channels_last).requires_grad_()
    activations = leaf * 1
    deeper = activations.exp().sum()
    found = (
        projected_moments(activations, torch.rand(SHAPE[0], 3), torch.rand(SHAPE[0]))
        if projected
        else moments(activations)
    )
    with torch.profiler.profile(record_shapes=True) as profile:
        (found[0].sum() + found[2].sum() + deeper).backward()
    added = [
        it.name
        for it in profile.events() or []
        if it.name.startswith("aten::add") and it.input_shapes[:1] == [[1, *SHAPE]]
    ]
    assert added == ["aten::add_"]


def test_wasserstein_takes_channels_that_never_fire() -> None:
    picture, painting = seen(1), seen(2)
    painting[:, 2] = 0
    picture[:, 1] = 0
    picture.requires_grad_()
    term = wasserstein_loss.wasserstein("a", style_of(painting))
    term.loss(term.sums(picture, LayerWindow())).sum().backward()
    assert picture.grad is not None and bool(picture.grad.isfinite().all())


@pytest.mark.usefixtures("_projected")
@pytest.mark.parametrize("kind", ["gram", "wasserstein", "whole", "coarse", "content", "masked"])
def test_gradients_are_right(kind: str) -> None:
    picture, other = seen(1, 2).requires_grad_(), seen(2)
    mask = torch.rand(SHAPE[1:], dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    term = {
        "gram": losses.gram("a", style_of(other)),
        "wasserstein": wasserstein_loss.wasserstein("a", style_of(other)),
        "whole": wasserstein_loss.wasserstein("a", style_of(other), kept=1),
        "coarse": wasserstein_loss.wasserstein("a", style_of(other), mask, kept=0.5),
        "masked": losses.gram("a", style_of(other), mask),
        "content": losses.content("a", other),
    }[kind]
    assert torch.autograd.gradcheck(lambda it: term.loss(term.sums(it, LayerWindow())), picture)


@pytest.mark.parametrize("kind", ["gram", "wasserstein", "content"])
def test_a_batch_is_as_good_as_one_at_a_time(kind: str) -> None:
    pictures, other = seen(1, 3), seen(2)
    target = other if kind == "content" else style_of(other)
    builders = {"wasserstein": wasserstein_loss.wasserstein}
    builder = builders.get(kind) or getattr(losses, kind)
    loss_sum = LossSum.of([(2.0, builder("a", target))])
    each = [loss_sum({"a": pictures[at : at + 1]}) for at in range(3)]
    torch.testing.assert_close(loss_sum({"a": pictures}), torch.cat(each))


def test_a_mask_counts_places_by_its_brightness() -> None:
    picture = seen(1)
    mask = torch.zeros(SHAPE[1:], dtype=torch.float64)
    mask[1:3, 2:5] = 0.25
    whole = moments(picture, mask)
    part = moments(picture[..., 1:3, 2:5])
    for masked, own in zip(
        StyleTarget.of(whole).__dict__.values(), StyleTarget.of(part).__dict__.values(), strict=True
    ):
        torch.testing.assert_close(masked, own)


def test_mixing_styles_is_hanging_paintings_side_by_side() -> None:
    one, other = seen(1), seen(2)
    mixed = StyleTarget.mixed([style_of(one), style_of(other)], [2.0, 1.0])
    beside = style_of(torch.cat([one, other, one], 3))
    torch.testing.assert_close(mixed.gram, beside.gram)
    torch.testing.assert_close(mixed.mean, beside.mean)


def test_costs_add_up_with_their_weights_and_say_what_each_was() -> None:
    picture, other = seen(1), seen(2)
    image = torch.rand(1, 3, 6, 5, dtype=torch.float64)
    style, content = losses.gram("a", style_of(other)), losses.content("b", other)
    loss_sum = LossSum.of([(3.0, style), (0.5, content)], 2.0 * regularisers.squared_variation())
    value = loss_sum({"a": picture, "b": picture, IMAGE: image})
    parts = [float(it.loss(it.sums(picture, LayerWindow()))) for it in (style, content)]
    beside = (image.diff(dim=2) ** 2).mean() + (image.diff(dim=3) ** 2).mean()
    assert loss_sum.layers == {"a", "b", IMAGE}
    assert float(value) == pytest.approx(-(3 * parts[0] + 0.5 * parts[1] + 2 * float(beside)))
    assert {name: float(it) for name, it in loss_sum.latest.items()} == pytest.approx(
        {"style a": parts[0], "content b": parts[1]}
    )


def test_half_precision_is_nearly_as_good() -> None:
    painting, picture = seen(2), seen(1)
    exact = losses.gram("a", style_of(painting))
    rough = losses.gram("a", style_of(painting.bfloat16()))
    one = float(exact.loss(exact.sums(picture, LayerWindow())))
    other = float(rough.loss(rough.sums(picture.bfloat16(), LayerWindow())))
    assert other == pytest.approx(one, rel=0.02)
