"""Charts over several runs: a search for the greatest rate, or a sweep of loads."""

from __future__ import annotations

import re
from collections.abc import Callable

from loadtest.report import figures
from loadtest.report.chart import Chart, Drawing, Series
from loadtest.report.scales import for_latency, from_zero
from loadtest.results import Objective, Result, Run

_PERCENTILE = re.compile(r"p(\d+(?:\.\d+)?)")
_PERCENT = "99"


def search(result: Result) -> Chart | None:
    """Each rate that was tried against the percentile that bounds it; None of no search."""
    steps = [s for s in result.search.steps if s.run < len(result.runs)] if result.search else []
    if not steps:
        return None
    percent, objective = _bounding(result)
    found = [(s, result.runs[s.run].latency.percentiles.get(percent)) for s in steps]
    latencies = [value for _, value in found if value is not None]
    bounds = [objective.bound] if objective else []
    y = for_latency(latencies + bounds)
    drawing = Drawing(
        f"{percent} % latency at each of {figures.plural(len(steps), 'tried rate')}",
        from_zero([s.rate for s in steps]),
        y,
        "calls per second",
        f"{percent} % latency, ms" + (", logarithmic" if y.logarithmic else ""),
    )
    if objective:
        drawing.bound(objective.bound, objective.text)
    for step, value in found:
        if value is not None:
            told = ("held" if step.met else "not held") + (
                ", confirming" if step.confirming else ""
            )
            style = ("s3" if step.met else "bad") + (" hollow" if step.confirming else "")
            title = f"{figures.rate(step.rate)} calls/s: {figures.time(value)}, {told}"
            drawing.dot(step.rate, value, style, title)
    untold = len(found) - len(latencies)
    note = (
        "Hollow points are repeated runs that confirm a rate. A rate below the line does not hold "
        "where too many calls failed."
    )
    if untold:
        note += f" {figures.plural(untold, 'rate')} had too few calls for {percent} %."
    legend = (("all objectives held", "s3"), ("an objective did not hold", "bad"))
    return Chart("Search for the greatest rate", legend, drawing.markup(), note, mark="dot")


def sweep(result: Result) -> tuple[Chart, ...]:
    """Throughput and latency against the load; none unless all runs have one kind of load."""
    modes = {run.load.mode for run in result.runs}
    # A run that was interrupted before it measured anything is no point of a line.
    loads = [(_amount(run), run) for run in result.runs if run.seconds]
    runs = sorted([(x, run) for x, run in loads if x is not None], key=_first)
    different = {x for x, _ in runs}
    if result.search or len(modes) != 1 or len(different) < 2 or len(runs) < len(loads):
        return ()
    name = "callers" if modes == {"closed"} else "calls due per second"
    return (_throughput(runs, name), _latency(runs, name))


def _throughput(runs: list[tuple[float, Run]], name: str) -> Chart:
    line = Series("answered", "s1", [(x, run.throughput) for x, run in runs])
    failed = [(x, sum(run.failed.values()) / run.seconds) for x, run in runs]
    lines = [line] + ([Series("failed", "bad", failed)] if any(y for _, y in failed) else [])
    values = [y for one in lines for _, y in one.points if y is not None]
    drawing = Drawing(
        f"Calls per second against {name}",
        from_zero([x for x, _ in runs]),
        from_zero(values),
        name,
        "calls per second",
    )
    return _drawn("Throughput against load", drawing, lines, lambda y: f"{figures.rate(y)}/s")


def _latency(runs: list[tuple[float, Run]], name: str) -> Chart:
    wanted = (("50", "s1"), ("90", "s3"), (_PERCENT, "s4"))
    lines = [
        Series(f"{p} %", style, [(x, run.latency.percentiles.get(p)) for x, run in runs])
        for p, style in wanted
    ]
    lines = [line for line in lines if any(y is not None for _, y in line.points)]
    y = for_latency([y for line in lines for _, y in line.points if y is not None])
    drawing = Drawing(
        f"Latency against {name}",
        from_zero([x for x, _ in runs]),
        y,
        name,
        "ms, logarithmic" if y.logarithmic else "ms",
    )
    return _drawn("Latency against load", drawing, lines, figures.time)


def _drawn(
    title: str, drawing: Drawing, lines: list[Series], told: Callable[[float], str]
) -> Chart:
    for line in lines:
        drawing.line(line)
        for x, y in line.points:
            if y is not None:
                drawing.dot(x, y, line.style, f"{figures.short(x)}: {line.name} {told(y)}")
    legend = tuple((line.name, line.style) for line in lines)
    return Chart(title, legend, drawing.markup())


def _bounding(result: Result) -> tuple[str, Objective | None]:
    for objective in result.objectives:
        named = _PERCENTILE.search(objective.text)
        if named:
            return named[1], objective
    return _PERCENT, None


def _amount(run: Run) -> float | None:
    return run.load.concurrency if run.load.mode == "closed" else run.load.rate


def _first(pair: tuple[float, Run]) -> float:
    return pair[0]
