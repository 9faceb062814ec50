"""Figures that consist of several images and labels, drawn with Pillow."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {
        "crop_grids": ["draw_figure", "draw_crop_grid"],
        "style_grid_sheet": ["draw_grid_sheet"],
        "variations_sheet": ["draw_variations"],
    },
)
