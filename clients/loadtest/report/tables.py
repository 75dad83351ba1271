"""The tables of a report: every figure of the file, in words and units that a reader knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from loadtest import untold
from loadtest.percentiles import least_calls
from loadtest.report import figures, verdict
from loadtest.report.stages import Part, in_order
from loadtest.results import Distribution, Entry, Objective, Result, Run, Server, Window
from loadtest.told import told_of

# A table of more windows would not be read; the JSON file has them all.
_WINDOWS = 240
_TOO_FEW = "too few"


@dataclass(frozen=True)
class Table:
    """A table; its first column names the row.

    Attributes:
        caption: what it shows, with the unit of its figures.
        head: names of the columns.
        rows: texts of the cells, as many as there are columns.
        swatches: classes of the marks before the rows' names, where it is a chart's legend.
        note: what else is to be known; may be empty.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    swatches: tuple[str, ...] = ()
    note: str = ""


def percentiles(run: Run) -> Table:
    """Latency of the answered calls, from when they were due and from when they were sent."""
    columns = [("latency", run.latency)]
    if run.load.mode == "open":
        columns = [("from due", run.latency), ("from sent", run.service_latency)]
    shown = [d for _, d in columns]
    rows = [("calls", *(figures.count(d.count) for d in shown))]
    rows += [(_row_name(p), *(_percentile(d, p) for d in shown)) for p in _percents(shown)]
    rows += [
        ("mean", *(figures.milliseconds(d.mean) for d in shown)),
        ("least", *(figures.milliseconds(d.least) for d in shown)),
        ("greatest", *(figures.milliseconds(d.greatest) for d in shown)),
    ]
    head = ("", *(name for name, _ in columns))
    return Table("Latency of the answered calls, ms", head, tuple(rows))


def failures(run: Run) -> Table | None:
    """Calls that did not end well, by code; None where all did."""
    if not run.failed:
        return None
    percents = [p for p in _percents(run.failed_latency.values()) if float(p) in (50, 99)]
    ended = run.answered + sum(run.failed.values())
    rows = []
    for code, number in run.failed.items():
        latency = run.failed_latency.get(code)
        cells = [figures.milliseconds(latency.mean if latency else None)]
        cells += _brief(latency.percentiles if latency else {}, percents)
        cells.append(figures.milliseconds(latency.greatest if latency else None))
        rows.append((code, figures.count(number), figures.share(number / ended), *cells))
    head = ("code", "calls", "share", "mean", *(_row_name(p) for p in percents), "greatest")
    note = _explained(rows, percents)
    return Table("Failed calls and how long they took, ms", head, tuple(rows), (), note)


def entries(run: Run) -> Table | None:
    """The kinds of request of a mixed workload; None of one kind."""
    if len(run.entries) < 2:
        return None
    percents = _percents(entry.latency for entry in run.entries)
    rows = tuple((entry.name, *_entry(entry, percents)) for entry in run.entries)
    head = ("request", "sent", "failed", "mean", *(_row_name(p) for p in percents))
    return Table(
        "By kind of request; latency of the answered, ms",
        head,
        rows,
        (),
        _explained(rows, percents),
    )


def windows(run: Run) -> Table | None:
    """The measurement's equal parts; None of none."""
    if not run.windows:
        return None
    percents = sorted({p for w in run.windows for p in w.percentiles}, key=float)
    rows = tuple(_window(window, percents) for window in run.windows[:_WINDOWS])
    head = ("from", "sent", "answered", "failed", "pictures", "mean", *map(_row_name, percents))
    hidden = len(run.windows) - len(rows)
    note = f"{figures.plural(hidden, 'more window')} in the JSON file." if hidden else ""
    length = figures.short(run.windows[0].seconds)
    return Table(f"Windows of {length} s; latency, ms", head, rows, (), note)


def split(parts: tuple[Part, ...], mean: float) -> Table:
    """The parts of a mean call, as the legend of their bar."""
    rows = tuple(
        (part.name, figures.milliseconds(part.seconds), figures.share(part.seconds / mean))
        for part in parts
    )
    return Table(
        "Parts of a mean call", ("part", "ms", "share"), rows, tuple(p.style for p in parts)
    )


def stages(server: Server) -> Table | None:
    """The server's stages, each by itself; None where it told none."""
    if not server.stages:
        return None
    percents = _percents_of(stage.percentiles for stage in server.stages)
    rows = tuple(
        (
            stage.stage,
            stage.model or figures.NOTHING,
            figures.count(stage.count),
            figures.milliseconds(stage.mean),
            *_brief(stage.percentiles, percents),
        )
        for stage in in_order(server.stages)
    )
    head = ("stage", "model", "count", "mean", *map(_row_name, percents))
    coarse = "Percentiles are read off the server's buckets and as coarse as these."
    note = f"{coarse} {_explained(rows, percents)}" if percents else ""
    return Table("The server's stages, ms", head, rows, (), note.strip())


