"""Figures as the reports print them: sensible digits, units that a reader knows."""

from __future__ import annotations

from loadtest.percentiles import least_calls
from loadtest.results import Load

NOTHING = "-"
_ARRIVALS = {"poisson": "Poisson", "constant": "evenly spread", "trace": "recorded"}
_PARTS_OF = {"50": "half of the", "75": "3 of 4", "90": "9 of 10"}


def digits(value: float) -> str:
    """Three significant digits, all of them from 100 on, with commas between thousands."""
    size = abs(value)
    if size >= 99.95 or size == 0:
        return f"{value:,.0f}"
    if size >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 0.9995 else f"{value:.3f}"


def short(value: float) -> str:
    """The same without zeros at the end, for axes, sentences and what was asked for."""
    text = digits(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def milliseconds(seconds: float | None) -> str:
    """A time in ms, without its unit, for a column whose head names it."""
    return NOTHING if seconds is None else digits(seconds * 1000)


def time(seconds: float | None) -> str:
    """A time with its unit: "83.2 ms"; what is not known has none."""
    return NOTHING if seconds is None else f"{digits(seconds * 1000)} ms"


def rate(per_second: float | None) -> str:
    """So many per second, without the unit."""
    return NOTHING if per_second is None else digits(per_second)


def share(value: float | None) -> str:
    """A share of one as percent; what is not nothing is never printed as 0 %."""
    if value is None:
        return NOTHING
    if value == 0:
        return "0 %"
    if 0 < value < 0.0001:
        return "<0.01 %"
    return f"{value * 100:.2f} %" if value < 0.1 else f"{value * 100:.1f} %"


def percent(of_one: float) -> str:
    """A share that was asked for: "5 %"."""
    return f"{short(of_one * 100)} %"


def change(ratio: float | None) -> str:
    """A ratio as its distance from one: "+3.1 %"."""
    if ratio is None:
        return NOTHING
    if ratio >= 2:
        return f"{digits(ratio)} times"
    percent = round((ratio - 1) * 100, 1)
    return f"{percent:+.1f} %" if percent else "0.0 %"


def count(number: int) -> str:
    """A count with commas between thousands."""
    return f"{number:,}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A count with its noun: "1 call", "2 calls"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def too_few(calls: int, percent: str) -> str:
    """Why a percentile is not told."""
    return f"too few calls (n={count(calls)}, needs {count(least_calls(float(percent)))})"


def part_of(calls: str, percent: str) -> str:
    """A percentile for newcomers: "99 of 100 calls", where they are just "calls"."""
    if percent in _PARTS_OF:
        return f"{_PARTS_OF[percent]} {calls}"
    decimals = len(percent.partition(".")[2])
    whole = 100 * 10**decimals
    return f"{count(round(float(percent) * 10**decimals))} of {count(whole)} {calls}"


def load(given: Load) -> str:
    """A load in words: "16 callers" or "40 calls per second (Poisson)"."""
    if given.mode == "closed":
        return plural(given.concurrency or 0, "caller")
    arrivals = _ARRIVALS[given.arrivals or "trace"]
    return f"{short(given.rate or 0)} calls per second ({arrivals})"


def bytes_of_memory(size: int) -> str:
    """Memory in GiB."""
    return f"{size / 2**30:.1f} GiB"
