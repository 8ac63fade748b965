"""Line charts as SVG, in the colours of the page around them."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.page import Markup, element, join

WIDTH, HEIGHT = 400, 220  # in its own units; the page scales it
LEFT, RIGHT, TOP, BOTTOM = 48, 392, 8, 196  # of the area where the lines are
MOST_POINTS = 600  # of a line
MOST_DOTS = 60  # more measurements than these are a line alone
TICKS = 5
UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))

Point = tuple[float, float]
Scale = Callable[[float], float]


class Line(NamedTuple):
    """What is drawn: a trace through many points, or measurements, few and each of weight."""

    name: str
    points: Sequence[Point]
    is_measured: bool = False

    @property
    def colour(self) -> str:
        """Its class in the page's style."""
        return "measured" if self.is_measured else "trace"


def chart(title: str, *lines: Line, within: Sequence[float] = ()) -> Markup:
    """A figure of lines over steps from 0 on; empty if there is nothing to draw.

    Args:
        within: What the vertical axis reaches at least, beside the values.
    """
    drawn = [line._replace(points=[p for p in line.points if all(map(math.isfinite, p))]) for line in lines]
    drawn = [line for line in drawn if line.points]
    if not drawn:
        return Markup()
    points = [point for line in drawn for point in line.points]
    across = room([0.0, *(x for x, _ in points)])
    upward = room([*(y for _, y in points), *within])

    def place(point: Point) -> Point:
        (x, y), (left, right), (low, high) = point, across, upward
        return (
            LEFT + (RIGHT - LEFT) * (x - left) / (right - left),
            BOTTOM - (BOTTOM - TOP) * (y - low) / (high - low),
        )

    parts = [*axes(across, upward, place_x=lambda x: place((x, 0))[0], place_y=lambda y: place((0, y))[1])]
    for line in drawn:
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in map(place, thin(line.points)))
        parts.append(element("path", class_=line.colour, d=f"M{path}"))
        if len(line.points) == 1 or (line.is_measured and len(line.points) <= MOST_DOTS):
            parts += [dot(point, place(point), line) for point in line.points]
    picture = element("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=f"{title}, by step")
    keys = [join((element("span", class_=f"key {line.colour}"), line.name)) for line in drawn if line.name]
    return element("figure", element("figcaption", title, *keys), picture)


def room(values: Sequence[float]) -> Point:
    """Where an axis starts and ends; never the same number."""
    low, high = min(values), max(values)
    spare = abs(high) / 2 or 0.5
    return (low, high) if high > low else (low - spare, high + spare)


def axes(across: Point, upward: Point, *, place_x: Scale, place_y: Scale) -> list[Markup]:
    """Lines across at round values, with labels, and labels at round steps."""
    parts = []
    for value in ticks(*upward):
        y = f"{place_y(value):.1f}"
        parts.append(element("line", class_="grid", x1=LEFT, x2=RIGHT, y1=y, y2=y))
        parts.append(element("text", short(value), x=LEFT - 6, y=y, dy="0.35em", text_anchor="end"))
    for step in ticks(*across):
        x = place_x(step)
        anchor = "end" if x > RIGHT - 12 else "middle"
        parts.append(element("text", short(step), x=f"{x:.1f}", y=BOTTOM + 18, text_anchor=anchor))
    return parts


def dot(point: Point, place: Point, line: Line) -> Markup:
    """A measurement that tells its value to who points at it."""
    told = element("title", f"step {point[0]:,.0f}: {point[1]:.4g}")
    return element("circle", told, class_=line.colour, cx=f"{place[0]:.1f}", cy=f"{place[1]:.1f}", r=2.5)


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, two to six of them."""
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * (1 - 1e-9))
    return [number * step for number in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A number as an axis shows it: 0.003, 1.5k, 20M."""
    for size, letter in UNITS:
        if abs(value) >= size:
            return f"{value / size:.6g}{letter}"
    return f"{value:.6g}"


def thin(points: Sequence[Point]) -> list[Point]:
    """At most `MOST_POINTS` of the points: of each stretch the lowest and the highest, so that no spike is lost."""
    size = math.ceil(2 * len(points) / MOST_POINTS)
    if size <= 2:
        return list(points)
    kept: list[Point] = []
    for start in range(0, len(points), size):
        stretch = points[start : start + size]
        kept += sorted({min(stretch, key=lambda p: p[1]), max(stretch, key=lambda p: p[1])})
    return kept
