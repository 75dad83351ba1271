"""SIGTERM at random moments under load: what becomes of the calls that were let in, and of others.

Callers of every kind call without a pause until they are refused. A call that was let in must be
answered as a whole, any other refused as UNAVAILABLE or 503, by a server whose health said so.
"""

from __future__ import annotations

import asyncio
import random
import signal
import statistics
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field

import click

from benchmarks.crowd import Crowd, Seen
from benchmarks.machine import describe
from benchmarks.processes import REPOSITORY, Gateway, running_gateway
from benchmarks.tables import table, write_report

_MOST_SECONDS = 1.0
_EXIT_SECONDS = 60
# The callers are no overload, which is another measurement.
_ALL_ARE_LET_IN = "--max-backlog=512"


@dataclass
class Drains:
    """What was seen of all drains.

    Attributes:
        seen: by the callers of each.
        seconds: from the signal until the process had ended.
        codes: with which it did; None: it did not.
    """

    seen: list[Seen] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    codes: Counter[int | None] = field(default_factory=Counter)

    def total(self, what: str, kind: str) -> int:
        """The sum of one of the counts over all drains."""
        return sum(getattr(seen, what)[kind] for seen in self.seen)

    @property
    def faults(self) -> list[str]:
        """Of all drains."""
        return [fault for seen in self.seen for fault in seen.faults]


async def drain(gateway: Gateway, callers: int, wait: float, drains: Drains) -> list[str]:
    """Stop a gateway under load, `wait` seconds after all kinds of calls were answered.

    Returns:
        The kinds of calls.
    """
    async with Crowd(gateway.target, gateway.http, callers) as crowd:
        calling = asyncio.create_task(crowd.call_until_refused())
        await crowd.everybody_answered()
        await asyncio.sleep(wait)
        gateway.process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        await calling
        drains.codes[await asyncio.to_thread(_exit_code, gateway)] += 1
        drains.seconds.append(time.monotonic() - started)
        drains.seen.append(crowd.seen)
        return list(crowd.kinds)


def _exit_code(gateway: Gateway) -> int | None:
    try:
        return gateway.process.wait(_EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        return None


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--times", type=click.IntRange(1), default=20, help="Drains.")
@click.option("--callers", type=click.IntRange(1), default=2, help="Of each kind.")
@click.option("--seed", default=0, help="Of the moments.")
def main(times: int, callers: int, seed: int) -> None:
    """Measure and write the table."""
    chance, drains, kinds = random.Random(seed), Drains(), list[str]()
    for number in range(times):
        click.echo(f"drain {number + 1} of {times} ...", err=True)
        with running_gateway(REPOSITORY, _ALL_ARE_LET_IN) as gateway:
            wait = chance.uniform(0, _MOST_SECONDS)
            kinds = asyncio.run(drain(gateway, callers, wait, drains))
    whats = ["answered", "refused", "unreached"]
    rows = [[kind, *(str(drains.total(what, kind)) for what in whats)] for kind in kinds]
    codes = ", ".join(f"{code} ({number} times)" for code, number in drains.codes.items())
    faults = "\n".join(["Calls that ended otherwise: " + str(len(drains.faults)), *drains.faults])
    note = (
        f"{times} drains under {callers} callers of each kind, who stop calling once refused. Exit "
        f"status: {codes}. From SIGTERM to the end {statistics.median(drains.seconds):.1f} s "
        f"(median), {max(drains.seconds):.1f} s at most. Unreached: the server had ended already."
    )
    command = f"python -m benchmarks.drains --times {times} --callers {callers}"
    write_report("drains", command, describe(), table(["call", *whats], rows), faults, note)


if __name__ == "__main__":
    main()
