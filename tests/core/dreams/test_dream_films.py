"""Films of dreams: every frame depends only on its inputs and the frame before."""

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from core.datasets import samples
from core.dreams import render_dreams
from core.errors import ExplorerError
from core.images import image_io
from core.networks import registry
from core.networks.network import Network
from core.recipes.dream import DreamRecipe

SMALL = {"size": 64, "octaves": 2, "steps": 2}
ZOOM = {**SMALL, "frames": 4, "zoom": 1.05, "turn": 2.0}

Inputs = dict[str, bytes]


@pytest.fixture(scope="module")
def sketchnet() -> Network:
    return registry.load("sketchnet", device="cpu")


def keep(inputs: Inputs, image: Tensor | str) -> str:
    """Add an image or a sample to the inputs, and return its fingerprint."""
    opened = samples.picture(image) if isinstance(image, str) else image_io.to_picture(image)
    fingerprint = image_io.fingerprint(opened)
    inputs[fingerprint] = image_io.encode_png(opened)
    return fingerprint


def opened(inputs: Inputs, fingerprint: str, size: int) -> Tensor:
    return image_io.to_tensor(
        image_io.resize_longer_side(image_io.open_picture(inputs[fingerprint]), size)
    )[0]


def dream(network: Network, inputs: Inputs, recipe: DreamRecipe) -> list[Tensor]:
    """Render a film, and return its frames."""
    found, parts = [], []
    for progress in render_dreams.render(network, recipe, inputs):
        assert 0 <= progress.done <= progress.total
        found += [it.image for it in progress.pictures]
        parts += [it.part for it in progress.pictures]
    assert progress.done == progress.total and tuple(parts) == recipe.pictures
    return found


def clip(inputs: Inputs, count: int) -> tuple[str, ...]:
    """Return a clip in which the camera moves to the right over a photograph."""
    photograph = np.asarray(samples.picture("cat"))
    cuts = (photograph[:240, 6 * at : 6 * at + 320].copy() for at in range(count))
    return tuple(keep(inputs, image_io.from_bytes(torch.from_numpy(cut)[None])) for cut in cuts)


def one_after_the_other(network: Network, inputs: Inputs, film: DreamRecipe) -> list[Tensor]:
    """Render every frame separately, from only its own inputs and the saved frame before."""
    made: list[Tensor] = []
    for part in film.parts():
        given = {it: inputs[it] for it in part.inputs_with_previous}
        if part.previous is not None:
            given[part.previous.key] = image_io.encode_png(image_io.to_picture(made[-1]))
        made += dream(network, given, part)
    return made


def test_a_zoom_is_the_same_in_one_piece_or_frame_by_frame(sketchnet: Network) -> None:
    inputs: Inputs = {}
    film = render_dreams.plan(sketchnet, ["relu3b"], keep(inputs, "cat"), **ZOOM)
    together = dream(sketchnet, inputs, film)
    alone = one_after_the_other(sketchnet, inputs, film)
    assert all(torch.equal(*pair) for pair in zip(together, alone, strict=True))
    assert not any(torch.equal(*pair) for pair in itertools.pairwise(together))
    # Without the frame before among the inputs, it is rendered as well.
    assert torch.equal(dream(sketchnet, inputs, film.parts()[3])[0], together[3])


def test_a_clip_is_the_same_in_one_piece_or_frame_by_frame(sketchnet: Network) -> None:
    inputs: Inputs = {}
    first, *rest = clip(inputs, 3)
    film = render_dreams.plan(sketchnet, ["relu3b"], first, clip=tuple(rest), frames=3, **SMALL)
    assert film.inputs == (first, *rest)
    together = dream(sketchnet, inputs, film)
    alone = one_after_the_other(sketchnet, inputs, film)
    assert all(torch.equal(*pair) for pair in zip(together, alone, strict=True))
    for frame, own in zip(together, (first, *rest), strict=True):
        change = (frame - opened(inputs, own, 64)).square().mean().sqrt()
        assert float(change) == pytest.approx(render_dreams.UNIT_STRENGTH, rel=0.1)


