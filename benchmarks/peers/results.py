"""From visits to tables: medians of the rounds, their ranges, and ratios to the limit."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.peers.load import Outcome
from benchmarks.peers.starting import NARROW, WIDE
from benchmarks.peers.visits import OPEN, Entry, Limit, Visit
from benchmarks.report import Row
from benchmarks.tables import table


def number(value: float) -> str:
    """Three digits, and more only before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def spread(values: Iterable[float]) -> str:
    """Median and range."""
    values = list(values)
    return f"{number(statistics.median(values))} ({number(min(values))} to {number(max(values))})"


def latency(entry: Entry, load: str) -> str:
    """Median and 99th percentile over all rounds in milliseconds; "-" where calls are too few."""
    row = Row(entry.name, latencies=[one for v in entry.visits for one in v.loads[load].latencies])
    return f"{number(row.p50)} / " + ("-" if row.p99 is None else number(row.p99))


def limit_ratio(entry: Entry, load: str) -> str:
    """Median and range of the rate by the limit of the same visit."""
    return spread(visit.loads[load].rate / _limit(visit).rate for visit in entry.visits)


def lone_ratio(entry: Entry, load: str) -> str:
    """Median and range of the median latency by a lone picture's of the same visit."""
    return spread(
        statistics.median(visit.loads[load].latencies) / _limit(visit).lone
        for visit in entry.visits
    )


def _limit(visit: Visit) -> Limit:
    # Work that is no picture has none, and no table with ratios.
    assert visit.limit is not None
    return visit.limit


def errors(entry: Entry, loads: Iterable[str]) -> str:
    """How many of all calls of these loads did not end well."""
    outcomes = [visit.loads[load] for visit in entry.visits for load in loads]
    wrong = sum(outcome.errors.total() for outcome in outcomes)
    return f"{wrong} of {wrong + sum(len(outcome.latencies) for outcome in outcomes)}"


def lone_table(entries: Sequence[Entry]) -> str:
    """One caller, in every shape."""
    lines = [
        [
            entry.system.name,
            entry.system.label(entry.shape),
            spread(visit.loads["1"].rate for visit in entry.visits),
            latency(entry, "1"),
            lone_ratio(entry, "1"),
        ]
        for entry in _with(entries, "1")
    ]
    return table(["1 caller", "workers x threads", "/s", "p50 / p99 ms", "p50 ÷ raw p50"], lines)


def crowd_table(entries: Sequence[Entry]) -> str:
    """Several callers at once, by the limit."""
    head = ["", "workers x threads", "batches"]
    loads = [load for load in ("4", "16") if any(load in entry.loads for entry in entries)]
    for load in loads:
        head += [f"{load} callers, /s", "÷ limit", "p50 / p99 ms"]
    lines = []
    for entry in _with(entries, "16"):
        line = [entry.system.name, entry.system.label(entry.shape), batches(entry)]
        for load in loads:
            if load in entry.loads:
                line += [
                    spread(visit.loads[load].rate for visit in entry.visits),
                    limit_ratio(entry, load),
                    latency(entry, load),
                ]
            else:
                line += ["", "", ""]
        lines.append(line)
    return table(head, lines)


def batches(entry: Entry) -> str:
    """Whether it makes batches."""
    told = f"up to {entry.shape.batch}" if entry.shape.batch > 1 else "none"
    return entry.system.batches or told


def open_table(entries: Sequence[Entry]) -> str:
    """Arrivals that do not wait for answers, and what a call costs."""
    head = [
        "",
        "answered in time, /s",
        "p50 / p99 ms",
        "p50 ÷ raw p50",
        "server CPU ms",
        "client CPU ms",
    ]
    lines = []
    for entry in _with(entries, OPEN):
        seen = [visit.loads[OPEN] for visit in entry.visits]
        lines.append(
            [
                entry.system.name,
                spread(outcome.rate for outcome in seen),
                latency(entry, OPEN),
                lone_ratio(entry, OPEN),
                spread(outcome.server_cpu for outcome in seen),
                spread(outcome.client_cpu for outcome in seen),
            ]
        )
    return table(head, lines)


