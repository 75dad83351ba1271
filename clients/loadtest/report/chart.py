"""A chart as inline SVG: crisp, themed by the page's style sheet, read without a script.

Elements are built as a tree, so that the text in them is escaped and the markup well-formed. A
chart is an image to assistive technology, with its summary as the name; the page holds its figures
as a table beside it. What the pointer rests on tells its figures in its title.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from loadtest.report.scales import Scale

WIDTH, HEIGHT = 560, 290
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 14, 30, 46
INNER_WIDTH = WIDTH - _LEFT - _RIGHT
INNER_HEIGHT = HEIGHT - _TOP - _BOTTOM

Point = tuple[float, float | None]


@dataclass(frozen=True)
class Series:
    """One line of a chart.

    Attributes:
        name: for the legend.
        style: class of the style sheet, which gives colour and dashes: "s1" to "s4", or "bad".
        points: in the axes' values, from left to right; None leaves a gap.
    """

    name: str
    style: str
    points: Sequence[Point]


@dataclass(frozen=True)
class Chart:
    """A chart with what the page writes around it.

    Attributes:
        title: heading.
        legend: names and classes of what is drawn.
        svg: the drawing.
        note: how to read it, one or two sentences.
        mark: of the legend: "line" or "dot".
    """

    title: str
    legend: tuple[tuple[str, str], ...]
    svg: Markup
    note: str = ""
    mark: str = "line"


@dataclass
class Drawing:
    """An SVG under construction, with axes at the left and the bottom.

    Attributes:
        summary: what it shows, for those who do not see it.
        x: horizontal axis.
        y: vertical axis.
        x_name: of the horizontal axis, with its unit.
        y_name: of the vertical axis, with its unit.
    """

    summary: str
    x: Scale
    y: Scale
    x_name: str
    y_name: str
    _root: Element = field(init=False)

    def __post_init__(self) -> None:
        self._root = canvas(WIDTH, HEIGHT, self.summary)
        self._axes()

    def line(self, series: Series, dots: bool = False) -> None:
        """Draw a line through the points, with gaps where there is no value."""
        path, pen_down = [], False
        for x, y in series.points:
            if y is None:
                pen_down = False
                continue
            path.append(f"{'L' if pen_down else 'M'}{self._x(x):.1f} {self._y(y):.1f}")
            pen_down = True
        if path:
            attributes = {"class": f"line {series.style}", "d": "".join(path)}
            SubElement(self._root, "path", attributes)
        known = [(x, y) for x, y in series.points if y is not None]
        # A value between two gaps has no line that shows it.
        for x, y in known if dots else _lonely(series.points):
            self.dot(x, y, series.style)

    def steps(self, series: Series, end: float) -> None:
        """Draw values that each hold until the next one's beginning, the last until `end`."""
        starts = [x for x, _ in series.points] + [end]
        corners: list[Point] = []
        for (start, value), (_, stop) in zip(series.points, pairwise(starts), strict=True):
            corners += [(start, value), (stop, value)]
        self.line(Series(series.name, series.style, corners))

    def dot(self, x: float, y: float, style: str, title: str = "") -> None:
        """Draw one point, with a title that the pointer shows."""
        place = {"cx": f"{self._x(x):.1f}", "cy": f"{self._y(y):.1f}"}
        dot = SubElement(self._root, "circle", {"class": f"dot {style}", "r": "3.2", **place})
        if title:
            SubElement(dot, "title").text = title

    def bound(self, y: float, text: str) -> None:
        """Draw a horizontal line that is not to be crossed."""
        height = f"{self._y(y):.1f}"
        ends = {"x1": str(_LEFT), "x2": str(WIDTH - _RIGHT), "y1": height, "y2": height}
        SubElement(self._root, "line", {"class": "bound", **ends})
        above = self._y(y) - 5 if self._y(y) > _TOP + 16 else self._y(y) + 15
        place = {"x": str(_LEFT + 6), "y": f"{above:.1f}"}
        SubElement(self._root, "text", {"class": "strong", **place}).text = text

    def doubtful(self, start: float, text: str) -> None:
        """Shade what lies to the right of a value, and say why."""
        left = self._x(start)
        area = {"x": f"{left:.1f}", "width": f"{WIDTH - _RIGHT - left:.1f}"}
        column = {"y": str(_TOP), "height": str(INNER_HEIGHT), "class": "doubtful"}
        SubElement(SubElement(self._root, "rect", area | column), "title").text = text

    def column(self, start: float, end: float, title: str) -> None:
        """Let a title stand for all that is drawn between two values of the horizontal axis."""
        left, right = self._x(start), self._x(end)
        area = {"x": f"{left:.1f}", "width": f"{max(right - left, 0.5):.1f}"}
        column = {"y": str(_TOP), "height": str(INNER_HEIGHT), "class": "column"}
        SubElement(SubElement(self._root, "rect", area | column), "title").text = title

    def markup(self) -> Markup:
        """The finished SVG, safe to place into the page."""
        return finished(self._root)

    def _x(self, value: float) -> float:
        return _LEFT + self.x.place(value) * INNER_WIDTH

    def _y(self, value: float) -> float:
        return _TOP + (1 - self.y.place(value)) * INNER_HEIGHT

    def _axes(self) -> None:
        bottom = HEIGHT - _BOTTOM
        for value, label in self.y.ticks:
            y = f"{self._y(value):.1f}"
            ends = {"x1": str(_LEFT), "x2": str(WIDTH - _RIGHT), "y1": y, "y2": y}
            SubElement(self._root, "line", {"class": "grid", **ends})
            place = {"x": str(_LEFT - 8), "y": y, "dy": "0.35em", "class": "end"}
            SubElement(self._root, "text", place).text = label
        for value, label in self.x.ticks:
            x = f"{self._x(value):.1f}"
            ends = {"x1": x, "x2": x, "y1": str(bottom), "y2": str(bottom + 4)}
            SubElement(self._root, "line", {"class": "grid", **ends})
            at_end = self._x(value) > WIDTH - _RIGHT - 20
            place = {"x": str(WIDTH - 2) if at_end else x, "y": str(bottom + 18)}
            kind = "end" if at_end else "middle"
            SubElement(self._root, "text", {"class": kind, **place}).text = label
        corner = {"x": "2", "y": "14", "class": "name"}
        SubElement(self._root, "text", corner).text = self.y_name
        corner = {"x": str(WIDTH - 2), "y": str(HEIGHT - 5), "class": "name end"}
        SubElement(self._root, "text", corner).text = self.x_name


def canvas(width: int, height: int, summary: str) -> Element:
    """An empty drawing of this size in its own units, named by its summary."""
    size = {"viewBox": f"0 0 {width} {height}", "role": "img", "aria-label": summary}
    return Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size})


def finished(root: Element) -> Markup:
    """A drawing as markup."""
    return Markup(tostring(root, encoding="unicode"))


def _lonely(points: Sequence[Point]) -> list[tuple[float, float]]:
    values = [None, *(y for _, y in points), None]
    return [
        (x, y)
        for i, (x, y) in enumerate(points)
        if y is not None and values[i] is None and values[i + 2] is None
    ]
