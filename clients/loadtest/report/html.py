"""A load test's report as one HTML file that needs nothing else and asks nobody."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from loadtest.report import charts, figures, stages, sweep, tables, verdict
from loadtest.report.chart import Chart
from loadtest.report.tables import Table
from loadtest.results import Result, Run
from loadtest.told import told_of

_ENVIRONMENT = Environment(
    # All that stands in the file is escaped: workloads and addresses are other people's text.
    loader=PackageLoader("loadtest.report", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class _RunPage:
    """What the page shows of one run."""

    number: int
    name: str
    judged: bool
    facts: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    charts: tuple[Chart, ...]
    split: _Split | None
    tables: tuple[Table, ...]
    windows: Table | None


@dataclass(frozen=True)
class _Split:
    """The bar of stages with its legend, or why there is none."""

    svg: str
    table: Table | None
    note: str


def render(result: Result) -> str:
    """The report of a load test as a whole HTML file.

    Raises:
        ValueError: if one of the file's histograms cannot be read.
    """
    judged = told_of(result)
    pages = tuple(_run_page(n, run, run is judged) for n, run in enumerate(result.runs, start=1))
    found = sweep.search(result)
    return page(
        "report.html",
        title=f"Load test of {result.target.address}",
        sentence=verdict.sentence(result),
        held=verdict.held(result),
        badge=verdict.badge(result),
        warnings=verdict.warnings(result),
        tiles=_tiles(judged),
        objectives=tables.objectives(result),
        facts=_facts(result),
        command=shlex.join(result.command),
        workload=json.dumps(result.workload, indent=2, ensure_ascii=False, default=str),
        overview=tables.overview(result) if len(result.runs) > 1 else None,
        sweeps=((found,) if found else ()) + sweep.sweep(result),
        runs=pages,
    )


def page(template: str, **parts: object) -> str:
    """One of the report's templates, filled; text is escaped, SVG is taken as it is."""
    return _ENVIRONMENT.get_template(template).render(parts)


def _tiles(run: Run | None) -> tuple[tuple[str, str, str], ...]:
    """The figures that everybody looks for: name, figure, unit or reason."""
    if run is None:
        return ()
    failed = sum(run.failed.values())
    ended = failed + run.answered
    tiles = [("answered", figures.rate(run.throughput), "calls per second")]
    if run.pictures:
        tiles.insert(0, ("pictures", figures.rate(run.picture_rate), "per second"))
    for percent in ("50", "99"):
        value = run.latency.percentiles.get(percent)
        unit = "ms" if value is not None else figures.too_few(run.latency.count, percent)
        tiles.append((f"{percent} % within", figures.milliseconds(value), unit))
    share = figures.share(failed / ended if ended else None)
    tiles.append(("failed", share, f"of {figures.plural(ended, 'call')}"))
    return tuple(tiles)


def _facts(result: Result) -> tuple[tuple[str, str], ...]:
    target, machine = result.target, result.machine
    memory = figures.bytes_of_memory(machine.memory_bytes)
    return (
        ("Target", f"{target.address} ({target.kind})"),
        ("Server", target.server or "does not tell its name"),
        ("Load tester", f"impasto {result.impasto}, Python {machine.python}"),
        (
            "It ran on",
            f"{machine.processor}, {figures.plural(machine.cores, 'core')}, {memory}, "
            f"{machine.system}",
        ),
    )


def _run_page(number: int, run: Run, judged: bool) -> _RunPage:
    shown = (charts.latency_spectrum(run), charts.throughput(run), charts.latency_over_time(run))
    listed = (
        tables.percentiles(run),
        tables.failures(run),
        tables.entries(run),
        tables.steadiness(run),
        tables.stages(run.server) if run.server else None,
    )
    return _RunPage(
        number=number,
        name=figures.load(run.load),
        judged=judged,
        facts=_run_facts(run),
        warnings=verdict.run_warnings(run),
        charts=tuple(chart for chart in shown if chart),
        split=_split(run),
        tables=tuple(table for table in listed if table),
        windows=tables.windows(run),
    )


def _run_facts(run: Run) -> tuple[tuple[str, str], ...]:
    mode = "each caller waits for its answer (closed loop)"
    if run.load.mode == "open":
        mode = "calls are sent when they are due, answered or not (open loop)"
    facts = [
        ("Load", f"{figures.load(run.load)}: {mode}; seed {run.load.seed}"),
        ("Measured", f"{run.started:%Y-%m-%d %H:%M:%S %Z}, for {figures.short(run.seconds)} s"),
        (
            "Calls",
            f"{figures.count(run.sent)} sent, {figures.count(run.answered)} answered"
            f" ({figures.rate(run.throughput)} per second)",
        ),
        (
            "Pictures",
            f"{figures.count(run.pictures)} ({figures.rate(run.picture_rate)} per second)",
        ),
    ]
    if run.server:
        calls = ", ".join(f"{figures.count(n)} {code}" for code, n in run.server.calls.items())
        facts.append(("Server's count", f"{calls or 'no calls'} (from {run.server.source})"))
    return tuple(facts)


def _split(run: Run) -> _Split | None:
    if run.server is None:
        return _Split("", None, "The server told no metrics, so there is no split into its stages.")
    found, mean = stages.parts(run), run.latency.mean
    if not found or not mean:
        return None
    return _Split(stages.draw(found, mean), tables.split(found, mean), stages.note(run, found))
