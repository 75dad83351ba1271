"""The charts of one run: its percentile spectrum, and its windows over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from loadtest.report import figures
from loadtest.report.chart import Chart, Drawing, Point, Series
from loadtest.report.scales import between, for_latency, for_percentiles, from_zero
from loadtest.report.spectrum import position, spectrum
from loadtest.results import Distribution, Run, Window

# Longer measurements show their windows' figures for so many columns at most.
_COLUMNS = 240


def latency_spectrum(run: Run) -> Chart | None:
    """Latency by percentile, beside that from sending; None of no answered call."""
    latency = spectrum(run.latency)
    if not latency:
        return None
    lines = [Series("latency", "s1", latency)]
    if run.load.mode == "open":
        lines = [
            Series("latency, from when the call was due", "s1", latency),
            Series("service latency, from when it was sent", "s2", spectrum(run.service_latency)),
        ]
    y = for_latency([seconds for line in lines for _, seconds in line.points if seconds])
    summary = f"Latency by percentile: {_told(run.latency)}"
    axis = "ms, logarithmic" if y.logarithmic else "ms"
    drawing = Drawing(
        summary, for_percentiles(run.latency.count), y, "percentile of the calls", axis
    )
    doubt = _first_untold(run.latency)
    if doubt:
        start = position(_last_told(run.latency) / 100)
        drawing.doubtful(start, f"{doubt} %: {figures.too_few(run.latency.count, doubt)}")
    for line in reversed(lines):
        drawing.line(line)
    for percent, value in run.latency.percentiles.items():
        if value is not None and float(percent) < 100:
            title = f"{percent} % of the calls within {figures.time(value)}"
            drawing.dot(position(float(percent) / 100), value, "s1", title)
    return Chart(
        "Latency by percentile",
        tuple((line.name, line.style) for line in lines),
        drawing.markup(),
        _spectrum_note(run, bool(doubt)),
    )


def throughput(run: Run) -> Chart | None:
    """Calls over time by window; None of no windows."""
    if not run.windows:
        return None
    lines = [
        Series("answered", "s1", _by_window(run.windows, lambda w: w.answered / w.seconds)),
        Series("sent", "s2", _by_window(run.windows, lambda w: w.sent / w.seconds)),
    ]
    if run.failed:
        failed = _by_window(run.windows, lambda w: sum(w.failed.values()) / w.seconds)
        lines.append(Series("failed", "bad", failed))
    rates = [y for line in lines for _, y in line.points if y is not None]
    end = _end(run.windows)
    drawing = Drawing(
        f"Calls per second over {figures.short(end)} s: {figures.rate(run.throughput)} answered",
        between(0, end),
        from_zero(rates),
        "seconds of the measurement",
        "calls per second",
    )
    for line in reversed(lines):
        drawing.steps(line, end)
    _columns(drawing, run.windows, _calls_of)
    legend = tuple((line.name, line.style) for line in lines)
    return Chart("Throughput and failures over time", legend, drawing.markup())


def latency_over_time(run: Run) -> Chart | None:
    """The windows' percentiles over time, of those that any window could tell, and their means."""
    if not run.windows:
        return None
    told = {p for w in run.windows for p, value in w.percentiles.items() if value is not None}
    styles = zip(_spread(sorted(told, key=float)), ("s1", "s3", "s4"), strict=False)
    lines = [
        Series(f"{percent} %", style, _of_percentile(run.windows, percent))
        for percent, style in styles
    ]
    lines.append(Series("mean", "s2", _by_window(run.windows, lambda w: w.mean, True)))
    values = [y for line in lines for _, y in line.points if y is not None]
    if not values:
        return None
    y, end = for_latency(values), _end(run.windows)
    drawing = Drawing(
        f"Latency over {figures.short(end)} s, by window",
        between(0, end),
        y,
        "seconds of the measurement",
        "ms, logarithmic" if y.logarithmic else "ms",
    )
    for line in lines:
        drawing.line(line, dots=len(run.windows) <= 40)
    _columns(drawing, run.windows, _latencies_of)
    untold = sorted({p for w in run.windows for p in w.percentiles} - told, key=float)
    note = ""
    if untold:
        names = ", ".join(f"{percent} %" for percent in untold)
        most = max(w.answered for w in run.windows)
        note = f"No window has enough calls for {names} (at most {figures.count(most)})."
    legend = tuple((line.name, line.style) for line in lines)
    return Chart("Latency over time", legend, drawing.markup(), note)


def _spread(percents: Sequence[str]) -> list[str]:
    """The least, a middle and the greatest of them: more lines would not be told apart."""
    if len(percents) <= 3:
        return list(percents)
    return [percents[0], percents[len(percents) // 2], percents[-1]]


def _by_window(
    windows: Sequence[Window], of: Callable[[Window], float | None], middle: bool = False
) -> list[Point]:
    return [(w.start + (w.seconds / 2 if middle else 0), of(w)) for w in windows]


def _of_percentile(windows: Sequence[Window], percent: str) -> list[Point]:
    return _by_window(windows, lambda w: w.percentiles.get(percent), True)


def _end(windows: Sequence[Window]) -> float:
    return windows[-1].start + windows[-1].seconds


def _columns(drawing: Drawing, windows: Sequence[Window], of: Callable[[Window], str]) -> None:
    if len(windows) <= _COLUMNS:
        for w in windows:
            span = f"{figures.short(w.start)} to {figures.short(w.start + w.seconds)} s"
            drawing.column(w.start, w.start + w.seconds, f"{span}: {of(w)}")


def _calls_of(window: Window) -> str:
    failed = ", ".join(f"{figures.count(n)} {code}" for code, n in window.failed.items())
    told = f"{figures.count(window.sent)} sent, {figures.count(window.answered)} answered"
    return f"{told}, {failed}" if failed else told


def _latencies_of(window: Window) -> str:
    told = [f"mean {figures.time(window.mean)}"]
    told += [f"{p} % {figures.time(v)}" for p, v in window.percentiles.items() if v is not None]
    return ", ".join(told)


def _told(distribution: Distribution) -> str:
    known = distribution.percentiles.items()
    return ", ".join(f"{p} % within {figures.time(v)}" for p, v in known if v is not None)


def _first_untold(distribution: Distribution) -> str | None:
    untold = [p for p, v in distribution.percentiles.items() if v is None]
    return min(untold, key=float, default=None)


def _last_told(distribution: Distribution) -> float:
    return max((float(p) for p, v in distribution.percentiles.items() if v is not None), default=0)


def _spectrum_note(run: Run, doubtful: bool) -> str:
    note = "Read: so many percent of the calls took at most so long."
    if run.load.mode == "open":
        note += (
            " Where the lines part, calls were sent later than they were due; a tester that counts "
            "from sending would hide that wait."
        )
    if doubtful:
        note += " Shaded: too few calls to tell."
    return note
