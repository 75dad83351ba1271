"""What too many callers do to those that are let in: 0.9 times the capacity beside 3 times.

The server has one core, whoever asks has another. Before each load callers who wait for their
answers measure the capacity; then others come when they like (a Poisson process, the same for the
same repetition), and their latencies count from the moments at which they came.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import click

from benchmarks.machine import describe
from benchmarks.processes import REPOSITORY, Gateway, cores, measure, running_gateway
from benchmarks.tables import table, write_report
from server.errors import SHED

_LOADS = (0.9, 3.0)
# Enough to keep a core busy, and not so many that some are shed.
_CALLERS = 8
_CODES = ("OK", "RESOURCE_EXHAUSTED")
_SERIES = "impasto_request_seconds_count"


@dataclass
class Load:
    """What a multiple of the capacity did, over all repetitions.

    Attributes:
        factor: of the capacity.
        calls: that were made.
        accepted: latencies of the calls that were answered, in seconds.
        refused: latencies of the calls that were shed.
        failed: calls that ended otherwise.
        goodput: answers per second over the capacity, by repetition.
        hints: after how many seconds the shed should ask again.
        lateness: by how many seconds each call was sent too late.
        wrong: answers that are not one picture of the call's own seed, and calls that never end.
        miscounted: calls that the server counts differently.
    """

    factor: float
    calls: int = 0
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: int = 0
    goodput: list[float] = field(default_factory=list)
    hints: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)
    wrong: int = 0
    miscounted: int = 0

    def add(self, result: Mapping[str, Any], counted: Mapping[str, float], capacity: float) -> None:
        """Count one repetition, as its callers and the server saw it."""
        latencies: dict[str, list[float]] = result["latencies"]
        seen = [len(latencies.get(code, ())) for code in _CODES]
        self.calls += result["calls"]
        self.accepted += latencies.get("OK", [])
        self.refused += latencies.get("RESOURCE_EXHAUSTED", [])
        self.failed += sum(map(len, latencies.values())) - sum(seen)
        self.goodput.append(result["rate"] / capacity)
        self.hints += result["hints"]
        self.lateness += result["lateness"]
        ended = sum(map(len, latencies.values()))
        self.wrong += result["wrong"] + abs(result["calls"] - ended)
        wanted = dict(zip(_CODES, seen, strict=True)) | {"pictures": seen[0], "shed": seen[1]}
        self.miscounted += sum(round(abs(counted[name] - wanted[name])) for name in wanted)

    def cells(self) -> list[str]:
        """A line of the table."""
        return [
            f"{self.factor:g} x capacity",
            f"{self.calls}",
            f"{len(self.accepted)}",
            f"{len(self.refused)}",
            f"{self.failed}",
            f"{_milliseconds(self.accepted, 0.5):.0f}",
            f"{_milliseconds(self.accepted, 0.99):.0f}",
            f"{_milliseconds(self.refused, 0.99):.1f}",
            _with_range(self.goodput),
            f"{_milliseconds(self.lateness, 0.99):.1f} ({_milliseconds(self.lateness, 1):.1f})",
        ]


def _milliseconds(seconds: Iterable[float], share: float) -> float:
    ordered = sorted(seconds)
    if not ordered:
        return math.nan
    return 1e3 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def _with_range(values: Sequence[float], digits: int = 3) -> str:
    middle = f"{statistics.median(values):.{digits}f}"
    return f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _counted(gateway: Gateway) -> dict[str, float]:
    by_code = {code: gateway.total(_SERIES, method="Generate", code=code) for code in _CODES}
    shed = sum(gateway.total("impasto_rejections_total", reason=reason) for reason in SHED)
    return by_code | {"pictures": gateway.total("impasto_pictures_total"), "shed": shed}


def _capacity(gateway: Gateway, seconds: float, core: int) -> float:
    """Pictures per second for callers who wait for their answers."""
    flags = ["generate", gateway.target, f"--callers={_CALLERS}", f"--seconds={seconds}"]
    rate: float = measure("callers", flags, core)["rate"]
    return rate


def _apply(
    gateway: Gateway, load: Load, capacity: float, options: Sequence[str], core: int
) -> None:
    """Put a load on the gateway once."""
    before = _counted(gateway)
    flags = [gateway.target, f"--rate={load.factor * capacity}", *options]
    result = measure("arrivals", flags, core)
    after = _counted(gateway)
    load.add(result, {name: after[name] - before[name] for name in after}, capacity)


def verdicts(usual: Load, excess: Load) -> list[list[str]]:
    """What must hold at the greater load, what was measured, and whether it holds."""
    ratio = _milliseconds(excess.accepted, 0.99) / _milliseconds(usual.accepted, 0.99)
    goodput = statistics.median(excess.goodput)
    refusal = _milliseconds(excess.refused, 0.99)
    wrong = sum(load.wrong + load.miscounted + load.failed for load in (usual, excess))
    rows = [
        ("p99 of the accepted, over that at 0.9", "at most 1.5", f"{ratio:.2f}", ratio <= 1.5),
        ("goodput over the capacity", "at least 0.95", f"{goodput:.3f}", goodput >= 0.95),
        ("p99 of the refused, ms", "at most 10", f"{refusal:.1f}", refusal <= 10),
        ("lost, answered twice, wrong or miscounted", "0", f"{wrong}", wrong == 0),
    ]
    return [[name, bound, got, "yes" if holds else "**no**"] for name, bound, got, holds in rows]


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--seconds", type=click.FloatRange(1), default=60.0, help="Of each load.")
@click.option("--repetitions", type=click.IntRange(1), default=5, help="Of everything.")
@click.option("--seed", default=0, help="Of the first repetition's moments.")
@click.option("--flag", "flags", multiple=True, help="For the server.")
def main(seconds: float, repetitions: int, seed: int, flags: Sequence[str]) -> None:
    """Measure and write the tables."""
    server, client = cores()
    loads, capacities = [Load(factor) for factor in _LOADS], []
    with running_gateway(REPOSITORY, *flags, core=server) as gateway:
        for repetition in range(repetitions):
            for load in loads:
                capacities.append(_capacity(gateway, seconds / 4, client))
                click.echo(f"{repetition}: {load.factor:g} x {capacities[-1]:.1f}/s", err=True)
                options = [f"--seconds={seconds}", f"--seed={seed + repetition}"]
                _apply(gateway, load, capacities[-1], options, client)
    head = ["load", "calls", "accepted", "shed", "failed", "p50 ms", "p99 ms", "p99 of shed, ms"]
    head += ["goodput / capacity (range)", "sent late: p99 (most), ms"]
    command = f"python -m benchmarks.overload --seconds {seconds:g} --repetitions {repetitions}"
    command += "".join(f" --flag={flag}" for flag in flags)
    hints = loads[-1].hints
    note = (
        f"Capacity: {_with_range(capacities, 1)} painted pictures of 256x256 as raw RGB "
        f"per second, {_CALLERS} callers. The server on one core, whoever asks on another, one "
        f"picture a call; {repetitions} repetitions of {seconds:g} s for each load, latencies of "
        f"all of them, from when each call was due. The shed were told to come back after "
        f"{_milliseconds(hints, 0.5):.0f} ms (median), {_milliseconds(hints, 1):.0f} ms at most."
    )
    held = table(["at 3 times the capacity", "wanted", "measured", ""], verdicts(*loads))
    rows = table(head, [load.cells() for load in loads])
    write_report("overload", command, describe(), held, rows, note)


if __name__ == "__main__":
    main()
