"""Draws an image of a product: silhouette, colour, pattern, gloss, outline and print.

Views differ in background, framing, brightness and sharpness, never in content: nothing is mirrored, rotated or
hidden, and everything is large enough to be recognized at 64x64 pixels.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin, sqrt

from PIL import Image, ImageDraw, ImageFilter

from vqatune.showroom.polygons import Polygon, outset, turns
from vqatune.showroom.products import COLORS, INKS, KINDS, Product, choose
from vqatune.showroom.silhouettes import silhouette
from vqatune.tables.hash_ranks import unit

Color = tuple[int, int, int]

WHITE: Color = (255, 255, 255)
BACKGROUNDS: tuple[Color, ...] = (
    WHITE,
    (238, 242, 250),
    (250, 243, 230),
    (234, 234, 236),
    (232, 244, 236),
    (248, 236, 242),
)
_TONES: dict[str, Color] = {
    "dark": (58, 58, 64),
    "light": (246, 243, 234),
    "metal": (196, 202, 210),
    "green": (70, 140, 80),
}
_DARK_BODIES = {"black", "brown", "blue", "purple"}


@dataclass(frozen=True)
class View:
    """A view of a product; lengths are fractions of the image's side.

    `aspect` multiplies the aspect ratio of the product's kind; `scale` is the fraction of the image that the product
    fills; `light` multiplies the brightness; `blur` is the radius of a box blur.
    """

    background: Color = WHITE
    aspect: float = 1.0
    scale: float = 0.92
    shift_x: float = 0.0
    shift_y: float = 0.0
    light: float = 1.0
    blur: float = 0.0


def random_view(seed: int, *key: Hashable, main: bool = False) -> View:
    """Return a view that is a function of the seed and the key; a main view is sharp and on white."""

    def between(low: float, high: float, name: str) -> float:
        return low + (high - low) * unit(seed, *key, name)

    scale = between(0.84, 0.95, "scale")
    slack = (1 - scale) / 2
    return View(
        background=WHITE if main else choose(BACKGROUNDS[1:], seed, *key, "background"),
        aspect=between(0.9, 1.1, "aspect"),
        scale=scale,
        shift_x=between(-slack, slack, "shift x") * 0.8,
        shift_y=between(-slack, slack, "shift y") * 0.8,
        light=1.0 if main else between(0.9, 1.04, "light"),
        blur=0.0 if main else between(0.0, 0.006, "blur"),
    )


def draw(product: Product, view: View, size: int | tuple[int, int] = 256) -> Image.Image:
    """Return the image of a product, in RGB.

    `size`: the longest side in pixels, at the aspect ratio of kind and view; or (width, height), to which the image is
    resized.
    """
    aspect = KINDS[product.kind].aspect * view.aspect
    width, height = min(1.0, aspect), min(1.0, 1 / aspect)
    if isinstance(size, int):
        size = (max(1, round(size * width)), max(1, round(size * height)))
    # Supersampled two- or threefold for anti-aliasing.
    fine = 2 if max(size) > 100 else 3
    canvas = Image.new("RGB", (size[0] * fine, size[1] * fine), view.background)
    _Sheet(canvas, product, view, width, height).paint()
    image = canvas.reduce(fine)
    if view.light != 1.0:
        image = image.point(_brightness(round(view.light, 2)))
    radius = view.blur * max(size)
    return image.filter(ImageFilter.BoxBlur(radius)) if radius >= 0.3 else image


@cache
def _brightness(light: float) -> list[int]:
    return [min(255, round(value * light)) for value in range(256)] * 3


class _Sheet:
    """A canvas, with the transformation from the product's box of 100 by 100 to its pixels."""

    def __init__(
        self, canvas: Image.Image, product: Product, view: View, width: float, height: float
    ) -> None:
        self.canvas, self.product, self.view = canvas, product, view
        self.pen = ImageDraw.Draw(canvas)
        # Pixels per unit of the undistorted image, whose longest side is 1. Outlines are a 64th of a side wide.
        self.per_x, self.per_y = canvas.width / width, canvas.height / height
        self.left = canvas.width * ((1 - view.scale) / 2 + view.shift_x)
        self.top = canvas.height * ((1 - view.scale) / 2 + view.shift_y)
        self.step_x = canvas.width * view.scale / 100
        self.step_y = canvas.height * view.scale / 100
        self.stroke = sqrt(canvas.width * canvas.height) / 64

    def to_pixels(self, polygon: Polygon) -> list[tuple[float, float]]:
        left, top, step_x, step_y = self.left, self.top, self.step_x, self.step_y
        return [(left + x * step_x, top + y * step_y) for x, y in polygon]

    def paint(self) -> None:
        product, pen = self.product, self.pen
        form = silhouette(product.kind, product.shape)
        body = [self.to_pixels(part) for part in form.body]
        for part, tone in form.under:
            pen.polygon(self.to_pixels(part), fill=_tone(tone, product.color))
        if product.style == "classic":
            # A dark contour with a white line inside, visible around a body of any colour.
            for fill, distance in ((_TONES["dark"], 2.2), (WHITE, 1.0)):
                for part in body:
                    pen.polygon(outset(part, distance * self.stroke), fill=fill)
        mask = Image.new("1", self.canvas.size)
        mask_pen = ImageDraw.Draw(mask)
        for part in body:
            mask_pen.polygon(part, fill=1)
        self.canvas.paste(self.texture(), mask=mask)
        for part, tone in form.over:
            pen.polygon(self.to_pixels(part), fill=_tone(tone, product.color))
        if product.motif:
            self.draw_print(form.print_area)

    def texture(self) -> Image.Image:
        """Colour, pattern and gloss over the whole canvas."""
        color = COLORS[self.product.color]
        pale = _mix(color, WHITE, 0.77)
        sheet = Image.new("RGB", self.canvas.size, color)
        pen = ImageDraw.Draw(sheet)
        right, bottom = self.left + 100 * self.step_x, self.top + 100 * self.step_y
        columns, rows = self.cells()
        pitch_x, pitch_y = (right - self.left) / columns, (bottom - self.top) / rows
        if self.product.pattern == "striped":
            for row in range(rows):
                y = self.top + (row + 0.55) * pitch_y
                pen.rectangle((self.left, y, right, y + 0.42 * pitch_y), fill=pale)
        elif self.product.pattern == "dotted":
            for row in range(rows):
                for column in range(columns + row % 2):
                    x = self.left + (column + 0.5 - row % 2 / 2) * pitch_x
                    y = self.top + (row + 0.5) * pitch_y
                    reach_x, reach_y = 0.27 * pitch_x, 0.27 * pitch_y
                    pen.ellipse((x - reach_x, y - reach_y, x + reach_x, y + reach_y), fill=pale)
        elif self.product.pattern == "checkered":
            for row in range(rows):
                for column in range(row % 2, columns, 2):
                    x, y = self.left + column * pitch_x, self.top + row * pitch_y
                    pen.rectangle((x, y, x + pitch_x, y + pitch_y), fill=pale)
        if self.product.finish == "glossy":
            self.add_gloss(sheet)
        return sheet

    def cells(self) -> tuple[int, int]:
        """Columns and rows of the pattern, with cells close to square in the undistorted image."""
        width, height = 100 * self.step_x / self.per_x, 100 * self.step_y / self.per_y
        pitch = sqrt(width * height) / 6.2
        return max(3, round(width / pitch)), max(3, round(height / pitch))

    def add_gloss(self, sheet: Image.Image) -> None:
        """Two slanted streaks of light."""
        mask = Image.new("L", sheet.size)
        pen = ImageDraw.Draw(mask)
        for start, thickness in ((58, 20), (86, 8)):
            streak = ((start, -2), (start + thickness, -2), (start + thickness - 70, 102), (start - 70, 102))
            pen.polygon(self.to_pixels(streak), fill=185)
        sheet.paste(WHITE, mask=mask)

    def draw_print(self, print_area: tuple[float, float, float, float]) -> None:
        """Emblems on a plain panel, which sets them off from pattern and gloss."""
        product = self.product
        (left, top), (right, bottom) = self.to_pixels((print_area[:2], print_area[2:]))
        columns, rows = _GRIDS[product.position, product.count]
        # The side of an emblem's cell, in units of the undistorted image; a single emblem takes half of the area's side.
        longest = max(2, columns, rows)
        side = min((right - left) / self.per_x, (bottom - top) / self.per_y) / longest
        wide, high = side * self.per_x, side * self.per_y
        share_x, share_y = _ANCHORS[product.position]
        left += (right - left - columns * wide) * share_x
        top += (bottom - top - rows * high) * share_y
        panel = WHITE if product.ink in ("black", "red") else INKS["black"]
        self.pen.rectangle((left, top, left + columns * wide, top + rows * high), fill=panel)
        for cell in range(product.count):
            row, column = divmod(cell, columns)
            x, y = left + (column + 0.5) * wide, top + (row + 0.5) * high
            outline = [(x + 0.45 * wide * px, y + 0.45 * high * py) for px, py in _emblem(product.motif)]
            self.pen.polygon(outline, fill=INKS[product.ink])


