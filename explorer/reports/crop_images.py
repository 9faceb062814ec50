"""Crops of dataset examples as ``data:`` URLs, cached in memory."""

import functools

from core.analysis import crops
from core.figures import crop_grids
from core.index.reader import Hit, Index
from core.networks.network import Network
from explorer import thumbnails

# A sheet shows a unit's best crops as a square of three by three.
CROPS_PER_SHEET = 9
# The side of a crop in a sheet, and of a single crop.
SMALL_PIXELS, PIXELS = 56, 200
# Sizes of the caches; an entry has a few kilobytes.
SHEETS_AT_MOST, CROPS_AT_MOST = 4096, 2048
QUALITY = 86


@functools.lru_cache(maxsize=SHEETS_AT_MOST)
def crop_sheet(index: Index, layer: str, unit: int) -> str:
    """Draw the nine crops that activate a unit most as one square, and return its ``data:`` URL.

    Raises:
        ExplorerError: as for ``crop_grids.draw_crop_grid``.
    """
    sheet = crop_grids.draw_crop_grid(
        index, layer, unit, SMALL_PIXELS, count=CROPS_PER_SHEET, clear=True
    )
    return thumbnails.encode_url(sheet, QUALITY)


@functools.lru_cache(maxsize=CROPS_AT_MOST)
def crop_url(index: Index, network: Network, layer: str, unit: int, hit: Hit, how: str = "") -> str:
    """Draw the crop of one image that activates a unit, and return its ``data:`` URL.

    Args:
        index: the index that contains the image.
        network, layer, unit: the unit.
        hit: the image, and the position in it that activates the unit. If the receptive field is
            the whole image, the unit's effective receptive field is outlined.
        how: the attribution to overlay, one of ``crops.OVERLAYS``; ``crops.SURROUNDINGS`` for a
            wider crop; "" for the crop alone.

    Raises:
        ExplorerError: as for ``crops.crop_hit`` and ``crops.attribution_overlay``.
    """
    if how == crops.SURROUNDINGS:
        crop = crops.crop_surroundings(index, layer, hit, (network, unit))
    elif how:
        crop = crops.attribution_overlay(index, network, layer, unit, hit, how)
    else:
        crop = crops.crop_hit(index, layer, hit, (network, unit))
    return thumbnails.encode_url(crop_grids.draw_crop(crop, PIXELS, clear=True), QUALITY)