def test_a_clip_keeps_its_dream(sketchnet: Network) -> None:
    """The change moves along with the clip; separate dreams of its frames differ much more."""
    inputs: Inputs = {}
    first, second = clip(inputs, 2)
    settings = {**SMALL, "size": 160, "steps": 4}
    film = render_dreams.plan(sketchnet, ["relu4b"], first, clip=(second,), frames=2, **settings)
    carried = dream(sketchnet, inputs, film)
    alone = render_dreams.plan(sketchnet, ["relu4b"], second, seed=1, **settings)
    (fresh,) = dream(sketchnet, inputs, alone)
    before = carried[0] - opened(inputs, first, 160)
    # The camera moved by 6 of 320 pixels, which is 3 of 160.
    moved, place = before[..., 3:], slice(None, -3)
    base = opened(inputs, second, 160)

    def likeness(frame: Tensor) -> float:
        detail = (frame - base)[..., place]
        return float(torch.nn.functional.cosine_similarity(moved.flatten(), detail.flatten(), 0))

    assert likeness(carried[1]) > 0.6
    assert likeness(carried[1]) > likeness(fresh) + 0.2


def test_a_long_zoom_stays_a_picture(sketchnet: Network) -> None:
    inputs: Inputs = {}
    film = render_dreams.plan(
        sketchnet, ["relu4b"], keep(inputs, "coffee"), **{**ZOOM, "frames": 24}
    )
    frames = dream(sketchnet, inputs, film)
    first, last = opened(inputs, film.image, 64), frames[-1]
    assert float(last.mean()) == pytest.approx(float(first.mean()), abs=0.1)
    cut_off = ((last < 0.01) | (last > 0.99)).float().mean()
    assert float(cut_off) < 0.15


def test_parts_and_what_they_go_on_from() -> None:
    names = tuple(f"{digit}" * 32 for digit in "abcde")
    film = DreamRecipe(
        "n", "w", layers=("a",), image=names[0], clip=names[1:4], mask=names[4], frames=4
    )
    parts = film.parts()
    assert [it.pictures for it in parts] == [(0,), (1,), (2,), (3,)]
    assert parts[0].previous is None and parts[0].inputs == (names[0], names[4])
    assert parts[3].previous == parts[2] and parts[3].parts() == (parts[3],)
    assert set(parts[3].inputs) == set(names)
    assert set(parts[3].inputs_with_previous) == {names[0], names[2], names[3], names[4]}
    assert DreamRecipe.from_json(parts[3].to_json()) == parts[3]


def test_pictures_of_a_clip_have_one_shape(sketchnet: Network) -> None:
    inputs: Inputs = {}
    one, other = (keep(inputs, torch.rand(1, 3, *size)) for size in ((60, 90), (90, 60)))
    film = render_dreams.plan(sketchnet, ["relu3b"], one, clip=(other,), frames=2, **SMALL)
    with pytest.raises(ExplorerError, match="of different shapes"):
        dream(sketchnet, inputs, film)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image": ""}, "begins with a picture"),
        ({"frames": 0}, "frames is 0"),
        ({"first": -1}, "first is -1"),
        ({"zoom": 0.5}, "zoom is 0.5"),
        ({"turn": 90.0}, "turn is 90.0"),
        ({"clip": ("cd" * 16,), "frames": 3}, "has no frame 2"),
        ({"clip": ("cd" * 16,), "frames": 2, "zoom": 1.1}, "neither zoom nor turn"),
        ({"clip": ("../secret",), "frames": 2}, "must be a fingerprint"),
        ({"clip": 3}, "must be a list"),
    ],
)
def test_what_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ExplorerError, match=message) as refused:
        DreamRecipe("n", "w", layers=("a",), **{"image": "ab" * 16, **settings})  # type: ignore[arg-type]
    assert "\n" not in str(refused.value)
