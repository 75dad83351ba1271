"""A comparison as one HTML file that needs nothing else and asks nobody."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from loadtest.report import figures
from loadtest.report.chart import Chart, Drawing, Series
from loadtest.report.compare import Change, Comparison, compare, figure, paired
from loadtest.report.comparison_text import cells
from loadtest.report.html import page
from loadtest.report.noise import Noise
from loadtest.report.scales import for_latency, for_percentiles
from loadtest.report.spectrum import spectrum
from loadtest.report.tables import Table
from loadtest.results import Result, Run

_HEAD = ("", "before", "after", "change", "judgement")


def render(before: Result, after: Result, tolerance: float | None = None) -> str:
    """The comparison of two load tests as a whole HTML file.

    Args:
        before: the load test to compare with.
        after: the one to judge.
        tolerance: share by which it may be worse; None where nothing is judged.

    Raises:
        ValueError: if one of the files' histograms cannot be read.
    """
    comparison = compare(before, after)
    regressions = None if tolerance is None else comparison.regressions(tolerance)
    runs, _ = paired(before, after)
    return page(
        "comparison.html",
        title="Two load tests compared",
        sentence=sentence(comparison),
        regressions=regressions,
        unjudged=comparison.unjudged() if tolerance is not None else (),
        tolerance=figures.percent(tolerance or 0),
        warnings=comparison.warnings,
        commands=(
            ("Before", shlex.join(comparison.before)),
            ("After", shlex.join(comparison.after)),
        ),
        greatest=_table("Greatest rate", (comparison.greatest,)) if comparison.greatest else None,
        pairs=[
            {
                "load": pair.load,
                "warnings": pair.warnings,
                "chart": _spectra(*both),
                "changes": _table("Throughput, latency and errors", pair.changes),
                "stages": _table("The server's stages, means", pair.stages),
            }
            for pair, both in zip(comparison.pairs, runs, strict=True)
        ],
        unpaired=comparison.unpaired,
    )


def sentence(comparison: Comparison) -> str:
    """What changed, for somebody in a hurry."""
    if comparison.greatest:
        change = comparison.greatest
        if change.before is None or change.after is None:
            return f"The greatest rates cannot be compared: {change.reason}."
        told = f"{figures.rate(change.before)} to {figures.rate(change.after)} calls per second"
        return f"The greatest rate that holds went from {told}."
    changes = [change for pair in comparison.pairs for change in pair.changes]
    if not changes:
        return "Nothing to compare: no load is in both files."
    beyond = [change for change in changes if change.noise is Noise.BEYOND]
    worse = _named(change for change in beyond if change.worsening())
    better = _named(change for change in beyond if not change.worsening())
    parts = [f"worse: {worse}" if worse else "", f"better: {better}" if better else ""]
    differences = "; ".join(part for part in parts if part)
    if differences:
        return f"Beyond the noise, {differences}."
    if all(change.before == change.after for change in changes):
        return "No difference."
    return "No difference that is beyond the noise of the windows."


def _named(changes: Iterable[Change]) -> str:
    return ", ".join(dict.fromkeys(f"{change.name} ({_by(change)})" for change in changes))


def _by(change: Change) -> str:
    if change.ratio is not None:
        return figures.change(change.ratio)
    return f"{figure(change, change.before)} to {figure(change, change.after)}"


def _table(caption: str, changes: tuple[Change, ...]) -> Table:
    return Table(caption, _HEAD, tuple(cells(change) for change in changes))


def _spectra(before: Run, after: Run) -> Chart | None:
    lines = [
        Series("before", "s2", spectrum(before.latency)),
        Series("after", "s1", spectrum(after.latency)),
    ]
    values = [y for line in lines for _, y in line.points if y]
    if not values:
        return None
    y = for_latency(values)
    drawing = Drawing(
        "Latency by percentile, before and after",
        for_percentiles(max(before.latency.count, after.latency.count)),
        y,
        "percentile of the calls",
        "ms, logarithmic" if y.logarithmic else "ms",
    )
    for line in lines:
        drawing.line(line)
    legend = tuple((line.name, line.style) for line in lines)
    return Chart("Latency by percentile", legend, drawing.markup())
