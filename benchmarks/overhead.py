"""What one call costs over its models: a lone caller, small and usual pictures, bare and as PNG.

The bare chain is both models on onnxruntime with all cores, in this process; the calls go from this
process through the client to the gateway in another one, which has as many threads. Beside it is a
gRPC server that runs the same chain in a thread, and does nothing else. All take turns, call by
call, in an order that changes: what runs after itself finds its memory in the caches.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable
from functools import partial

import click
from impasto import Client, PictureFormat

from benchmarks.machine import describe
from benchmarks.processes import REPOSITORY, bare_server, gateway
from benchmarks.raw import OUTPUTS, STYLE, Chain
from benchmarks.tables import table, write_report


def call(client: Client, size: int, picture_format: PictureFormat) -> Callable[[], object]:
    """The same through the gateway."""
    return lambda: client.generate(seed=7, style=STYLE, size=size, picture_format=picture_format)


def medians(works: list[Callable[[], object]], rounds: int) -> list[float]:
    """Median milliseconds of each, in turns."""
    times: list[list[float]] = [[] for _ in works]
    shuffled = random.Random(0)
    for index in range(rounds + 3):
        for which in shuffled.sample(range(len(works)), len(works)):
            started = time.perf_counter()
            works[which]()
            # The first rounds warm up.
            if index >= 3:
                times[which].append(1e3 * (time.perf_counter() - started))
    return [statistics.median(taken) for taken in times]


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--rounds", default=200, help="Calls of each kind, in turns.")
@click.option("--repetitions", default=3, help="Of all rounds.")
def main(rounds: int, repetitions: int) -> None:
    """Measure and write the table."""
    rows, chain = [], Chain(os.cpu_count() or 1)
    raw, png = PictureFormat.RAW_RGB8, PictureFormat.PNG
    with (
        bare_server() as bare_target,
        gateway(REPOSITORY) as target,
        Client(bare_target) as bare,
        Client(target) as client,
    ):
        for size, output in OUTPUTS.items():
            works: dict[str, Callable[[], object]] = {
                "bare chain": partial(chain.run, 1, output),
                "bare gRPC server, raw RGB8": call(bare, size, raw),
                "gateway, raw RGB8": call(client, size, raw),
                "gateway, PNG": call(client, size, png),
            }
            taken = [medians(list(works.values()), rounds) for _ in range(repetitions)]
            for index, name in enumerate(works):
                over = [each[index] - each[0] for each in taken]
                spread = f"{min(over):.2f} to {max(over):.2f}" if index else ""
                rows.append(
                    [
                        f"{size}x{size}",
                        name,
                        f"{statistics.median(each[index] for each in taken):.2f}",
                        f"{statistics.median(over):+.2f}" if index else "",
                        spread,
                    ]
                )
    head = ["picture", "", "p50 ms", "over bare, ms", "range"]
    note = (
        f"Medians of {repetitions} repetitions of {rounds} calls of each kind, in turns; the range "
        f"is that of the repetitions. One caller, one painted picture a call, same machine, no TLS."
    )
    command = f"python -m benchmarks.overhead --rounds {rounds} --repetitions {repetitions}"
    write_report("overhead", command, describe(), table(head, rows), note)


if __name__ == "__main__":
    main()
