"""The outlines of the showroom's products, as polygons in a box of 100 by 100; y points down.

A silhouette is stretched to the product's frame in the image; a print goes into `print_area`, an empty part of the
body.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, sin

from vqatune.showroom.polygons import Polygon, arc, band, box, oval, turns


@dataclass(frozen=True)
class Silhouette:
    """The parts of a product: `body` has colour and pattern, `under` is drawn behind it, `over` on it.

    A part other than the body has a tone: 'dark', 'light', 'metal', 'green', or 'line' (in contrast to the body).
    `print_area` is (left, top, right, bottom).
    """

    body: tuple[Polygon, ...]
    under: tuple[tuple[Polygon, str], ...] = ()
    over: tuple[tuple[Polygon, str], ...] = ()
    print_area: tuple[float, float, float, float] = (10, 10, 90, 90)


def silhouette(kind: str, shape: str | None) -> Silhouette:
    """Return the silhouette of a kind of product in one of its shapes."""
    if (kind, shape) not in _cache:
        _cache[kind, shape] = _BUILDERS[kind](shape)
    return _cache[kind, shape]


_cache: dict[tuple[str, str | None], Silhouette] = {}


def _case(shape: str | None) -> Silhouette:
    camera = [(box(30, 4, 70, 14, 8, 5), "dark"), *((oval(x, 9, 4, 3), "light") for x in (39, 61))]
    return Silhouette((box(2, 0, 98, 100, 13, 9),), over=tuple(camera), print_area=(6, 17, 94, 97))


def _shoe(shape: str | None) -> Silhouette:
    upper = (
        ((2, 20), (8, 12), (16, 20), (26, 22), (36, 8), (48, 10))
        + ((58, 30), (70, 46), (86, 54), (97, 64), (99, 80))
        + ((2, 80),)
    )
    eyelets = ((42, 26), (49, 36), (57, 46))
    laces = tuple((((x, y), (x + 8, y - 7), (x + 11, y - 3), (x + 3, y + 4)), "line") for x, y in eyelets)
    sole = box(0, 80, 100, 96, 4, 7)
    return Silhouette((upper,), over=((sole, "dark"), *laces))


def _chair(shape: str | None) -> Silhouette:
    back = (box(12, 0, 26, 62), box(74, 0, 88, 62), box(12, 2, 88, 36, 4, 4))
    legs = (box(10, 55, 22, 100), box(78, 55, 90, 100))
    return Silhouette((*back, box(4, 50, 96, 66, 4, 4), *legs))


def _handbag(shape: str | None) -> Silhouette:
    body = ((10, 30), (90, 30), (99, 98), (96, 100), (4, 100), (1, 98))
    handle = band(50, 32, 32, 32, 180, 360, 9)
    return Silhouette((body,), under=((handle, "dark"),), print_area=(8, 32, 92, 98))


def _lamp(shape: str | None) -> Silhouette:
    shade = ((26, 0), (74, 0), (98, 56), (2, 56))
    stand = (box(45, 54, 55, 92), box(22, 90, 78, 100, 5, 5))
    return Silhouette((shade,), under=tuple((part, "dark") for part in stand))


def _table(shape: str | None) -> Silhouette:
    legs = (((6, 24), (20, 24), (16, 100), (6, 100)), ((80, 24), (94, 24), (94, 100), (84, 100)))
    return Silhouette((box(0, 2, 100, 32, 2, 3), *legs))


def _sofa(shape: str | None) -> Silhouette:
    back = box(10, 4, 90, 60, 8, 12)
    arms = (box(0, 34, 20, 90, 7, 10), box(80, 34, 100, 90, 7, 10))
    feet = tuple((box(x, 86, x + 8, 100), "dark") for x in (6, 86))
    cushions = ((box(21, 57, 79, 60), "line"), (box(49, 60, 51, 86), "line"))
    return Silhouette((back, *arms, box(10, 56, 90, 90)), under=feet, over=cushions)


def _hat(shape: str | None) -> Silhouette:
    crown = arc(50, 38, 30, 36, 180, 360) + ((82, 82), (18, 82))
    band = ((19, 58), (81, 58), (82, 74), (18, 74))
    return Silhouette((crown, oval(50, 82, 50, 16)), over=((band, "dark"),))


def _cup(shape: str | None) -> Silhouette:
    body = ((2, 8), (76, 8), (73, 100), (5, 100))
    handle = band(73, 48, 27, 32, -90, 90, 11)
    inside = (oval(39, 8, 37, 8), "light"), (oval(39, 9, 31, 5), "dark")
    return Silhouette((body, handle, oval(39, 8, 37, 8)), over=inside, print_area=(6, 18, 73, 98))


def _pillow(shape: str | None) -> Silhouette:
    if shape == "round":
        rim = tuple((oval(50 + 47 * cos(turn), 50 + 47 * sin(turn), 4, 4)) for turn in turns(24))
        return Silhouette((oval(50, 50, 46, 46), *rim), print_area=(16, 16, 84, 84))
    side = ((0, 0), (16, 5), (50, 8), (84, 5), (100, 0), (95, 16), (92, 50), (95, 84))
    body = side + ((100, 100), (84, 95), (50, 92), (16, 95), (0, 100), (5, 84), (8, 50), (5, 16))
    return Silhouette((body,), print_area=(9, 9, 91, 91))


def _rug(shape: str | None) -> Silhouette:
    if shape == "round":
        fringe = [
            ((50 + 40 * cos(turn - 0.05), 50 + 40 * sin(turn - 0.05)),)
            + ((50 + 50 * cos(turn), 50 + 50 * sin(turn)),)
            + ((50 + 40 * cos(turn + 0.05), 50 + 40 * sin(turn + 0.05)),)
            for turn in turns(28)
        ]
        return Silhouette(
            (oval(50, 50, 43, 43),), tuple((p, "dark") for p in fringe), print_area=(18, 18, 82, 82)
        )
    fringe = [box(side + 1, y, side + 9, y + 3) for side in (0, 90) for y in range(4, 96, 8)]
    return Silhouette((box(8, 0, 92, 100),), tuple((p, "dark") for p in fringe), print_area=(11, 3, 89, 97))


def _backpack(shape: str | None) -> Silhouette:
    straps = (band(10, 56, 10, 28, 90, 270, 5), band(90, 56, 10, 28, -90, 90, 5))
    loop = band(50, 8, 16, 9, 180, 360, 5)
    body = arc(50, 40, 42, 36, 180, 360) + arc(84, 92, 8, 8, 0, 90, 5) + arc(16, 92, 8, 8, 90, 180, 5)
    return Silhouette((body,), tuple((part, "dark") for part in (*straps, loop)), print_area=(12, 16, 88, 98))


def _suitcase(shape: str | None) -> Silhouette:
    handle = (box(30, 0, 37, 24), box(63, 0, 70, 24), box(30, 0, 70, 6))
    wheels = (oval(18, 95, 8, 5), oval(82, 95, 8, 5))
    return Silhouette(
        (box(2, 20, 98, 94, 8, 6),),
        tuple((p, "dark") for p in (*handle, *wheels)),
        print_area=(6, 22, 94, 92),
    )


def _clock(shape: str | None) -> Silhouette:
    body = box(3, 6, 97, 96, 5, 5) if shape == "square" else oval(50, 51, 47, 45)
    face = box(20, 22, 80, 80) if shape == "square" else oval(50, 51, 29, 28)
    hands = ((47, 54), (47, 28), (53, 28), (53, 54)), ((47, 49), (70, 49), (70, 55), (47, 55))
    feet = ((12, 100), (20, 80), (30, 84), (22, 100)), ((88, 100), (80, 80), (70, 84), (78, 100))
    over = ((face, "light"), *((hand, "dark") for hand in hands))
    return Silhouette((body,), tuple((foot, "dark") for foot in feet), over)


def _bottle(shape: str | None) -> Silhouette:
    body = ((34, 12), (66, 12), (66, 28), (92, 44), (92, 98), (88, 100))
    body += ((12, 100), (8, 98), (8, 44), (34, 28))
    return Silhouette((body,), over=((box(30, 0, 70, 13, 3, 3), "dark"),))


def _boot(shape: str | None) -> Silhouette:
    body = ((8, 0), (58, 0), (58, 48), (72, 60), (92, 66), (98, 76), (98, 88), (8, 88))
    sole = (box(6, 86, 100, 96, 2, 3), box(6, 90, 34, 100))
    cuff = box(6, 0, 60, 12, 2, 2)
    return Silhouette((body,), over=((sole[0], "dark"), (sole[1], "dark"), (cuff, "dark")))


def _shirt(shape: str | None) -> Silhouette:
    left = ((34, 2), (20, 6), (0, 34), (14, 46), (19, 40), (19, 100))
    right = tuple((100 - x, y) for x, y in reversed(left))
    collar = arc(50, 2, 16, 12, 180, 0, 10)[1:-1]
    return Silhouette((left + right + collar[::-1],), print_area=(20, 16, 80, 98))


def _storage_box(shape: str | None) -> Silhouette:
    lid = box(0, 2, 100, 20, 2, 2)
    return Silhouette(
        (box(5, 8, 95, 100), lid), over=((box(5, 19, 95, 22), "line"),), print_area=(8, 23, 92, 98)
    )


def _bed(shape: str | None) -> Silhouette:
    frame = (box(0, 0, 12, 100, 3, 5), box(90, 34, 100, 100, 3, 5), box(6, 44, 96, 84))
    pillow = box(13, 26, 40, 46, 7, 9)
    sheet = box(12, 44, 90, 52)
    return Silhouette(frame, over=((pillow, "light"), (sheet, "light")))


def _umbrella(shape: str | None) -> Silhouette:
    scallops = tuple(point for x in (83.4, 50, 16.6) for point in arc(x, 54, 16.6, 9, 0, -180, 8))
    canopy = arc(50, 54, 50, 50, 180, 360) + scallops
    hook = band(53.5, 88, 13, 12, 0, 180, 7)
    return Silhouette((canopy,), ((box(46.5, 0, 53.5, 88), "dark"), (hook, "dark")))


def _vase(shape: str | None) -> Silhouette:
    left = ((32, 34), (34, 42), (20, 54), (12, 68), (14, 82), (28, 100))
    body = left + tuple((100 - x, y) for x, y in reversed(left))
    stems = (((48, 36), (20, 14), (24, 12), (52, 36)), ((48, 36), (76, 12), (80, 14), (52, 36)))
    leaves = (oval(20, 12, 14, 10), oval(80, 12, 14, 10), oval(50, 9, 14, 9), box(47, 9, 53, 36))
    return Silhouette((body,), tuple((part, "green") for part in (*stems, *leaves)))


def _ball(shape: str | None) -> Silhouette:
    seams = (band(4, 50, 22, 44, -62, 62, 3), band(96, 50, 22, 44, 118, 242, 3))
    return Silhouette(
        (oval(50, 50, 50, 50),), over=tuple((seam, "line") for seam in seams), print_area=(19, 19, 81, 81)
    )


def _book(shape: str | None) -> Silhouette:
    pages = box(12, 90, 100, 98)
    cover = (
        (0, 4),
        (4, 0),
        (96, 0),
        (96, 90),
        (8, 90),
        (8, 100),
        (98, 100),
        (98, 97),
        (98, 100),
        (4, 100),
        (0, 94),
    )
    return Silhouette(
        (cover,), ((pages, "light"),), ((box(9, 0, 12, 90), "line"),), print_area=(14, 3, 94, 88)
    )


def _watch(shape: str | None) -> Silhouette:
    dial, face = (oval(50, 50, 44, 33), oval(50, 50, 29, 21))
    if shape == "square":
        dial, face = (box(8, 20, 92, 80, 6, 5), box(22, 30, 78, 70))
    hands = (box(47, 36, 53, 53), box(47, 49, 68, 53))
    strap = (box(26, 0, 74, 30, 4, 4), box(26, 70, 74, 100, 4, 4))
    crown = (box(90, 46, 98, 54), "dark")
    return Silhouette((dial, *strap), (crown,), ((face, "light"), *((hand, "dark") for hand in hands)))


def _guitar(shape: str | None) -> Silhouette:
    body = (oval(50, 80, 44, 20), oval(50, 56, 33, 15), box(26, 56, 74, 76))
    neck = (box(44, 8, 56, 60), box(38, 0, 62, 12, 3, 3))
    hole = (oval(50, 64, 12, 7), box(34, 84, 66, 88))
    return Silhouette(body, tuple((part, "dark") for part in neck), tuple((part, "dark") for part in hole))


def _ladder(shape: str | None) -> Silhouette:
    rails = (((14, 0), (30, 0), (20, 100), (2, 100)), ((70, 0), (86, 0), (98, 100), (80, 100)))
    rungs = tuple(box(16, y, 84, y + 9) for y in (10, 33, 56, 79))
    return Silhouette((*rails, *rungs))


def _knife(shape: str | None) -> Silhouette:
    blade = ((46, 8), (100, 8), (100, 74), (86, 92), (46, 92))
    hole = oval(90, 22, 4, 5.5)
    return Silhouette((box(0, 22, 52, 70, 6, 9),), over=((blade, "metal"), (hole, "dark")))


def _lock(shape: str | None) -> Silhouette:
    shackle = (band(50, 32, 34, 32, 180, 360, 13, 11), box(16, 31, 29, 52), box(71, 31, 84, 52))
    keyhole = (oval(50, 66, 9, 8), ((46, 68), (54, 68), (57, 86), (43, 86)))
    return Silhouette(
        (box(0, 44, 100, 100, 8, 7),),
        tuple((part, "metal") for part in shackle),
        tuple((part, "line") for part in keyhole),
    )


def _tent(shape: str | None) -> Silhouette:
    door = ((50, 40), (66, 100), (34, 100))
    poles = (((46, 6), (50, 0), (100, 98), (94, 100)), ((54, 6), (50, 0), (0, 98), (6, 100)))
    return Silhouette((((50, 6), (97, 100), (3, 100)),), tuple((p, "dark") for p in poles), ((door, "dark"),))


def _ring(shape: str | None) -> Silhouette:
    gem = ((32, 0), (68, 0), (80, 13), (50, 36), (20, 13))
    facets = (((20, 13), (80, 13), (80, 15), (20, 15)), ((49, 13), (51, 13), (51, 34), (49, 34)))
    hoop = band(50, 64, 44, 36, -90, 270, 16, 13)
    return Silhouette((hoop,), over=((gem, "metal"), *((facet, "dark") for facet in facets)))


_BUILDERS: dict[str, Callable[[str | None], Silhouette]] = {
    "CELLULAR_PHONE_CASE": _case,
    "SHOES": _shoe,
    "CHAIR": _chair,
    "HANDBAG": _handbag,
    "LAMP": _lamp,
    "TABLE": _table,
    "SOFA": _sofa,
    "HAT": _hat,
    "DRINKING_CUP": _cup,
    "PILLOW": _pillow,
    "RUG": _rug,
    "BACKPACK": _backpack,
    "SUITCASE": _suitcase,
    "CLOCK": _clock,
    "BOTTLE": _bottle,
    "BOOT": _boot,
    "SHIRT": _shirt,
    "STORAGE_BOX": _storage_box,
    "BED": _bed,
    "UMBRELLA": _umbrella,
    "VASE": _vase,
    "RECREATION_BALL": _ball,
    "ABIS_BOOK": _book,
    "WATCH": _watch,
    "GUITARS": _guitar,
    "LADDER": _ladder,
    "KITCHEN_KNIFE": _knife,
    "LOCK": _lock,
    "TENT": _tent,
    "FINERING": _ring,
}
