"""The colour of a depth: from the image to the logits."""

# From the image to the logits, as light fades under water; legible on the light and dark theme.
DEPTH_COLOURS = ((111, 199, 183), (76, 140, 201), (118, 92, 190))


def depth_colour(depth: float) -> str:
    """Give the colour of a depth between 0 (image) and 1 (logits), as ``#rrggbb``."""
    place = min(max(depth, 0.0), 1.0) * (len(DEPTH_COLOURS) - 1)
    index = min(int(place), len(DEPTH_COLOURS) - 2)
    pairs = zip(DEPTH_COLOURS[index], DEPTH_COLOURS[index + 1], strict=True)
    mixed = [round(low + (high - low) * (place - index)) for low, high in pairs]
    return "#" + "".join(f"{value:02x}" for value in mixed)
