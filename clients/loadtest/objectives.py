"""Bounds that a run must hold, such as `p99<50ms` or `errors<1%`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from hdrh.histogram import HdrHistogram

from loadtest.errors import WrongUse
from loadtest.percentiles import rank, tells
from loadtest.results import Objective, Run

_TEXT = re.compile(
    r"\s*(?P<what>p\d+(?:\.\d+)?|mean|errors|throughput)\s*(?P<sign>[<>])\s*"
    r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|s|%|)\s*"
)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
EXPECTED = "p99<50ms, p99.9<1s, mean<20ms, errors<1% or throughput>80"


@dataclass(frozen=True)
class Bound:
    """One bound.

    Attributes:
        text: as it was asked for.
        kind: what is bounded.
        percent: of a percentile.
        number: the bound: seconds, a share, or answers per second.
    """

    text: str
    kind: Literal["percentile", "mean", "errors", "throughput"]
    percent: float
    number: float

    def judged(self, run: Run) -> Objective:
        """Whether a run held it. What cannot be told is not held."""
        measured = self._measured(run)
        met = measured is not None and (
            measured > self.number if self.kind == "throughput" else measured < self.number
        )
        return Objective(text=self.text, bound=self.number, measured=measured, met=met)

    def _measured(self, run: Run) -> float | None:
        if self.kind == "throughput":
            return run.throughput
        if self.kind == "errors":
            return sum(run.failed.values()) / run.sent if run.sent else None
        if self.kind == "mean":
            # One that failed took for ever.
            return None if run.failed else run.latency.mean
        return percentile_of_all(run, self.percent)


def parsed(text: str) -> Bound:
    """A bound from what a user wrote.

    Raises:
        WrongUse: it is none.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise WrongUse(f"--slo: expected something like {EXPECTED}, got {text!r}")
    what, unit, number = found["what"], found["unit"], float(found["number"])
    sign = ">" if what == "throughput" else "<"
    if found["sign"] != sign:
        raise WrongUse(f"--slo: expected {what}{sign}..., got {text!r}")
    if what == "throughput" and not unit:
        return Bound(text, "throughput", 0, number)
    if what == "errors" and unit in ("%", ""):
        return Bound(text, "errors", 0, number / 100 if unit else number)
    if unit not in _SECONDS or what in ("throughput", "errors"):
        units = {"throughput": "no unit", "errors": "% or a share"}.get(what, "us, ms or s")
        raise WrongUse(f"--slo: expected {units} in {text!r}")
    if what == "mean":
        return Bound(text, "mean", 0, number * _SECONDS[unit])
    percent = float(what[1:])
    if not 0 < percent < 100:
        raise WrongUse(f"--slo: expected a percentile between 0 and 100, got {text!r}")
    return Bound(text, "percentile", percent, number * _SECONDS[unit])


def percentile_of_all(run: Run, percent: float) -> float | None:
    """A percentile over all calls, of which the failed took for ever.

    A server that refuses every second call would hold any bound otherwise. None where the calls are
    too few, or where so many failed that there is no such time.
    """
    failed = sum(run.failed.values())
    total = run.latency.count + failed
    if not tells(percent, total) or rank(percent, total) > run.latency.count:
        return None
    histogram = HdrHistogram.decode(run.latency.histogram)
    share = 100 * rank(percent, total) / run.latency.count
    microseconds = histogram.get_value_at_percentile(share)
    return min(microseconds / 1e6, run.latency.greatest or 0.0)
