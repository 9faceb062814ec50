"""Colour operations: transfer of statistics, luma, distance and chroma."""

import torch
from torch import Tensor

from core.images import colours


def coloured(seed: int, size: tuple[int, int]) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.rand(3, 3, generator=generator) * 0.1
    plain = torch.randn(3, *size, generator=generator)
    middle = torch.tensor([0.4, 0.5, 0.55]).view(3, 1, 1)
    return (torch.einsum("cd,dhw->chw", mix, plain) + middle)[None].clamp(0.02, 0.98)


def test_a_matched_painting_has_the_contents_mean_and_covariance() -> None:
    painting, content = coloured(1, (31, 40)), coloured(2, (25, 52))
    matched = colours.match_colours(painting, content)
    for measure in (lambda it: it.mean(1), torch.cov):
        torch.testing.assert_close(
            measure(matched[0].flatten(1)), measure(content[0].flatten(1)), atol=2e-3, rtol=0.02
        )


def test_matching_moves_no_colour_that_fits_already() -> None:
    painting = coloured(1, (31, 40))
    torch.testing.assert_close(
        colours.match_colours(painting, painting), painting, atol=1e-4, rtol=0
    )


def test_a_grey_picture_can_be_matched() -> None:
    grey = torch.full((1, 3, 20, 30), 0.5)
    assert bool(colours.match_colours(grey, coloured(1, (31, 40))).isfinite().all())
    assert bool(colours.match_colours(coloured(1, (31, 40)), grey).isfinite().all())


def test_grey_as_bright_as_the_content() -> None:
    painting, content = coloured(1, (31, 40)), coloured(2, (25, 52))
    found = colours.match_luma(painting, content)
    light = colours.to_grey(content)
    assert bool((found[:, 0] == found[:, 1]).all() and (found[:, 0] == found[:, 2]).all())
    torch.testing.assert_close(found.mean(), light.mean(), atol=2e-3, rtol=0)
    torch.testing.assert_close(found.std(), light.std(), atol=2e-3, rtol=0.02)