_ANCHORS = {
    "top": (0.5, 0.0),
    "bottom": (0.5, 1.0),
    "left": (0.0, 0.5),
    "right": (1.0, 0.5),
    "center": (0.5, 0.5),
}
_GRIDS = {
    **{(position, count): (count, 1) for position in ("top", "bottom", "center") for count in (1, 2, 3, 4)},
    **{(position, count): (1, count) for position in ("left", "right") for count in (1, 2, 3, 4)},
    ("center", 4): (2, 2),
}


@cache
def _emblem(motif: str) -> Polygon:
    """The outline of an emblem in a square from -1 to 1."""
    if motif == "square":
        return ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85))
    if motif == "diamond":
        return ((0, -1), (0.72, 0), (0, 1), (-0.72, 0))
    if motif == "triangle":
        return ((0, -0.95), (1, 0.85), (-1, 0.85))
    if motif == "circle":
        return tuple((0.92 * cos(turn), 0.92 * sin(turn)) for turn in turns(30))
    if motif == "heart":
        return tuple(
            (
                sin(turn) ** 3,
                -(13 * cos(turn) - 5 * cos(2 * turn) - 2 * cos(3 * turn) - cos(4 * turn)) / 16,
            )
            for turn in turns(30)
        )
    # A star of five points.
    spikes = [(pi * step / 5 - pi / 2, 1.08 if step % 2 == 0 else 0.46) for step in range(10)]
    return tuple((reach * cos(turn), reach * sin(turn) + 0.08) for turn, reach in spikes)


def _tone(name: str, color: str) -> Color:
    """The colour of a part other than the body; 'line' contrasts with the body."""
    if name == "line":
        return (
            _mix(COLORS[color], WHITE, 0.6) if color in _DARK_BODIES else _mix(COLORS[color], (0, 0, 0), 0.6)
        )
    return _TONES[name]


def _mix(color: Color, other: Color, share: float) -> Color:
    """Interpolate between two colours; `share` is that of the other."""
    return tuple(round(a + (b - a) * share) for a, b in zip(color, other, strict=True))