def start_table(entries: Sequence[Entry]) -> str:
    """What a server costs before its first call."""
    head = ["", "asked by", "cold start s", "memory MiB", "processes", "calls that failed"]
    lines = [
        [
            entry.system.name,
            entry.system.protocol,
            spread(visit.cold_start for visit in entry.visits),
            spread(visit.memory for visit in entry.visits),
            str(max(o.processes for visit in entry.visits for o in visit.loads.values())),
            errors(entry, entry.loads),
        ]
        for entry in _with(entries, "16")
    ]
    return table(head, lines)


def tiny_crowd_table(entries: Sequence[Entry]) -> str:
    """What is left of a call when the model takes no time, under many callers."""
    head = ["16 callers", "workers x threads", "batches", "/s", "p50 / p99 ms"]
    return _tiny_table(entries, "16", head)


def tiny_lone_table(entries: Sequence[Entry]) -> str:
    """The same for one caller."""
    head = ["1 caller", "workers x threads", "batches", "/s", "p50 / p99 ms"]
    return _tiny_table(entries, "1", head)


def _tiny_table(entries: Sequence[Entry], load: str, head: Sequence[str]) -> str:
    lines = [
        [
            entry.system.name,
            entry.system.label(entry.shape),
            batches(entry),
            spread(visit.loads[load].rate for visit in entry.visits),
            latency(entry, load),
            spread(visit.loads[load].server_cpu for visit in entry.visits),
            spread(visit.loads[load].client_cpu for visit in entry.visits),
            errors(entry, [load]),
        ]
        for entry in _with(entries, load)
    ]
    return table([*head, "server CPU ms", "client CPU ms", "calls that failed"], lines)


def limits_text(entries: Sequence[Entry], batch: int) -> str:
    """What bare onnxruntime did, before all visits."""
    limits = [visit.limit for entry in entries for visit in entry.visits if visit.limit]
    if not limits:
        return "Nothing was measured."
    rate = spread(one.rate for one in limits)
    return (
        f"Raw onnxruntime before each of the {len(limits)} visits: {rate} pictures/s "
        f"({NARROW}, batches of {batch}; **the limit**); a lone picture "
        f"{spread(1e3 * one.lone for one in limits)} ms ({WIDE})."
    )


def failures_text(entries: Sequence[Entry]) -> str:
    """What went wrong, in which system."""
    lines = [
        f"- **{entry.name}, {entry.size}: failed**: {' '.join(failure.split())[-500:]}"
        for entry in entries
        for failure in dict.fromkeys(entry.failures)
    ]
    return "\n".join(lines)


def summary(entry: Entry) -> dict[str, Any]:
    """All figures, for machines; latencies as percentiles in milliseconds."""
    return {
        "system": entry.system.name,
        "protocol": entry.system.protocol,
        "work": entry.size,
        "shape": entry.system.label(entry.shape),
        "batches": batches(entry),
        "failures": entry.failures,
        "visits": [
            {
                "limit": visit.limit and vars(visit.limit),
                "cold_start_seconds": visit.cold_start,
                "memory_mib": visit.memory,
                "loads": {name: _outcome(name, outcome) for name, outcome in visit.loads.items()},
            }
            for visit in entry.visits
        ],
    }


def _outcome(name: str, outcome: Outcome) -> dict[str, Any]:
    row = Row(name, rates=[outcome.rate], latencies=outcome.latencies).summary()
    return {key: row[key] for key in ("rates", "calls", "latency_ms")} | {
        "errors": dict(outcome.errors),
        "server_cpu_ms": outcome.server_cpu,
        "client_cpu_ms": outcome.client_cpu,
        "processes": outcome.processes,
    }


def _with(entries: Sequence[Entry], load: str) -> list[Entry]:
    return [entry for entry in entries if entry.visits and load in entry.loads]
