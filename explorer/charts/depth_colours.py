"""The colours that show the depth of a layer in a network, from the image to the logits."""

from collections.abc import Iterable

# Colours from the image to the logits, legible on the light and the dark theme.
DEPTH_COLOURS = ((111, 199, 183), (76, 140, 201), (118, 92, 190))

# Shares of red, green and blue light in the luminance of sRGB.
LUMINANCE = (0.2126, 0.7152, 0.0722)


def depth_colour(depth: float) -> str:
    """Return the colour of a depth between 0 (image) and 1 (logits), as ``#rrggbb``."""
    position = min(max(depth, 0.0), 1.0) * (len(DEPTH_COLOURS) - 1)
    index = min(int(position), len(DEPTH_COLOURS) - 2)
    pairs = zip(DEPTH_COLOURS[index], DEPTH_COLOURS[index + 1], strict=True)
    mixed = [round(low + (high - low) * (position - index)) for low, high in pairs]
    return "#" + "".join(f"{value:02x}" for value in mixed)


def spread_colours(depths: Iterable[float]) -> dict[float, str]:
    """Return colours for depths that have to be told apart: in their order, as unlike as possible.

    The shallowest depth has the colour of the image, the deepest one that of the logits.
    """
    ordered = sorted(set(depths))
    return {it: depth_colour(at / max(len(ordered) - 1, 1)) for at, it in enumerate(ordered)}


def ink_on(colour: str) -> str:
    """Return black or white, whichever has the higher contrast on a colour; both as ``#rrggbb``.

    The contrast is that of the Web Content Accessibility Guidelines 2; it is at least 4.5.
    """
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    linear = (it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in channels)
    luminance = sum(weight * it for weight, it in zip(LUMINANCE, linear, strict=True))
    return "#000000" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "#ffffff"
