"""Calls at the moments of a Poisson process, answered or not. Prints one JSON object.

An open loop: who asks does not wait for what others asked before. A call's latency counts from the
moment at which it was due, so a late sender makes it longer and not shorter.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import click
import numpy as np
from impasto import AsyncClient, ImpastoError, PictureFormat

from benchmarks.raw import STYLE

_PATIENCE_SECONDS = 120.0


@dataclass
class Outcomes:
    """What became of the calls.

    Attributes:
        latencies: seconds from when each was due, by status.
        in_time: accepted calls that were answered before the last one was due.
        wrong: answers that are not one picture of the call's own seed.
        hints: seconds after which the refused were told to ask again.
        lateness: seconds from when each was due until it was sent.
    """

    latencies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    in_time: int = 0
    wrong: int = 0
    hints: list[float] = field(default_factory=list)
    lateness: list[float] = field(default_factory=list)


def poisson(rate: float, seconds: float, seed: int) -> list[float]:
    """Moments between 0 and `seconds`, the same for the same seed.

    A Poisson process of which is known how many there are: exactly as many as the rate says, since
    another load than was meant would be another measurement.
    """
    chance = np.random.default_rng(seed)
    moments: list[float] = np.sort(chance.uniform(0, seconds, round(rate * seconds))).tolist()
    return moments


async def open_loop(client: AsyncClient, due: Sequence[float], seconds: float) -> Outcomes:
    """Make one call at each moment; the pictures' seeds count the calls."""
    outcomes = Outcomes()
    started = time.perf_counter()

    async def ask(seed: int, moment: float) -> None:
        outcomes.lateness.append(time.perf_counter() - moment)
        status = "OK"
        try:
            pictures = await client.generate(
                seed=seed, style=STYLE, picture_format=PictureFormat.RAW_RGB8
            )
        except ImpastoError as error:
            status = error.code.name
            if error.retry_after is not None:
                outcomes.hints.append(error.retry_after)
        else:
            outcomes.wrong += [picture.seed for picture in pictures] != [seed]
        ended = time.perf_counter()
        outcomes.latencies[status].append(ended - moment)
        outcomes.in_time += status == "OK" and ended < started + seconds

    async with asyncio.TaskGroup() as calls:
        for seed, offset in enumerate(due):
            await asyncio.sleep(started + offset - time.perf_counter())
            calls.create_task(ask(seed, started + offset))
    return outcomes


async def run(target: str, rate: float, seconds: float, seed: int) -> None:
    """Measure and print."""
    due = poisson(rate, seconds, seed)
    async with AsyncClient(target, _PATIENCE_SECONDS) as client:
        # The connection is no part of the first call's latency.
        await client.models()
        outcomes = await open_loop(client, due, seconds)
    counts = {"calls": len(due), "rate": outcomes.in_time / seconds}
    click.echo(json.dumps(counts | vars(outcomes)))


@click.command(help=__doc__)
@click.argument("target")
@click.option("--rate", default=1.0, help="Calls per second.")
@click.option("--seconds", default=5.0, help="How long calls are made.")
@click.option("--seed", default=0, help="Of the moments.")
def main(target: str, rate: float, seconds: float, seed: int) -> None:
    """Measure."""
    asyncio.run(run(target, rate, seconds, seed))


if __name__ == "__main__":
    main()
