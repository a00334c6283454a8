"""Draws a picture of an object of the museum: outline, material, pattern, bands of the period, and subject.

Every attribute that `objects.shown` names is large enough to be recognized at 64x64 pixels.
"""

from dataclasses import dataclass
from functools import cache
from math import sin, sqrt

from PIL import Image, ImageChops, ImageDraw

from vqatune.showroom.museum.objects import MuseumObject
from vqatune.showroom.museum.outlines import Outline, emblem, outline
from vqatune.showroom.polygons import Polygon, outset, oval
from vqatune.tables.hash_ranks import hash_rank, unit

Color = tuple[int, int, int]

_DARK: Color = (40, 36, 38)
_PALE: Color = (250, 248, 240)


@dataclass(frozen=True)
class _Material:
    """The colour of a material, of the pattern on it, and its texture: gloss, grain, veins, specks, weave or none."""

    color: Color
    pattern: Color
    texture: str | None = None


_MATERIALS = {
    "terracotta": _Material((200, 100, 56), (246, 206, 160)),
    "glazed ceramic": _Material((28, 128, 138), (170, 226, 220), "gloss"),
    "porcelain": _Material((240, 244, 250), (90, 120, 200), "gloss"),
    "bronze": _Material((88, 116, 76), (186, 204, 150), "specks"),
    "silver": _Material((186, 192, 202), (110, 116, 130), "gloss"),
    "gold": _Material((232, 184, 40), (160, 106, 14), "gloss"),
    "marble": _Material((226, 222, 218), (160, 150, 158), "veins"),
    "carved wood": _Material((126, 76, 40), (204, 160, 108), "grain"),
    "oil on canvas": _Material((70, 84, 120), (168, 178, 206), "grain"),
    "tempera on panel": _Material((222, 176, 92), (168, 78, 60)),
    "wool": _Material((150, 44, 52), (232, 158, 140), "weave"),
    "silk": _Material((128, 72, 168), (212, 176, 236), "gloss"),
}
_BANDS: dict[str, Color] = {
    "Bronze Age": (20, 20, 22),
    "Iron Age": (214, 30, 36),
    "Middle Ages": (24, 70, 210),
    "Renaissance": (20, 150, 60),
    "Baroque": (240, 60, 170),
}
_TONES: dict[str, Color] = {"dark": (62, 54, 52), "frame": (150, 110, 40)}
_BACKGROUNDS: tuple[Color, ...] = ((255, 255, 255), (236, 236, 240), (246, 240, 228), (228, 236, 240))
_DIM: Color = (98, 96, 104)


@dataclass(frozen=True)
class Framing:
    """How a picture shows an object; lengths are fractions of the picture's side.

    `scale` is the fraction that the object fills (more than 1: a detail around its subject); `narrow` multiplies its
    width; `lean` is how far its top is moved aside; `light` multiplies the brightness of red, green and blue.
    """

    background: Color
    scale: float
    shift_x: float = 0.0
    shift_y: float = 0.0
    narrow: float = 1.0
    lean: float = 0.0
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)


def framing(view: str, seed: int, index: int) -> Framing:
    """Return how a view (one of objects.VIEWS) of an object shows it, as a function of the seed and its index."""

    def between(low: float, high: float, name: str) -> float:
        return low + (high - low) * unit(seed, "framing", index, view, name)

    background = _BACKGROUNDS[hash_rank(seed, "background", index, view) % len(_BACKGROUNDS)]
    if view == "detail":
        return Framing(background, between(2.3, 2.4, "scale"))
    scale = between(0.84, 0.94, "scale")
    slack = (1 - scale) * 0.4
    shift_x, shift_y = between(-slack, slack, "shift x"), between(-slack, slack, "shift y")
    if view == "light":
        level, warm = between(0.72, 0.9, "level"), between(-0.06, 0.06, "warm")
        return Framing(_DIM, scale, shift_x, shift_y, light=(level + warm, level, level - warm))
    if view == "turned":
        lean = between(-0.08, 0.08, "lean")
        return Framing(background, scale * 0.94, shift_x, shift_y, between(0.72, 0.86, "narrow"), lean)
    return Framing(_BACKGROUNDS[0], scale, shift_x, shift_y)


