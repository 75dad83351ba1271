"""What differs between two load tests besides what was to be compared."""

from __future__ import annotations

from loadtest.report import figures, verdict
from loadtest.results import Result, Run


def of_results(before: Result, after: Result) -> tuple[str, ...]:
    """Differences of machine, target, load tester and workload, in words."""
    told = []
    for name in type(before.machine).model_fields:
        told += _differing(
            f"the load tester's machine ({name})",
            getattr(before.machine, name),
            getattr(after.machine, name),
        )
    for name in type(before.target).model_fields:
        told += _differing(
            f"the target ({name})", getattr(before.target, name), getattr(after.target, name)
        )
    told += _differing("the load tester's version", before.impasto, after.impasto)
    if before.workload != after.workload:
        keys = sorted(before.workload.keys() | after.workload.keys())
        parts = [k for k in keys if before.workload.get(k) != after.workload.get(k)]
        told.append(f"The workload differs in: {', '.join(parts)}.")
    if (before.search is None) != (after.search is None):
        told.append("One is a search for the greatest rate and the other is not.")
    return tuple(told)


def of_runs(before: Run, after: Run) -> tuple[str, ...]:
    """Differences of the loads, and what speaks against either run's figures."""
    told = []
    if not same_load(before, after):
        told.append(
            f"The load differs: {figures.load(before.load)} before, {figures.load(after.load)} "
            "after; neither throughput nor latency says which server is better."
        )
    shorter, longer = sorted((before.seconds, after.seconds))
    if longer > shorter * 1.25:
        told.append(
            f"The length differs: {figures.short(before.seconds)} s before, "
            f"{figures.short(after.seconds)} s after."
        )
    told += _differing(
        "the number of the load tester's processes",
        before.client.processes,
        after.client.processes,
    )
    for when, run in (("Before", before), ("After", after)):
        told += [f"{when}: {text}" for text in verdict.run_warnings(run)]
    return tuple(told)


def same_load(before: Run, after: Run) -> bool:
    """Whether both were under the same load, but for chance."""
    return before.load.model_copy(update={"seed": 0}) == after.load.model_copy(update={"seed": 0})


def _differing(name: str, before: object, after: object) -> list[str]:
    if before == after:
        return []
    return [f"{name[0].upper()}{name[1:]} differs: {before} before, {after} after."]
