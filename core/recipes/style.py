"""The recipe of a style transfer: content image, style images, layers and settings."""

from dataclasses import dataclass
from typing import Any, ClassVar

from core.errors import ExplorerError, quoted, unknown
from core.numbers import require, require_number
from core.recipes.recipe import Recipe, require_fingerprint
from core.recipes.switched_units import canonical

# Longer side in pixels.
STYLE_SIZES = (32, 4096)
STYLE_STEPS = (1, 5000)
LAYERS_AT_MOST = 24
STYLES_AT_MOST = 8
# Weight of the content loss relative to the style loss. At 0, content has no effect; with larger
# weights than these, style has none.
BALANCE_RANGE = (0.0, 1000.0)
SHARE_RANGE = (0.0, 1000.0)
STYLE_SCALES = (0.1, 4.0)
RATE_RANGE = (0.01, 10.0)
# In smaller tiles, the margins would leave little of the image as interior.
TILE_RANGE = (512, 4096)

# The loss that matches each place of the content image to a place of the painting.
NEAREST = "nearest"
LOSSES = ("gram", "wasserstein", NEAREST)
METHODS = ("lbfgs", "adam")
INITS = ("content", "noise", "picture")
COLOURS = ("style", "light", "matched")
POOLINGS = ("own", "average", "max")