def draw(thing: MuseumObject, frame: Framing, size: int | tuple[int, int] = 256) -> Image.Image:
    """Return a picture of an object, in RGB.

    `size`: the longest side in pixels, at the aspect ratio of the object; or (width, height), to which the picture is
    resized.
    """
    aspect = outline(thing.kind, thing.shape).aspect
    if isinstance(size, int):
        size = (max(1, round(size * min(1.0, aspect))), max(1, round(size * min(1.0, 1 / aspect))))
    # Supersampled two- or threefold for anti-aliasing.
    fine = 2 if max(size) > 100 else 3
    canvas = Image.new("RGB", (size[0] * fine, size[1] * fine), frame.background)
    _Sheet(canvas, thing, frame).paint()
    image = canvas.reduce(fine)
    return image if frame.light == (1.0, 1.0, 1.0) else image.point(_brightness(frame.light))


@cache
def _brightness(light: tuple[float, float, float]) -> list[int]:
    return [min(255, round(value * level)) for level in light for value in range(256)]


class _Sheet:
    """A canvas, with the transformation from the object's box of 100 by 100 to its pixels."""

    def __init__(self, canvas: Image.Image, thing: MuseumObject, frame: Framing) -> None:
        self.canvas, self.thing, self.frame = canvas, thing, frame
        self.form: Outline = outline(thing.kind, thing.shape)
        self.pen = ImageDraw.Draw(canvas)
        self.step_x = canvas.width * frame.scale * frame.narrow / 100
        self.step_y = canvas.height * frame.scale / 100
        # A detail is of what is between the bands, without them.
        between = (self.form.center[0], sum(self.form.bands) / 2 + 4)
        middle_x, middle_y = between if frame.scale > 1 else (50, 50)
        self.left = canvas.width * (0.5 + frame.shift_x) - middle_x * self.step_x
        self.top = canvas.height * (0.5 + frame.shift_y) - middle_y * self.step_y
        self.stroke = sqrt(canvas.width * canvas.height) / 64

    def to_pixels(self, polygon: Polygon) -> list[tuple[float, float]]:
        lean = self.frame.lean * self.canvas.width
        return [
            (self.left + x * self.step_x + lean * (50 - y) / 100, self.top + y * self.step_y)
            for x, y in polygon
        ]

    def paint(self) -> None:
        for part, tone in self.form.under:
            self.pen.polygon(self.to_pixels(part), fill=_TONES[tone])
        body = [self.to_pixels(part) for part in self.form.body]
        for part in body:
            self.pen.polygon(outset(part, 0.7 * self.stroke), fill=_DARK)
        mask = Image.new("1", self.canvas.size)
        mask_pen = ImageDraw.Draw(mask)
        for part in body:
            mask_pen.polygon(part, fill=1)
        self.canvas.paste(self.surface(), mask=mask)
        for part, tone in self.form.over:
            color = _MATERIALS[self.thing.material].pattern if tone == "line" else _TONES[tone]
            self.pen.polygon(self.to_pixels(part), fill=color)
        self.draw_subject()

    def surface(self) -> Image.Image:
        """Material, pattern and bands over the whole canvas."""
        material = _MATERIALS[self.thing.material]
        sheet = Image.new("RGB", self.canvas.size, material.color)
        pen = ImageDraw.Draw(sheet)
        for part in self.pattern():
            pen.polygon(self.to_pixels(part), fill=material.pattern)
        self.add_texture(sheet, material)
        if self.thing.banded:
            for top in self.form.bands:
                pen.polygon(self.to_pixels(_box(-10, top - 1.5, 110, top + 9.5)), fill=_PALE)
                pen.polygon(self.to_pixels(_box(-10, top, 110, top + 8)), fill=_BANDS[self.thing.period])
        return sheet

    def pattern(self) -> list[Polygon]:
        """The polygons of the pattern, in cells that are close to square in the picture."""
        aspect = self.form.aspect
        columns = max(4, round(7 * sqrt(aspect)))
        rows = max(4, round(7 / sqrt(aspect)))
        wide, high = 100 / columns, 100 / rows
        cells = [(column * wide, row * high, row, column) for row in range(rows) for column in range(columns)]
        if self.thing.pattern == "horizontal stripes":
            return [_box(-10, row * high, 110, (row + 0.4) * high) for row in range(rows)]
        if self.thing.pattern == "dots":
            return [_dot(x + wide / 2, y + high / 2, 0.27 * wide, 0.27 * high) for x, y, *_ in cells]
        if self.thing.pattern == "checkerboard":
            return [_box(x, y, x + wide, y + high) for x, y, row, column in cells if (row + column) % 2]
        if self.thing.pattern == "zigzag lines":
            return [
                _zigzag(y + 0.15 * high, high, wide, columns) for y in (row * high for row in range(rows))
            ]
        return []

    def add_texture(self, sheet: Image.Image, material: _Material) -> None:
        if material.texture is None:
            return
        if material.texture == "gloss":
            mask = Image.new("L", sheet.size)
            pen = ImageDraw.Draw(mask)
            for start, thickness in ((30, 12), (48, 5)):
                streak = (
                    (start, -5),
                    (start + thickness, -5),
                    (start + thickness - 40, 105),
                    (start - 40, 105),
                )
                pen.polygon(self.to_pixels(streak), fill=150)
            sheet.paste((255, 255, 255), mask=mask)
            return
        strength = {"grain": 34, "veins": 48, "specks": 60, "weave": 30}[material.texture]
        shade = Image.new("L", sheet.size)
        pen = ImageDraw.Draw(shade)
        for part in _TEXTURES[material.texture]:
            pen.polygon(self.to_pixels(part), fill=strength)
        sheet.paste(ImageChops.subtract(sheet, Image.merge("RGB", (shade, shade, shade))))

    def draw_subject(self) -> None:
        """A light disc with the dark subject upon it, round but for a turned view."""
        (x, y), form = self.form.center, self.form
        reach_x = form.reach / sqrt(form.aspect) if form.aspect > 1 else form.reach
        reach_y = reach_x * form.aspect

        def placed(polygon: Polygon, factor: float) -> list[tuple[float, float]]:
            return self.to_pixels(
                tuple((x + factor * reach_x * px, y + factor * reach_y * py) for px, py in polygon)
            )

        disc = _dot(0, 0, 1, 1)
        self.pen.polygon(placed(disc, 1.1), fill=_DARK)
        self.pen.polygon(placed(disc, 1.0), fill=_PALE)
        for part, dark in emblem(self.thing.subject):
            self.pen.polygon(placed(part, 0.76), fill=_DARK if dark else _PALE)


