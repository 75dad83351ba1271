"""What being watched costs: throughput with and without metrics and traces, in turns.

The trivial model shows it best, for it does nothing else: 16 callers, one Add on 128 numbers each.
Beside it 8 callers of one painted picture. Each server is a process of its own; only one of them
has callers at a time, and each round asks them in another order.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import click

from benchmarks.collector import collector
from benchmarks.machine import describe
from benchmarks.processes import gateway, measure, repository
from benchmarks.tables import table, write_report

# Callers who wait for their answers are never too many.
_FLAGS = ("--max-backlog=64",)


@dataclass
class Server:
    """One way to start the server, and its throughput by kind of call and round.

    Attributes:
        name: in the table.
        flags: for the server.
        rates: calls per second.
    """

    name: str
    flags: Sequence[str]
    rates: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Load:
    """So many callers of one kind."""

    name: str
    kind: str
    callers: int


LOADS = (Load("trivial model", "infer", 16), Load("painted pictures", "generate", 8))


def watched(traces: str) -> list[Server]:
    """Ways to be watched; the first, not at all, is what the others are compared with.

    Args:
        traces: URL of a collector.
    """
    return [
        Server("no metrics", ["--no-metrics"]),
        Server("metrics", []),
        Server("metrics, a tenth of the calls traced", [f"--trace-url={traces}"]),
        Server("metrics, all calls traced", [f"--trace-url={traces}", "--trace-share=1"]),
    ]


def go_round(
    servers: Sequence[tuple[Server, str]], seconds: float, shuffled: random.Random
) -> None:
    """Put each load on each server, which listens at that address, once."""
    for load in LOADS:
        for server, target in shuffled.sample(servers, len(servers)):
            click.echo(f"{load.name}: {server.name} ...", err=True)
            flags = [load.kind, target, f"--callers={load.callers}", f"--seconds={seconds}"]
            server.rates.setdefault(load.name, []).append(measure("callers", flags)["rate"])


def rows(servers: Sequence[Server]) -> list[list[str]]:
    """The table's lines; each round is compared with itself, for a machine has its moods."""
    lines = []
    for load in LOADS:
        bare = servers[0].rates[load.name]
        for server in servers:
            rates = server.rates[load.name]
            ratios = [rate / limit for rate, limit in zip(rates, bare, strict=True)]
            spread = f"{min(ratios):.3f} to {max(ratios):.3f}"
            lines.append(
                [
                    f"{load.name}, {load.callers} callers",
                    server.name,
                    f"{statistics.median(rates):.1f}",
                    f"{statistics.median(ratios):.3f}",
                    "" if server is servers[0] else spread,
                ]
            )
    return lines


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--rounds", type=click.IntRange(1), default=10, help="Repetitions, in turns.")
@click.option("--seconds", type=click.FloatRange(0.1), default=5.0, help="Of one measurement.")
def main(rounds: int, seconds: float) -> None:
    """Measure and write the table."""
    shuffled = random.Random(0)
    with ExitStack() as stack:
        servers = watched(stack.enter_context(collector()))
        models = stack.enter_context(repository())
        running = [
            (server, stack.enter_context(gateway(models, *_FLAGS, *server.flags)))
            for server in servers
        ]
        for _ in range(rounds):
            go_round(running, seconds, shuffled)
    head = ["load", "server", "per second", "ratio", "range"]
    note = (
        f"Medians of {rounds} rounds of {seconds:g} s for each; the ratio is that to the server "
        f"without in the same round. Server, callers and the collector that takes the traces share "
        f"the machine, no TLS."
    )
    command = f"python -m benchmarks.metrics_cost --rounds {rounds} --seconds {seconds:g}"
    write_report("metrics-cost", command, describe(), table(head, rows(servers)), note)


if __name__ == "__main__":
    main()
