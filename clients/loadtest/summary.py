"""What a test found, as text of at most 80 columns."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from loadtest import figures, untold
from loadtest.results import Distribution, Objective, Result, Run, Search, Server
from loadtest.stability import falls_behind
from loadtest.told import told_of

_SHOWN = ("50", "90", "99", "99.9")
_MOST_ENTRIES = 20
_BUSY_STAGES = 12


def show(result: Result, console: Console) -> None:
    """Print all of it."""
    if len(result.runs) > 1:
        console.print(_overview(result))
    run = told_of(result)
    # A test that measured nothing has no result.
    assert run is not None
    version = f" ({result.target.server})" if result.target.server else ""
    console.print(
        Text(
            f"{figures.load(run.load)}: {run.seconds:.1f} s of {result.target.kind} at "
            f"{result.target.address}{version}, seed {run.load.seed}",
            style="bold",
        )
    )
    if run.interrupted:
        console.print(Text("interrupted; these are the figures until then", style="yellow"))
    pictures = f", {figures.per_second(run.picture_rate)} pictures/s" if run.pictures else ""
    console.print(
        f"{figures.per_second(run.throughput)} answers/s{pictures}; {run.answered} of {run.sent} "
        "calls answered",
        highlight=False,
    )
    if run.failed:
        console.print(Text(f"failed: {figures.failures(run.failed)}", style="red"))
    console.print(_latencies(run))
    if missing := figures.too_few(run.latency):
        console.print(f"too few calls (n={run.latency.count}): {missing}", style="dim")
    _show_stability(run, console)
    if run.server is not None:
        console.print(_stages(run.server))
    elif result.target.kind != "oip":
        console.print(
            "no view of the server's: --metrics-url says where its metrics are", style="dim"
        )
    for warning in run.client.warnings:
        console.print(Text(f"WARNING: {warning}", style="yellow"))
    if result.search is not None:
        console.print(_found(result.search, result.runs[-1]))
    for verdict in _verdicts(result, run):
        console.print(verdict)


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column(columns[0], overflow="fold")
    for column in columns[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _latencies(run: Run) -> Table:
    table = _table("latency, ms", "calls", "mean", *(f"p{name}" for name in _SHOWN), "max")
    since = "from when they were due" if run.load.mode == "open" else "answered calls"
    table.add_row(since, *_cells(run.latency))
    if run.load.mode == "open":
        table.add_row("from when they were sent", *_cells(run.service_latency), style="dim")
        table.add_row("sent too late by", *_cells(run.client.lateness), style="dim")
    if len(run.entries) > 1:
        for entry in run.entries[:_MOST_ENTRIES]:
            table.add_row(Text(f"  {entry.name}"), *_cells(entry.latency))
    for code, distribution in run.failed_latency.items():
        table.add_row(f"  {code}", *_cells(distribution), style="red")
    return table


def _cells(distribution: Distribution) -> list[str]:
    values = [distribution.mean, *(distribution.percentiles[name] for name in _SHOWN)]
    return [
        str(distribution.count),
        *(figures.milliseconds(value) for value in (*values, distribution.greatest)),
    ]


def _stages(server: Server) -> Table:
    table = _table("the server's view, ms", "count", "mean", *(f"p{name}" for name in _SHOWN))
    longest = sorted(server.stages, key=lambda stage: -stage.mean * stage.count)[:_BUSY_STAGES]
    for stage in longest:
        cells = [figures.milliseconds(stage.percentiles[name]) for name in _SHOWN]
        name = Text(f"{stage.stage} {stage.model}".strip())
        table.add_row(name, str(stage.count), figures.milliseconds(stage.mean), *cells)
    calls = ", ".join(f"{count} {code}" for code, count in sorted(server.calls.items()))
    table.caption = f"{server.source}: {calls or 'no calls'}"
    table.caption_justify = "left"
    return table


def _show_stability(run: Run, console: Console) -> None:
    steady = run.stability
    if steady.throughput_spread is None or steady.latency_spread is None:
        said = "not known whether it was stable: a window without answers"
    else:
        behind = (
            "; under 90 % of the calls that were due were answered in them"
            if run.load.mode == "open" and falls_behind(run.windows[-steady.windows :])
            else ""
        )
        said = (
            f"{'stable' if steady.stable else 'NOT STABLE'}: the last {steady.windows} windows "
            f"differ by {steady.throughput_spread:.0%} in throughput, {steady.latency_spread:.0%} "
            f"in mean latency ({steady.tolerance:.0%} may be){behind}"
        )
    console.print(Text(said, style="dim" if steady.stable else "yellow"))


def _overview(result: Result) -> Table:
    table = _table("run", "answers/s", "failed", "p50 ms", "p99 ms", "")
    held = {step.run: step.met for step in result.search.steps} if result.search else {}
    for number, run in enumerate(result.runs):
        table.add_row(
            figures.short_load(run.load),
            figures.per_second(run.throughput),
            str(sum(run.failed.values())),
            figures.milliseconds(run.latency.percentiles["50"]),
            figures.milliseconds(run.latency.percentiles["99"]),
            {True: "holds", False: "does not", None: ""}[held.get(number)],
        )
    return table


def _found(search: Search, last: Run) -> Text:
    if search.stopped == "interrupted":
        return Text("the search was interrupted before its end", style="yellow")
    if search.stopped == "limited":
        return Text(
            f"the search ended at {figures.load(last.load)}: limited by the load tester, not by "
            f"the server: {'; '.join(last.client.warnings)}",
            style="red",
        )
    if search.greatest is None:
        return Text("no rate was found that holds the objectives", style="red")
    again = sum(step.confirming and step.rate == search.greatest for step in search.steps)
    return Text(
        f"greatest rate that holds: {figures.per_second(search.greatest)} calls/s, confirmed by "
        f"{again} runs",
        style="green",
    )


def _verdicts(result: Result, run: Run) -> list[Text]:
    """What became of each bound; a search that was stopped has judged none."""
    if result.search is not None and result.search.stopped:
        return []
    return [_verdict(objective, run) for objective in result.objectives]


def _verdict(objective: Objective, run: Run) -> Text:
    text = objective.text
    if objective.measured is None:
        return Text(f"NOT MET {text}: {untold.reason(text, run)}", style="red")
    measured = {
        "e": f"{objective.measured:.2%}",
        "t": f"{figures.per_second(objective.measured)}/s",
    }.get(text.strip()[0], f"{figures.milliseconds(objective.measured)} ms")
    word, style = ("met", "green") if objective.met else ("NOT MET", "red")
    return Text(f"{word} {text}: {measured}", style=style)