def _box(left: float, top: float, right: float, bottom: float) -> Polygon:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


@cache
def _dot(x: float, y: float, reach_x: float, reach_y: float) -> Polygon:
    return oval(x, y, reach_x, reach_y)


def _zigzag(y: float, high: float, wide: float, columns: int) -> Polygon:
    """A line that goes up and down once a column, a third of a row thick."""
    points = [(wide / 2 * step, y + (0.5 * high if step % 2 else 0.0)) for step in range(2 * columns + 1)]
    return tuple(points) + tuple((px, py + 0.34 * high) for px, py in reversed(points))


def _wave(x: float, thick: float, phase: float) -> Polygon:
    points = [(x + 3 * sin(phase + y / 13), float(y)) for y in range(-5, 106, 6)]
    return tuple(points) + tuple((px + thick, py) for px, py in reversed(points))


_TEXTURES: dict[str, tuple[Polygon, ...]] = {
    "grain": tuple(_wave(x, 1.6, x) for x in range(-6, 108, 9)),
    "veins": tuple(
        ((x, 0), (x + 3, 0), (x - 22, 48), (x - 14, 100), (x - 17, 100), (x - 26, 48))
        for x in (26, 62, 98, 128)
    ),
    "specks": tuple(
        _box(x, y, x + 4, y + 4)
        for number in range(60)
        for x, y in [(hash_rank(0, "speck x", number) % 104 - 4, hash_rank(0, "speck y", number) % 104 - 4)]
    ),
    "weave": tuple(_box(-10, y, 110, y + 1.4) for y in range(0, 100, 4)),
}
