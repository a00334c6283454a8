"""Polygons as point lists: arcs, ovals, bands, boxes, and offset polygons; y points down."""

from math import cos, hypot, pi, sin

Polygon = tuple[tuple[float, float], ...]
"""The corners of a polygon as (x, y)."""


def arc(cx: float, cy: float, rx: float, ry: float, start: float, stop: float, steps: int = 24) -> Polygon:
    """Return the points of an elliptic arc; degrees clockwise from the right."""
    angles = [(start + (stop - start) * step / steps) * pi / 180 for step in range(steps + 1)]
    return tuple((cx + rx * cos(angle), cy + ry * sin(angle)) for angle in angles)


def turns(count: int) -> list[float]:
    """Return the given number of evenly spaced angles of a full turn, in radians."""
    return [2 * pi * step / count for step in range(count)]


def oval(cx: float, cy: float, rx: float, ry: float) -> Polygon:
    """Return an ellipse from its centre and semi-axes."""
    return arc(cx, cy, rx, ry, 0, 360, 36)[:-1]


def band(
    cx: float, cy: float, rx: float, ry: float, start: float, stop: float, width: float, height: float = 0
) -> Polygon:
    """Return a thick arc: `width` is its thickness along x, `height` along y (0: the same)."""
    inner = arc(cx, cy, rx - width, ry - (height or width), start, stop)
    return arc(cx, cy, rx, ry, start, stop) + inner[::-1]


def box(
    left: float, top: float, right: float, bottom: float, round_x: float = 0, round_y: float = 0
) -> Polygon:
    """Return a rectangle; `round_x` and `round_y` are the semi-axes of its corners (0: the same as the other)."""
    if not round_x:
        return ((left, top), (right, top), (right, bottom), (left, bottom))
    round_y = round_y or round_x
    return (
        arc(left + round_x, top + round_y, round_x, round_y, 180, 270, 6)
        + arc(right - round_x, top + round_y, round_x, round_y, 270, 360, 6)
        + arc(right - round_x, bottom - round_y, round_x, round_y, 0, 90, 6)
        + arc(left + round_x, bottom - round_y, round_x, round_y, 90, 180, 6)
    )


def outset(points: list[tuple[float, float]], distance: float) -> list[tuple[float, float]]:
    """Return the polygon with every side offset outwards by a distance; sharp corners are bevelled."""
    points = [point for point, after in zip(points, (*points[1:], points[0]), strict=True) if point != after]
    sides = list(zip(points, (*points[1:], points[0]), strict=True))
    turn = 1 if sum(ax * by - bx * ay for (ax, ay), (bx, by) in sides) > 0 else -1
    normals = []
    for (ax, ay), (bx, by) in sides:
        length = hypot(bx - ax, by - ay) * turn
        normals.append(((by - ay) / length, (ax - bx) / length))
    moved = []
    for (x, y), (mx, my), (nx, ny) in zip(points, (normals[-1], *normals[:-1]), normals, strict=True):
        reach = distance / max(0.4, 1 + mx * nx + my * ny)
        moved.append((x + (mx + nx) * reach, y + (my + ny) * reach))
    return moved
