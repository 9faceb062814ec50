"""Small pictures of what neurons saw in a collection, as URLs: made once, and kept in memory."""

import functools
import io

from PIL import Image

from core.analysis import crops
from core.figures import crop_grids
from core.index.reader import Hit, Index
from core.networks.network import Network
from explorer import thumbnails

# A neuron's best crops stand in a square of three by three.
CROPS_PER_SHEET = 9
# Of each of them in a grid of neurons, and of those that stand alone.
SMALL_PIXELS, PIXELS = 56, 200
# Some kilobytes each.
SHEETS_AT_MOST, CROPS_AT_MOST = 4096, 2048
QUALITY = 86


@functools.lru_cache(maxsize=SHEETS_AT_MOST)
def crop_sheet(index: Index, layer: str, unit: int) -> str:
    """Draw the nine crops that excite a neuron most as one square.

    Raises:
        ExplorerError: as ``plates.grid``.
    """
    return _encode(
        crop_grids.draw_crop_grid(
            index, layer, unit, SMALL_PIXELS, count=CROPS_PER_SHEET, clear=True
        )
    )


@functools.lru_cache(maxsize=CROPS_AT_MOST)
def crop_url(index: Index, network: Network, layer: str, unit: int, hit: Hit, how: str = "") -> str:
    """Draw what a neuron saw in one picture.

    Args:
        index, network, layer, unit, hit: what it saw; an effective field is outlined.
        how: which evidence to show, one of ``crops.EVIDENCE``; "" for the picture itself.

    Raises:
        ExplorerError: as ``crops.crop`` and ``crops.evidence_of``.
    """
    if how:
        part = crops.attribution_overlay(index, network, layer, unit, hit, how)
    else:
        part = crops.crop_hit(index, layer, hit, (network, unit))
    return _encode(crop_grids.draw_crop(part, PIXELS, clear=True))


def _encode(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=2)
    return thumbnails.data_url(buffer.getvalue())
