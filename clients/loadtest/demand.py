"""What a run does to a server, decided before it begins."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loadtest.errors import LoadTestError, WrongUse
from loadtest.machine import cores
from loadtest.results import Load
from loadtest.schedule import MOST_CALLS, Arrivals, Schedule, chosen, picture_seeds, planned
from loadtest.targets.base import Connection
from loadtest.workload import Workload

# A process spends 0.1 to 0.3 ms on a call: these leave it idle for two thirds of the time.
_RATE_OF_PROCESS = 1000
_CALLERS_OF_PROCESS = 16
# Of a closed loop's process, which begins again when it is through.
_CHOICES = 1 << 16


@dataclass(frozen=True)
class Spec:
    """What all runs of a test have in common.

    Attributes:
        kind: of the target.
        connection: how to reach it.
        workload: what calls ask for.
        processes: that make them; None: as many as the load needs.
        most_outstanding: calls of an open loop that may wait for answers.
        window: seconds of one window.
        most_windows: after so many the test ends, stable or not.
        seconds: length of the measurement; None: until it is stable.
        warm_up: seconds of load before it.
    """

    kind: Literal["impasto", "oip", "rest"]
    connection: Connection
    workload: Workload
    processes: int | None = None
    most_outstanding: int = 10_000
    window: float = 5.0
    most_windows: int = 10
    seconds: float | None = None
    warm_up: float = 2.0


@dataclass(frozen=True)
class Trace:
    """A recorded load.

    Attributes:
        schedule: its calls; their entries are those of the test's workload.
        seconds: its length.
    """

    schedule: Schedule
    seconds: float


@dataclass(frozen=True)
class Demand:
    """The load of one run.

    Attributes:
        seed: of all chance.
        callers: of a closed loop; 0: it is an open one.
        rate: calls per second of an open loop.
        arrivals: how they are spread.
        trace: in the place of both.
    """

    seed: int
    callers: int = 0
    rate: float = 0.0
    arrivals: Arrivals = "poisson"
    trace: Trace | None = None

    @property
    def load(self) -> Load:
        """As the results have it."""
        if self.callers:
            return Load(
                mode="closed", concurrency=self.callers, rate=None, arrivals=None, seed=self.seed
            )
        if self.trace is not None:
            rate = len(self.trace.schedule) / self.trace.seconds
            return Load(mode="open", concurrency=None, rate=rate, arrivals="trace", seed=self.seed)
        return Load(
            mode="open",
            concurrency=None,
            rate=self.rate,
            arrivals=self.arrivals,
            seed=self.seed,
        )


def schedule_of(spec: Spec, demand: Demand) -> Schedule:
    """The calls of a run, beforehand.

    Raises:
        LoadTestError: they are too many.
        WrongUse: there is none.
    """
    if demand.trace is not None:
        return demand.trace.schedule
    seconds = spec.seconds or spec.window * spec.most_windows
    if demand.rate * (seconds + spec.warm_up) > MOST_CALLS:
        raise LoadTestError(
            f"{demand.rate:g} calls/s for {seconds:g} s are more than {MOST_CALLS:,}; "
            "make the test shorter"
        )
    if demand.callers:
        due = np.zeros(_CHOICES)
    else:
        due = planned(demand.arrivals, demand.rate, seconds, spec.warm_up, demand.seed)
        if not len(due) or due[-1] < 0:
            raise WrongUse(
                f"expected a call at least, got {demand.rate:g} calls/s for {seconds:g} s; "
                "use more --seconds or a higher --rate"
            )
    entries = chosen(spec.workload.weights, len(due), demand.seed)
    counts = [entry.pictures for entry in spec.workload.entries]
    return Schedule(due, entries, picture_seeds(counts, entries, demand.seed))


def processes_of(spec: Spec, demand: Demand) -> int:
    """How many processes make the calls: few enough to leave the server a core, where it shares."""
    if spec.processes is not None:
        return min(spec.processes, demand.callers or spec.processes)
    needed = demand.callers / _CALLERS_OF_PROCESS
    if not demand.callers:
        needed = (demand.load.rate or 0) / _RATE_OF_PROCESS
    return max(1, min(math.ceil(needed), cores() - 1))
