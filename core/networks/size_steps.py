"""Sizes of images that a network takes besides that of its training, found by trying.

Most convolutional networks take images of any size. A network with skip connections between an
encoder and a decoder, such as a U-Net, takes sides that differ from its input by multiples of its
largest stride. A network with position embeddings, or with a fully connected layer on all
positions, takes images of one size only, though its layers before them may take any.
"""

from collections.abc import Callable

# Sides of images are tried that differ by these numbers of pixels from the input's sides, and by
# ``FAR`` more: a few pixels may be dropped by a stride, so that the network does not notice them.
STEPS, FAR = (1, 2, 4, 8, 16, 32, 64), 64


def smaller(input_size: tuple[int, int]) -> tuple[int, int]:
    """Return a (height, width) that only a network takes that takes images of any size.

    It is about half that of the input, so that a trial takes a quarter of the time.
    """
    height, width = input_size
    return height // 2 + 1, width // 2 + 1


def find_step(accepts: Callable[[tuple[int, int]], bool], input_size: tuple[int, int]) -> int:
    """Return of which number of pixels the differences of sides must be multiples; 0 for one size.

    Args:
        accepts: whether an image of (height, width) is taken; that of ``input_size`` is.
        input_size: (height, width) of the images that the network was trained on.
    """
    height, width = input_size
    if accepts(smaller(input_size)):
        return 1
    for step in STEPS:
        if all(accepts((height + more, width + more)) for more in (step, step + FAR)):
            return step
    return 0


def next_size(
    accepts: Callable[[tuple[int, int]], bool],
    step: int,
    input_size: tuple[int, int],
    size: tuple[int, int],
) -> tuple[int, int]:
    """Return the least (height, width) that is taken and no smaller than ``size``.

    Args:
        accepts, input_size: as for ``find_step``.
        step: its result, above 0.
        size: (height, width) of an image.
    """
    # The first side whose difference from the input's side is a multiple of the step.
    height, width = (side + (own - side) % step for side, own in zip(size, input_size, strict=True))
    while not accepts((height, width)) and (height < input_size[0] or width < input_size[1]):
        height, width = (
            side + step if side < own else side
            for side, own in zip((height, width), input_size, strict=True)
        )
    return height, width
