"""What a load test found, in a sentence, and what to know before one believes it."""

from __future__ import annotations

from typing import Literal

from loadtest.percentiles import least_calls
from loadtest.report import figures
from loadtest.results import Result, Run, Search
from loadtest.told import told_of

# From these on, the best that was told goes into the sentence.
_NAMED = ("99", "95", "90", "50")
# A load test that cannot tell these was too short.
_EXPECTED = 99


def sentence(result: Result) -> str:
    """The verdict, for somebody who has never read a load test's report."""
    run = told_of(result)
    if run is None:
        return "Nothing was measured."
    told = f"{_pace(run)}{_latency(run)}{_failures(run)}"
    if result.search and result.search.greatest is not None:
        told = f"{_found(result.search)} {told}"
    elif len(result.runs) > 1 or result.search:
        told = f"With {figures.load(run.load)}: {told[0].lower()}{told[1:]}"
    if result.search and result.search.greatest is None:
        told = f"{_unfound(result)} {told}"
    # A search that was stopped has judged no rate for good.
    return f"{told}." if stopped(result) else f"{told}{_objectives(result)}."


def held(result: Result) -> bool | None:
    """Whether all objectives held; None where there were none, or no answer was found."""
    if stopped(result):
        return None
    if result.search and result.search.greatest is None:
        return False
    if not result.objectives:
        return None
    return all(objective.met for objective in result.objectives)


def badge(result: Result) -> str:
    """The verdict in a word or two; empty where nothing was asked for."""
    if reason := stopped(result):
        return reason if reason == "interrupted" else "limited by the load tester"
    return {True: "held", False: "not held", None: ""}[held(result)]


def stopped(result: Result) -> Literal["", "interrupted", "limited"]:
    """Why a search ended without an answer; empty of one that was not stopped, and of none."""
    search = result.search
    if search is None or search.greatest is not None:
        return ""
    if not search.stopped and result.runs and result.runs[-1].interrupted:
        return "interrupted"
    return search.stopped


def warnings(result: Result) -> tuple[str, ...]:
    """What speaks against believing the figures, of all runs."""
    several = len(result.runs) > 1
    told = []
    for number, run in enumerate(result.runs, start=1):
        prefix = f"Run {number}, {figures.load(run.load)}: " if several else ""
        told += [f"{prefix}{text}" for text in run_warnings(run)]
    return tuple(told)


def run_warnings(run: Run) -> tuple[str, ...]:
    """The same of one run."""
    kinds = (_interrupted, _client, _unsteady, _few, _silent, _failing)
    return tuple(text for told_by in kinds for text in told_by(run))


def _pace(run: Run) -> str:
    if not run.sent:
        return "No call was made"
    if not run.answered:
        return f"None of {figures.plural(run.sent, 'call')} was answered"
    if run.pictures:
        return f"{figures.short(run.picture_rate)} pictures per second"
    return f"{figures.short(run.throughput)} calls per second"


def _latency(run: Run) -> str:
    known = [p for p in _NAMED if run.latency.percentiles.get(p) is not None]
    if not known:
        return ""
    value = figures.short((run.latency.percentiles[known[0]] or 0) * 1000)
    calls = "answered calls" if run.failed else "calls"
    return f", {figures.part_of(calls, known[0])} within {value} ms"


def _failures(run: Run) -> str:
    failed = sum(run.failed.values())
    if not failed or not run.answered:
        return ""
    return f", {figures.share(failed / (failed + run.answered))} of the calls failed"


def _found(search: Search) -> str:
    confirmed = sum(s.confirming and s.met and s.rate == search.greatest for s in search.steps)
    times = figures.plural(confirmed, "time")
    rate = figures.short(search.greatest or 0)
    return f"{rate} calls per second is the greatest rate that held (confirmed {times})."


def _unfound(result: Result) -> str:
    reason = stopped(result)
    if not reason:
        return "Not even the least rate held the objectives."
    met = [step.rate for step in result.search.steps if step.met] if result.search else []
    held = (
        f"up to {figures.short(max(met))} calls per second held, which was not confirmed"
        if met
        else "no rate had held until then"
    )
    if reason == "limited":
        return (
            f"The load tester itself was in the way, and the search ended without a rate: {held}."
        )
    return f"The search was interrupted before it found a rate: {held}."


def _objectives(result: Result) -> str:
    if not result.objectives:
        return ""
    missed = [objective.text for objective in result.objectives if not objective.met]
    if not missed:
        return "; all objectives held" if len(result.objectives) > 1 else "; the objective held"
    return f"; not held: {', '.join(missed)}"


def _interrupted(run: Run) -> list[str]:
    if not run.interrupted:
        return []
    return [f"Interrupted: the figures are of the {figures.short(run.seconds)} s until then."]


def _client(run: Run) -> list[str]:
    return [f"The load tester was in the way: {text}" for text in run.client.warnings]


def _unsteady(run: Run) -> list[str]:
    stability = run.stability
    if stability.stable or not run.sent:
        return []
    windows = figures.plural(stability.windows, "window")
    if stability.throughput_spread is None or stability.latency_spread is None:
        return [f"Not steady: there were no {windows} with answers to compare. Measure longer."]
    return [
        f"Not steady: over the last {windows} throughput differed by "
        f"{figures.share(stability.throughput_spread)} and mean latency by "
        f"{figures.share(stability.latency_spread)}; up to {figures.percent(stability.tolerance)} "
        "would be. Measure longer, or warm up longer."
    ]


def _few(run: Run) -> list[str]:
    # That the last thousandth is not known is usual, and stands in the table.
    known = run.latency.percentiles.items()
    untold = [p for p, value in known if value is None and float(p) <= _EXPECTED]
    if not untold or not run.sent:
        return []
    needs = ", ".join(
        f"{percent} % (needs {figures.count(least_calls(float(percent)))})"
        for percent in sorted(untold, key=float)
    )
    return [f"Too few calls (n={figures.count(run.latency.count)}) to tell {needs}."]


def _silent(run: Run) -> list[str]:
    silent = [w for w in run.windows if w.sent and not w.answered and not w.failed]
    if not silent:
        return []
    first = figures.short(silent[0].start)
    windows = figures.plural(len(silent), "window")
    return [f"The server went silent: {windows} without an answer, the first at {first} s."]


def _failing(run: Run) -> list[str]:
    failed = sum(run.failed.values())
    if not failed:
        return []
    codes = ", ".join(f"{figures.count(n)} {code}" for code, n in run.failed.items())
    return [f"{figures.plural(failed, 'call')} failed: {codes}. Latency is of the answered ones."]
