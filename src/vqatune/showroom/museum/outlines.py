"""The outlines of the museum's objects and of what they depict, as polygons in a box of 100 by 100; y points down."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin

from vqatune.showroom.polygons import Polygon, arc, band, box, oval, turns


@dataclass(frozen=True)
class Outline:
    """The parts of an object: `body` has material and pattern, `under` is drawn behind it, `over` on it, both in tones.

    The subject is drawn around `center` (x, y) at `reach`, half its width; the bands of a period, 8 high, lie across the
    body from `bands` (two y) downwards. A detail shows what is between them. `aspect`: width / height of the object.
    """

    body: tuple[Polygon, ...]
    under: tuple[tuple[Polygon, str], ...] = ()
    over: tuple[tuple[Polygon, str], ...] = ()
    center: tuple[float, float] = (50, 50)
    reach: float = 18
    bands: tuple[float, float] = (14, 78)
    aspect: float = 1.0


@cache
def outline(kind: str, shape: str) -> Outline:
    """Return the outline of a kind of object in one of its shapes."""
    return _BUILDERS[kind](shape)


def _mirrored(left: Polygon) -> Polygon:
    """Return the outline whose left half is given from top to bottom."""
    return left + tuple((100 - x, y) for x, y in reversed(left))


def _vase(shape: str) -> Outline:
    if shape == "slender":
        body = _mirrored(((36, 0), (36, 6), (43, 12), (41, 22), (24, 36), (22, 52), (33, 84), (30, 100)))
        return Outline((body,), center=(50, 50), reach=18, bands=(22, 77), aspect=0.62)
    body = _mirrored(((28, 0), (28, 8), (36, 14), (12, 30), (2, 50), (8, 72), (28, 94), (28, 100)))
    return Outline((body,), center=(50, 53), reach=18, bands=(21, 79), aspect=0.95)


def _jug(shape: str) -> Outline:
    handle = (band(78, 44, 22, 26, -110, 110, 9), "dark")
    spout = ((10, 0), (34, 4), (30, 20), (20, 14))
    if shape == "slender":
        body = (
            (24, 2),
            (62, 2),
            (60, 20),
            (72, 44),
            (70, 80),
            (62, 100),
            (22, 100),
            (14, 80),
            (12, 44),
            (26, 20),
        )
        return Outline((body, spout), (handle,), center=(43, 56), reach=18, bands=(27, 82), aspect=0.72)
    body = ((26, 6), (62, 6), (62, 18), (78, 40), (80, 66), (64, 100), (22, 100), (6, 66), (8, 40), (26, 18))
    return Outline((body, spout), (handle,), center=(43, 56), reach=18, bands=(25, 82), aspect=0.95)


def _bowl(shape: str) -> Outline:
    rim = (oval(50, 12, 50, 11), "dark")
    foot = (box(34, 88, 66, 100), "dark")
    if shape == "shallow":
        body = arc(50, 14, 50, 78, 0, 180, 24)
        return Outline((body,), (foot,), (rim,), center=(50, 53), reach=15, bands=(24, 79), aspect=1.6)
    body = ((0, 12), (100, 12), (96, 44), (80, 80), (62, 94), (38, 94), (20, 80), (4, 44))
    return Outline((body,), (foot,), (rim,), center=(50, 52), reach=18, bands=(24, 79), aspect=1.02)


def _plate(shape: str) -> Outline:
    corners = 36 if shape == "round" else 8
    turned = [turn + pi / corners for turn in turns(corners)]
    body = tuple((50 + 50 * cos(turn), 50 + 50 * sin(turn)) for turn in turned)
    ring = band(50, 50, 39, 39, 0, 360, 3)
    return Outline((body,), over=((ring, "line"),), center=(50, 50), reach=18, bands=(17, 77))


def _coin(shape: str) -> Outline:
    if shape == "round":
        edge = tuple(band(50, 50, 50, 50, 12 * step, 12 * step + 6, 6) for step in range(30))
        return Outline(
            (oval(50, 50, 50, 50),), over=tuple((part, "dark") for part in edge), reach=19, bands=(17, 76)
        )
    edge = [box(x, y, x + 5, y + 5) for x in range(4, 100, 11) for y in (0, 95)]
    edge += [box(x, y, x + 5, y + 5) for y in range(4, 100, 11) for x in (0, 95)]
    return Outline(
        (box(0, 0, 100, 100, 6),), over=tuple((part, "dark") for part in edge), reach=19, bands=(13, 80)
    )


def _brooch(shape: str) -> Outline:
    pin = (((0, 96), (6, 90), (96, 0), (100, 4), (10, 100), (0, 100)), "dark")
    if shape == "round":
        beads = tuple(oval(50 + 44 * cos(turn), 50 + 44 * sin(turn), 6.5, 6.5) for turn in turns(14))
        return Outline((oval(50, 50, 41, 41), *beads), (pin,), center=(50, 50), reach=17, bands=(20, 75))
    body = ((50, 0), (100, 50), (50, 100), (0, 50))
    beads = tuple(oval(x, y, 7, 7) for x, y in ((50, 5), (95, 50), (50, 95), (5, 50)))
    return Outline((body, *beads), (pin,), center=(50, 50), reach=17, bands=(20, 75))


def _mask(shape: str) -> Outline:
    ears = tuple(oval(x, 48, 7, 13) for x in (5, 95))
    eyes = (oval(33, 13, 9, 4.5), oval(67, 13, 9, 4.5))
    mouth = box(38, 88, 62, 94, 5, 3)
    if shape == "oval":
        body = oval(50, 50, 44, 50)
    else:
        body = ((4, 6), (50, 0), (96, 6), (88, 44), (56, 100), (44, 100), (12, 44))
        mouth, ears = box(42, 88, 58, 93, 4, 2), ()
    features = tuple((part, "dark") for part in (*eyes, mouth))
    return Outline((body,), tuple((e, "dark") for e in ears), features, (50, 52), 18, (21, 77), 0.8)


def _statuette(shape: str) -> Outline:
    base = box(12, 90, 88, 100)
    if shape == "standing":
        figure = (
            (36, 22),
            (64, 22),
            (82, 32),
            (78, 62),
            (70, 62),
            (72, 90),
            (28, 90),
            (30, 62),
            (22, 62),
            (18, 32),
        )
        return Outline(
            (base, figure, oval(50, 12, 14, 12)), center=(50, 50), reach=18, bands=(23, 78), aspect=0.5
        )
    figure = (
        (30, 26),
        (60, 26),
        (72, 40),
        (70, 56),
        (96, 60),
        (96, 90),
        (80, 90),
        (78, 74),
        (62, 76),
        (62, 90),
    )
    figure += ((16, 90), (16, 46))
    return Outline(
        (base, figure, oval(45, 14, 15, 14)), center=(43, 52), reach=18, bands=(25, 80), aspect=0.85
    )


def _painting(shape: str) -> Outline:
    if shape == "oval":
        frame = oval(50, 50, 50, 50)
        return Outline((oval(50, 50, 40, 40),), ((frame, "frame"),), reach=17, bands=(20, 75), aspect=0.84)
    frame = box(0, 0, 100, 100)
    return Outline((box(9, 11, 91, 89),), ((frame, "frame"),), reach=17, bands=(15, 79), aspect=1.36)


def _tapestry(shape: str) -> Outline:
    rod = (box(-4, 0, 104, 5), "dark")
    fringe = tuple(box(x, 92, x + 3, 100) for x in range(2, 98, 6))
    if shape == "rectangular":
        body = box(2, 4, 98, 93)
        return Outline((body, *fringe), over=(rod,), center=(50, 49), reach=18, bands=(13, 79), aspect=0.8)
    tassel = (oval(50, 97, 3, 5), "dark")
    return Outline((((2, 4), (98, 4), (50, 96)),), (tassel,), (rod,), (50, 39), 15, (8, 63), 0.9)


_BUILDERS: dict[str, Callable[[str], Outline]] = {
    "VASE": _vase,
    "JUG": _jug,
    "BOWL": _bowl,
    "PLATE": _plate,
    "COIN": _coin,
    "BROOCH": _brooch,
    "MASK": _mask,
    "STATUETTE": _statuette,
    "PAINTING": _painting,
    "TAPESTRY": _tapestry,
}


@cache
def emblem(subject: str) -> tuple[tuple[Polygon, bool], ...]:
    """Return what an object depicts, in a square from -1 to 1: polygons in the order of drawing, each dark or light."""
    if subject == "sun":
        rays = tuple(
            tuple(
                (reach * cos(turn + aside), reach * sin(turn + aside))
                for reach, aside in ((0.55, -0.2), (1, 0), (0.55, 0.2))
            )
            for turn in turns(8)
        )
        return tuple((part, True) for part in (oval(0, 0, 0.52, 0.52), *rays))
    if subject == "crescent moon":
        return (oval(0, 0, 0.92, 0.92), True), (oval(0.42, -0.1, 0.74, 0.74), False)
    if subject == "star":
        points = [(turn - pi / 2, 0.44 if step % 2 else 1.05) for step, turn in enumerate(turns(10))]
        return ((tuple((reach * cos(turn), reach * sin(turn) + 0.08) for turn, reach in points), True),)
    if subject == "fish":
        tail = ((0.3, 0), (1, -0.55), (0.8, 0), (1, 0.55))
        return (oval(-0.25, 0, 0.75, 0.42), True), (tail, True), (oval(-0.62, -0.1, 0.11, 0.11), False)
    if subject == "leaf":
        blade = arc(-0.75, 0, 1.15, 1.15, -49, 49, 12) + arc(0.75, 0, 1.15, 1.15, 131, 229, 12)
        return (blade, True), (box(-0.08, 0.5, 0.08, 1.1), True), (box(-0.05, -0.55, 0.05, 0.6), False)
    # An eye.
    lids = arc(0, 0.65, 1.15, 1.15, 215, 325, 12) + arc(0, -0.65, 1.15, 1.15, 35, 145, 12)
    return (lids, True), (oval(0, 0, 0.38, 0.38), False), (oval(0, 0, 0.2, 0.2), True)