def steadiness(run: Run) -> Table:
    """Whether the run was steady, and whether the load tester was in the way."""
    stability, client = run.stability, run.client
    late = _percents((client.lateness,))[-1:] if client.lateness.count else []
    rows = [
        ("steady", "yes" if stability.stable else "no"),
        ("windows compared", figures.count(stability.windows)),
        ("tolerance", figures.percent(stability.tolerance)),
        ("spread of throughput", figures.share(stability.throughput_spread)),
        ("spread of mean latency", figures.share(stability.latency_spread)),
        ("load tester's processes", figures.count(client.processes)),
        ("its processor time, cores", figures.digits(client.cpu)),
        ("of its busiest process", figures.share(client.busiest)),
        ("sent late, mean", figures.time(client.lateness.mean)),
        *((f"sent late, {p} %", _percentile(client.lateness, p)) for p in late),
        ("sent late, greatest", figures.time(client.lateness.greatest)),
    ]
    return Table("Steadiness and the load tester itself", ("", "figure"), tuple(rows))


def overview(result: Result) -> Table:
    """All runs, one a row."""
    percents = _percents(run.latency for run in result.runs)
    rows = []
    for number, run in enumerate(result.runs, start=1):
        rows.append(
            (
                f"{number}: {figures.load(run.load)}",
                figures.rate(run.throughput),
                figures.rate(run.picture_rate),
                figures.share(_failed_share(run)),
                *_brief(run.latency.percentiles, percents),
                *(_step(result, number - 1) if result.search else ()),
            )
        )
    head = ("run", "calls/s", "pictures/s", "failed", *map(_row_name, percents))
    head += ("objectives",) if result.search else ()
    return Table("All runs; latency, ms", head, tuple(rows), (), _explained(rows, percents))


def objectives(result: Result) -> Table | None:
    """What was asked for and what came; None where nothing was asked for."""
    run = told_of(result)
    if run is None or not result.objectives:
        return None
    rows = tuple(
        (
            objective.text,
            _measured(objective, run),
            "held" if objective.met else "not held",
        )
        for objective in result.objectives
    )
    note = "To an objective on a percentile, a failed call is one that was never answered."
    if verdict.stopped(result):
        note += f" The search was stopped; these are of {figures.load(run.load)} alone."
    return Table("Objectives", ("objective", "measured", "verdict"), rows, (), note)


def _measured(objective: Objective, run: Run) -> str:
    text, value = objective.text, objective.measured
    if value is None:
        return untold.reason(text, run)
    if text.lstrip().startswith("throughput"):
        return f"{figures.rate(value)}/s"
    return figures.share(value) if text.lstrip().startswith("errors") else figures.time(value)


def _step(result: Result, run: int) -> tuple[str]:
    steps = [s for s in result.search.steps if s.run == run] if result.search else []
    told = [
        ("held" if s.met else "not held") + (", confirming" if s.confirming else "") for s in steps
    ]
    return (", ".join(told) or figures.NOTHING,)


def _failed_share(run: Run) -> float | None:
    failed = sum(run.failed.values())
    ended = failed + run.answered
    return failed / ended if ended else None


def _entry(entry: Entry, percents: list[str]) -> tuple[str, ...]:
    failed = ", ".join(f"{figures.count(n)} {code}" for code, n in entry.failed.items())
    return (
        figures.count(entry.sent),
        failed or "0",
        figures.milliseconds(entry.latency.mean),
        *_brief(entry.latency.percentiles, percents),
    )


def _window(window: Window, percents: list[str]) -> tuple[str, ...]:
    failed = ", ".join(f"{figures.count(n)} {code}" for code, n in window.failed.items())
    return (
        f"{figures.short(window.start)} s",
        figures.count(window.sent),
        figures.count(window.answered),
        failed or "0",
        figures.count(window.pictures),
        figures.milliseconds(window.mean),
        # Why one is missing stands beside the chart, not in each of hundreds of cells.
        *(figures.milliseconds(window.percentiles.get(p)) for p in percents),
    )


def _percentile(distribution: Distribution, percent: str) -> str:
    if percent not in distribution.percentiles:
        return figures.NOTHING
    return _value(distribution.percentiles[percent], distribution.count, percent)


def _value(seconds: float | None, count: int, percent: str) -> str:
    return figures.too_few(count, percent) if seconds is None else figures.milliseconds(seconds)


def _brief(values: dict[str, float | None], percents: list[str]) -> tuple[str, ...]:
    return tuple(
        _TOO_FEW if p in values and values[p] is None else figures.milliseconds(values.get(p))
        for p in percents
    )


def _explained(rows: Iterable[tuple[str, ...]], percents: list[str]) -> str:
    """What "too few" means in these rows; empty where none says so."""
    if not any(_TOO_FEW in cells for cells in rows):
        return ""
    needs = ", ".join(f"{figures.count(least_calls(float(p)))} for {p} %" for p in percents)
    return f"Too few: of calls; it takes {needs}."


def _percents(distributions: Iterable[Distribution]) -> list[str]:
    return _percents_of(distribution.percentiles for distribution in distributions)


def _percents_of(mappings: Iterable[dict[str, float | None]]) -> list[str]:
    return sorted({percent for mapping in mappings for percent in mapping}, key=float)


def _row_name(name: str) -> str:
    return f"{name} %" if name[0].isdigit() else name
