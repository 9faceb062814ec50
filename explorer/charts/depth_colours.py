"""The colours that show the depth of a layer in a network, from the image to the logits."""

# Colours from the image to the logits, legible on the light and the dark theme.
DEPTH_COLOURS = ((111, 199, 183), (76, 140, 201), (118, 92, 190))


def depth_colour(depth: float) -> str:
    """Return the colour of a depth between 0 (image) and 1 (logits), as ``#rrggbb``."""
    position = min(max(depth, 0.0), 1.0) * (len(DEPTH_COLOURS) - 1)
    index = min(int(position), len(DEPTH_COLOURS) - 2)
    pairs = zip(DEPTH_COLOURS[index], DEPTH_COLOURS[index + 1], strict=True)
    mixed = [round(low + (high - low) * (position - index)) for low, high in pairs]
    return "#" + "".join(f"{value:02x}" for value in mixed)
