"""One load on one server, from one process. Prints one JSON object.

A closed loop has so many callers, each sending its next call when its last is answered. An open
loop calls at the moments of a Poisson process, and a call's latency counts from its moment.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import click
import psutil
import uvloop

from benchmarks.arrivals import poisson
from benchmarks.peers.connectors import CONNECTORS, ROWS, Call

_WARM_UP_SHARE = 0.2


@dataclass
class Outcome:
    """What became of a load's calls.

    Attributes:
        rate: answers per second; of an open loop those that came while it ran, by its time.
        latencies: seconds, of the answered calls.
        errors: how many calls ended otherwise, by what was said.
        client_cpu: milliseconds of this process's CPU for one call.
        server_cpu: the same of the server's processes.
        processes: how many these are.
    """

    rate: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    client_cpu: float = 0.0
    server_cpu: float = 0.0
    processes: int = 0


def tree(roots: Sequence[int]) -> list[psutil.Process]:
    """These processes and all that they started and that still run."""
    found = [psutil.Process(root) for root in roots]
    started = [child for one in found for child in one.children(recursive=True)]
    return [*found, *(one for one in started if one.status() != psutil.STATUS_ZOMBIE)]


def _cpu_seconds(roots: Sequence[int]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in tree(roots))


class Load:
    """Makes calls and counts what becomes of them.

    Args:
        call: makes one.
    """

    def __init__(self, call: Call) -> None:
        """Nothing has been called yet."""
        self._call = call
        self._rows = itertools.cycle(range(ROWS))
        self.outcome = Outcome()

    async def closed(self, callers: int, seconds: float) -> None:
        """So many callers for so long."""
        started = time.perf_counter()

        async def caller() -> None:
            while (begin := time.perf_counter()) < started + seconds:
                await self._one(begin)

        await asyncio.gather(*(caller() for _ in range(callers)))
        self.outcome.rate = len(self.outcome.latencies) / (time.perf_counter() - started)

    async def open(self, rate: float, seconds: float, seed: int) -> None:
        """So many calls per second at moments that the seed gives."""
        started = time.perf_counter()
        async with asyncio.TaskGroup() as calls:
            for offset in poisson(rate, seconds, seed):
                await asyncio.sleep(started + offset - time.perf_counter())
                calls.create_task(self._one(started + offset))
            # What is answered later must not count, nor must the time that it takes.
            await asyncio.sleep(started + seconds - time.perf_counter())
            self.outcome.rate = len(self.outcome.latencies) / seconds

    async def _one(self, begin: float) -> None:
        try:
            await self._call(next(self._rows))
        # Whatever a protocol's library raises, the load goes on.
        except Exception as error:
            self.outcome.errors[f"{type(error).__name__}: {error}"[:200]] += 1
            # A server that refuses at once is not to be asked as fast as it can refuse.
            await asyncio.sleep(0.01)
        else:
            self.outcome.latencies.append(time.perf_counter() - begin)


async def run(
    protocol: str,
    target: str,
    size: str,
    seconds: float,
    callers: int = 1,
    rate: float | None = None,
    seed: int = 0,
    pids: Sequence[int] = (),
) -> Outcome:
    """Warm up and measure: a closed loop, or an open one where there is a rate."""
    async with CONNECTORS[protocol](target, size) as call:
        await Load(call).closed(callers, seconds * _WARM_UP_SHARE)
        load = Load(call)
        server, client = _cpu_seconds(pids), time.process_time()
        if rate is None:
            await load.closed(callers, seconds)
        else:
            await load.open(rate, seconds, seed)
        server, client = _cpu_seconds(pids) - server, time.process_time() - client
    calls = max(1, len(load.outcome.latencies) + load.outcome.errors.total())
    load.outcome.client_cpu, load.outcome.server_cpu = 1e3 * client / calls, 1e3 * server / calls
    load.outcome.processes = len(tree(pids))
    return load.outcome


@click.command(help=__doc__)
@click.argument("protocol", type=click.Choice(list(CONNECTORS)))
@click.argument("target")
@click.argument("size")
@click.option("--seconds", default=5.0, help="How long, after a warm-up.")
@click.option("--callers", default=1, help="Of a closed loop.")
@click.option("--rate", type=float, help="Calls per second; makes it an open loop.")
@click.option("--seed", default=0, help="Of the open loop's moments.")
@click.option("--pid", "pids", type=int, multiple=True, help="Of the server's first processes.")
def main(
    protocol: str,
    target: str,
    size: str,
    seconds: float,
    callers: int,
    rate: float | None,
    seed: int,
    pids: Sequence[int],
) -> None:
    """Measure."""
    outcome = uvloop.run(run(protocol, target, size, seconds, callers, rate, seed, pids))
    click.echo(json.dumps(vars(outcome)))


if __name__ == "__main__":
    main()
