"""Colours, dashes and point shapes of the charts.

The colours are Okabe and Ito's (2008, Color Universal Design), some darker and some lighter, so that each has a contrast
of 3 on white and on near-black alike. Series differ in dash and shape as well: nothing is told by colour alone.
"""

BLUE, VERMILLION, GREEN, PINK, OCHRE, GREY, VIOLET = (
    "#0078bb",
    "#d55e00",
    "#009e73",
    "#c4709f",
    "#a67c00",
    "#808080",
    "#8a6ad6",
)
COLOURS = (BLUE, VERMILLION, GREEN, PINK, OCHRE, VIOLET, GREY)
SHAPES = (
    "circle",
    "square",
    "triangle-up",
    "diamond",
    "cross",
    "triangle-down",
    "triangle-right",
    "triangle-left",
)
DASHES = ([1, 0], [6, 2], [2, 2], [8, 2, 2, 2])

SHADES = (0.08, 0.7)
"""The opacity of the lowest and of the highest share. What is behind shines through, so that few look faint on white and on
near-black alike; BLUE and VERMILLION are readable with the text of either."""
DARK_TEXT = "#000000"
DIVERGING = ("#4a94d4", "#bdbdbd", "#e58a2c")
"""Less than expected, as expected, more than expected; readable with DARK_TEXT on it."""


def colours(count: int) -> list[str]:
    """Return a colour for each of so many series; after seven they repeat, with another dash and shape."""
    return [COLOURS[place % len(COLOURS)] for place in range(count)]


def dashes(count: int) -> list[list[int]]:
    """Return a dash for each of so many series, another one whenever the colours repeat."""
    return [DASHES[place // len(COLOURS) % len(DASHES)] for place in range(count)]


def shapes(count: int) -> list[str]:
    """Return a point shape for each of so many series."""
    return [SHAPES[place % len(SHAPES)] for place in range(count)]
