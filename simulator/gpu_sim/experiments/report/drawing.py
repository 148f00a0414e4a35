"""Drawings as SVG within a page: an area with axes, in which places are given in the units of the data."""

from collections.abc import Iterable, Sequence
from html import escape

WIDTH = 1000
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 22, 34
_TICKS = 5

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a8a00", "#777777")
"""The colours of Okabe and Ito, which colour-blind people tell apart."""


class Drawing:
    """A drawing whose x goes from `x_min` to `x_max` and whose y from `y_min` at the bottom to `y_max`."""

    def __init__(
        self, height: int, x: tuple[float, float], y: tuple[float, float], *, x_title: str, y_title: str = ""
    ) -> None:
        self._height = height
        self._x_min, self._x_max = x if x[1] > x[0] else (x[0] - 0.5, x[0] + 0.5)
        self._y_min, self._y_max = y if y[1] > y[0] else (y[0] - 0.5, y[0] + 0.5)
        self._titles = x_title, y_title
        self._parts: list[str] = []

    def x(self, value: float) -> float:
        """The place of a value from the left."""
        share = (value - self._x_min) / (self._x_max - self._x_min)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 2)

    def y(self, value: float) -> float:
        """The place of a value from the top."""
        share = (value - self._y_min) / (self._y_max - self._y_min)
        return round(self._height - _BOTTOM - share * (self._height - _TOP - _BOTTOM), 2)

    def bar(self, from_x: float, to_x: float, top: float, height: float, kind: str, about: str = "") -> None:
        """A bar between two values of x, at a place from the top; `about` is told when one points at it."""
        left = self.x(from_x)
        width = max(0.75, self.x(to_x) - left)
        self._parts.append(
            f'<rect class="{kind}" x="{left}" y="{top}" width="{width:.2f}" height="{height}">{_about(about)}</rect>'
        )

    def line(self, points: Sequence[tuple[float, float]], color: str, *, dashed: bool = False) -> None:
        """A line through points."""
        path = " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self._parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.6"{dash}/>')

    def steps(self, points: Sequence[tuple[float, float]], to_x: float, color: str, *, dashed: bool = False) -> None:
        """A line of steps: each value holds until the next point, the last up to `to_x`."""
        ends = [*(x for x, _ in points[1:]), to_x]
        self.line(
            [corner for (x, y), end in zip(points, ends, strict=True) for corner in ((x, y), (end, y))],
            color,
            dashed=dashed,
        )

    def dot(self, x: float, y: float, color: str, about: str = "", *, size: float = 4) -> None:
        """A point, with what is told when one points at it."""
        self._parts.append(
            f'<circle cx="{self.x(x)}" cy="{self.y(y)}" r="{size}" fill="{color}">{_about(about)}</circle>'
        )

    def spread(self, x: float, low: float, high: float, color: str) -> None:
        """An upright line from one value of y to another, as far as the drawing goes."""
        at, low, high = self.x(x), max(low, self._y_min), min(high, self._y_max)
        self._parts.append(f'<path d="M{at} {self.y(low)}V{self.y(high)}" stroke="{color}" stroke-width="1.2"/>')

    def mark(self, x: float, top: float, height: float, kind: str, about: str) -> None:
        """An upright mark at a value of x, at a place from the top."""
        self._parts.append(
            f'<rect class="{kind}" x="{self.x(x) - 1}" y="{top}" width="2" height="{height}">{_about(about)}</rect>'
        )

    def label(self, x: float, top: float, text: str) -> None:
        """A text that begins at a value of x, at a place from the top."""
        self._parts.append(f'<text x="{self.x(x)}" y="{top}">{escape(text)}</text>')

    def svg(self, about: str, *, y_axis: bool = True) -> str:
        """The drawing; `about` is read out in its place."""
        bottom = self._height - _BOTTOM
        axes = [f'<path class="axis" d="M{_LEFT} {_TOP}V{bottom}H{WIDTH - _RIGHT}"/>']
        axes += (
            f'<text class="tick" text-anchor="middle" x="{self.x(value)}" y="{bottom + 14}">{value:g}</text>'
            for value in _round_values(self._x_min, self._x_max)
        )
        if y_axis:
            axes += (
                f'<path class="grid" d="M{_LEFT} {self.y(value)}H{WIDTH - _RIGHT}"/><text class="tick"'
                f' text-anchor="end" x="{_LEFT - 5}" y="{self.y(value) + 4}">{value:g}</text>'
                for value in _round_values(self._y_min, self._y_max)
            )
        x_title, y_title = map(escape, self._titles)
        axes.append(
            f'<text class="tick" text-anchor="end" x="{WIDTH - _RIGHT}" y="{self._height - 4}">{x_title}</text>'
        )
        axes.append(f'<text class="tick" x="2" y="{_TOP - 10}">{y_title}</text>')
        return (
            f'<div class="wide"><svg viewBox="0 0 {WIDTH} {self._height}" role="img" aria-label="{escape(about)}">'
            f"{''.join(axes)}{''.join(self._parts)}</svg></div>"
        )


def legend(names: Iterable[tuple[str, str]]) -> str:
    """The meaning of colours: pairs of a colour and a text."""
    shown = (f'<span><i style="background:{color}"></i>{escape(text)}</span>' for color, text in names)
    return f'<p class="legend">{" ".join(shown)}</p>'


def _about(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def _round_values(low: float, high: float) -> Iterable[float]:
    """Some round values from one end to the other."""
    step = 10.0 ** _digits((high - low) / _TICKS)
    step *= next(each for each in (1, 2, 5, 10) if step * each * _TICKS >= high - low)
    number = -(-low // step)
    while number * step <= high + step / 1e6:
        yield round(number * step, 10) + 0.0  # no zero has a sign
        number += 1


def _digits(value: float) -> int:
    digits = 0
    while value >= 10:  # the base of decimal numbers
        value, digits = value / 10, digits + 1
    while value < 1:
        value, digits = value * 10, digits - 1
    return digits
