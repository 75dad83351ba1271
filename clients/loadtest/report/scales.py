"""Axes: from values to pixels, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from loadtest.report import figures
from loadtest.report.spectrum import end_of, position

# A greatest value so many times the least needs a logarithmic axis to show both.
_WIDE = 8
# Beyond these no axis has marks that are numbers; what is outside stands at its end.
_LEAST, _GREATEST = 1e-9, 1e15


@dataclass(frozen=True)
class Scale:
    """One axis.

    Attributes:
        low: value at its beginning.
        high: value at its end; above `low`.
        ticks: values to mark, with their labels.
        logarithmic: equal ratios stand at equal distances.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool = False

    def place(self, value: float) -> float:
        """Where a value stands, from 0 at the beginning to 1 at the end, never outside."""
        if self.logarithmic:
            value, low, high = (math.log10(max(v, self.low)) for v in (value, self.low, self.high))
        else:
            low, high = self.low, self.high
        return min(max((value - low) / (high - low), 0.0), 1.0)


def from_zero(values: Iterable[float], label: Callable[[float], str] = figures.short) -> Scale:
    """A linear axis from 0 that holds all values."""
    greatest = min(max(values, default=0.0), _GREATEST)
    if greatest < _LEAST:
        return Scale(0, 1, ((0, label(0)), (1, label(1))))
    step = _round_step(greatest / 4)
    steps = math.ceil(greatest / step - 1e-9)
    return Scale(0, step * steps, tuple((i * step, label(i * step)) for i in range(steps + 1)))


def between(low: float, high: float) -> Scale:
    """A linear axis with exactly these ends, for the time of a measurement; `high` > `low`."""
    step = _round_step((high - low) / 6)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    marks = [i * step for i in range(first, last + 1)]
    return Scale(low, high, tuple((mark, figures.short(mark)) for mark in marks))


def for_latency(values: Iterable[float]) -> Scale:
    """An axis for times in seconds, labelled in ms; logarithmic where they are far apart."""
    known = [min(max(value, _LEAST), _GREATEST) for value in values if value > 0]
    if not known or max(known) < min(known) * _WIDE:
        return from_zero(known, _in_milliseconds)
    return _decades(min(known), max(known))


def for_percentiles(calls: int) -> Scale:
    """The axis of a percentile spectrum of so many calls, up to the slowest one."""
    high = max(end_of(calls), 1.0)
    marks = ["50", "90", "99", "99.9", "99.99", "99.999", "99.9999"]
    places = [(position(float(mark) / 100), f"{mark} %") for mark in marks]
    return Scale(0, high, tuple(place for place in places if place[0] <= high))


def _decades(least: float, greatest: float) -> Scale:
    low = 10 ** math.floor(math.log10(least))
    if least >= low * 5:
        low *= 5
    elif least >= low * 2:
        low *= 2
    # 1, 2, 5 over two decades; only the powers of ten over many.
    marks = (1, 2, 5) if greatest / low < 1000 else (1,)
    decade = math.floor(math.log10(low))
    ticks: list[float] = []
    while not ticks or ticks[-1] < greatest:
        ticks += [m * 10.0**decade for m in marks if m * 10.0**decade >= low * 0.999]
        decade += 1
    last = next(i for i, tick in enumerate(ticks) if tick >= greatest)
    shown = ticks[: last + 1]
    return Scale(low, shown[-1], tuple((t, _in_milliseconds(t)) for t in shown), True)


def _in_milliseconds(seconds: float) -> str:
    return figures.short(seconds * 1000)


def _round_step(least: float) -> float:
    """The least of 1, 2 or 5 times a power of ten that is not below."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= least * 0.999)