@dataclass(frozen=True)
class StyleRecipe(Recipe):
    """A picture with the content of one image and the style of one or several style images.

    Without style images, the picture is a reconstruction of the content image. Without a content
    image, the picture is a texture.

    Attributes:
        content: fingerprint of the content image; empty for a texture.
        styles: fingerprints of the style images; empty for a reconstruction.
        style_shares: relative weight of each style image; empty for equal weights.
        masks: for each style image, the fingerprint of an image that is bright where this style is
            applied, or an empty text to apply it everywhere. Without any entries, all styles are
            applied everywhere.
        content_layers, style_layers: names of the layers of the content loss and the style loss.
        content_weights, style_weights: relative weight of each of these layers; empty for equal
            weights.
        balance: weight of the content loss relative to the style loss.
        loss: the style loss, one of ``LOSSES``.
        size: longer side of the picture in pixels; both sides of a texture.
        smallest: longer side in pixels at the first, smallest size; the picture is optimised at
            several sizes up to ``size``.
        scale: factor from one of these sizes to the next; the real factor is smaller, or a little
            larger, so that the last size is ``size``.
        steps: number of optimiser steps at each size.
        method: the optimiser, one of ``METHODS``.
        rate: step size of the optimiser, as a multiple of the default step size.
        variation: weight of the penalty on differences between neighbouring pixels.
        init: what the optimisation starts from, one of ``INITS``.
        start: fingerprint of the image that the optimisation starts from if ``init`` is
            ``picture``; else empty.
        style_scale: size of the style images relative to the size of the picture.
        colours: where the picture's colours come from. ``style``: the style images. ``light``: the
            content image, because only luma is transferred. ``matched``: the content image, because
            the style images are given the colours of the content image before the transfer.
        pooling: pooling in the network: ``own`` (unchanged), ``average`` or ``max``.
        tile: side in pixels of the tiles into which larger pictures are split, which limits memory.
        switched: units that are multiplied while the network runs, such as ``relu5b:17`` (off) or
            ``relu5b:17:0.5``; see ``core.recipes.switched_units``.
    """

    kind: ClassVar[str] = "style"
    version: ClassVar[int] = 10
    later: ClassVar[tuple[str, ...]] = ("switched",)

    content: str = ""
    styles: tuple[str, ...] = ()
    style_shares: tuple[float, ...] = ()
    masks: tuple[str, ...] = ()
    content_layers: tuple[str, ...] = ()
    style_layers: tuple[str, ...] = ()
    content_weights: tuple[float, ...] = ()
    style_weights: tuple[float, ...] = ()
    balance: float = 0.05
    loss: str = "wasserstein"
    size: int = 512
    smallest: int = 64
    scale: float = 2.0
    steps: int = 50
    method: str = "lbfgs"
    rate: float = 1.0
    variation: float = 0.02
    init: str = "content"
    start: str = ""
    style_scale: float = 1.0
    colours: str = "style"
    pooling: str = "own"
    tile: int = 1024
    switched: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_lists_and_choices()
        self._check_images()
        self._check_layers()
        require("size", self.size, STYLE_SIZES)
        require("smallest", self.smallest, STYLE_SIZES)
        require_number("scale", self.scale, (1.1, 4.0))
        require("steps", self.steps, STYLE_STEPS)
        require_number("balance", self.balance, BALANCE_RANGE)
        require_number("rate", self.rate, RATE_RANGE)
        require_number("variation", self.variation)
        require_number("style_scale", self.style_scale, STYLE_SCALES)
        require("tile", self.tile, TILE_RANGE)
        object.__setattr__(self, "switched", canonical(self.switched))

    def _check_lists_and_choices(self) -> None:
        lists = ("styles", "style_shares", "masks", "content_layers", "style_layers")
        for name in (*lists, "content_weights", "style_weights"):
            if not isinstance(getattr(self, name), tuple):
                raise ExplorerError(f"{name} is {quoted(getattr(self, name))}; it must be a list")
        for name, known in (
            ("loss", LOSSES),
            ("method", METHODS),
            ("init", INITS),
            ("colours", COLOURS),
            ("pooling", POOLINGS),
        ):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)

    def _check_images(self) -> None:
        if not self.content and not self.styles:
            raise ExplorerError("name a picture for content, or one for style, or both")
        if len(self.styles) > STYLES_AT_MOST:
            raise ExplorerError(f"at most {STYLES_AT_MOST} paintings can be mixed")
        if not all(self.styles):
            raise ExplorerError("a painting has no fingerprint")
        _require_as_many("shares", self.style_shares, self.styles, "paintings")
        _require_as_many("masks", self.masks, self.styles, "paintings")
        if self.loss == NEAREST and self.styles and not self.content:
            raise ExplorerError(
                "the loss nearest matches a picture; name one for content, or choose the loss "
                "wasserstein"
            )
        if any(self.masks) and not self.content:
            raise ExplorerError("masks are regions of a picture; name one for content")
        for fingerprint in (self.content, self.start, *self.styles, *self.masks):
            require_fingerprint("a picture", fingerprint)
        if self.init == "content" and not self.content:
            raise ExplorerError("without content, start from noise or from a picture")
        if (self.init == "picture") != bool(self.start):
            raise ExplorerError("name the picture to start from, and the init picture")
        if self.colours != "style" and not (self.content and self.styles):
            raise ExplorerError("colours can be kept where there is content and style")

    def _check_layers(self) -> None:
        for what, layers, pictures in (
            ("content", self.content_layers, self.content),
            ("style", self.style_layers, self.styles),
        ):
            if bool(layers) != bool(pictures):
                raise ExplorerError(f"{what} needs both a picture and layers, or neither")
            if len(layers) > LAYERS_AT_MOST or len(set(layers)) < len(layers):
                raise ExplorerError(f"name at most {LAYERS_AT_MOST} layers for {what}, each once")
        for weights, layers in (
            (self.content_weights, self.content_layers),
            (self.style_weights, self.style_layers),
        ):
            _require_as_many("weights", weights, layers, "layers")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Fingerprints of all images that this recipe uses, each once."""
        fingerprints = (self.content, *self.styles, *self.masks, self.start)
        return tuple(dict.fromkeys(it for it in fingerprints if it))

    @property
    def layer(self) -> str:
        """The names of all layers in one text, which users can search: ``conv1 + conv2``."""
        return " + ".join(dict.fromkeys((*self.style_layers, *self.content_layers)))

    @property
    def subject(self) -> str:
        """The kind of transfer: ``style``, ``texture`` or ``reconstruction``."""
        if not self.content:
            return "texture"
        return "style" if self.styles else "reconstruction"


def _require_as_many(what: str, values: tuple[Any, ...], items: tuple[str, ...], kind: str) -> None:
    """Raise ExplorerError unless a list is empty or has one valid value for each item.

    Weights and shares must be in ``SHARE_RANGE`` and not all 0. Masks are only counted here.
    """
    if values and len(values) != len(items):
        raise ExplorerError(
            f"there are {len(items)} {kind} and {len(values)} {what}; give one for each, or none"
        )
    if what == "masks":
        return
    for value in values:
        require_number(f"one of the {what}", value, SHARE_RANGE)
    if values and not any(values):
        raise ExplorerError(f"all {what} are 0; let one of them speak")
