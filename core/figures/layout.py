"""Colours and measures that the figures share."""

# What lies outside of the picture, behind crops from its border.
OUTSIDE = (232, 232, 232)
INK, PALE, MARK = "#222222", "#777777", "#ffd400"
# Crops of fewer pixels are shown as the squares that they are.
COARSE = 8
# Pixels of the whole figure.
TILE, SLIT, GAP, MARGIN = 64, 2, 6, 30
TEXT, TITLE = 15, 22
NINE = 3
