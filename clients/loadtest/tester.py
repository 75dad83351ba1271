"""A whole test: the target is checked, runs follow each other, and bounds are judged."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from loadtest.backlog import grew
from loadtest.bottleneck import is_busy, is_late
from loadtest.codes import NOT_SENT
from loadtest.demand import Demand, Spec
from loadtest.errors import LoadTestError
from loadtest.measurement import Measurement
from loadtest.objectives import Bound
from loadtest.percentiles import least_calls
from loadtest.results import Objective, Run, Search, Step
from loadtest.runner import Runner, Watch
from loadtest.schedule import TRIAL_SEEDS
from loadtest.search import Attempt, Attempts, greatest_rate
from loadtest.server_view import View, view_of
from loadtest.targets import make_target
from loadtest.targets.base import Target
from loadtest.told import number_told_of

_PROBE_CALLERS = 16
_PROBE_SECONDS = 3.0
_SEARCH_SECONDS = 10.0
# Nobody wants to wait longer for the percentile of a rate; --seconds may be more.
_MOST_SECONDS = 600.0
# In which the load tester was in the way, before a search ends.
_LIMITED_RUNS = 2
# Entries of a long trace are not all tried beforehand.
_TRIED_ENTRIES = 20
_TRIAL_BITS = 40


class Display(Protocol):
    """Who is told what goes on."""

    def begin(self, demand: Demand, seconds: float | None, note: str) -> None:
        """A run begins, of so many seconds; None: until it is stable."""
        ...

    def update(self, measurement: Measurement) -> None:
        """What came so far."""
        ...

    def stopping(self, outstanding: int) -> None:
        """The user ends it early; so many calls are waited for."""
        ...

    def end(self, run: Run) -> None:
        """A run is over."""
        ...


@dataclass(frozen=True)
class Hunt:
    """A search for the greatest rate.

    Attributes:
        start: calls per second; None: half of what a closed loop gets.
        precision: relative, of the answer.
        confirmations: runs that must hold in a row at the end.
    """

    start: float | None
    precision: float
    confirmations: int


@dataclass
class Outcome:
    """What a test found.

    Attributes:
        server: its name and version.
        runs: in order.
        objectives: as they were judged at the end.
        search: what was tried; None where nothing was searched for.
        interrupted: whether it was ended before it was over.
    """

    server: str = ""
    runs: list[Run] = field(default_factory=list)
    objectives: tuple[Objective, ...] = ()
    search: Search | None = None
    interrupted: bool = False


class Tester:
    """One test.

    Args:
        spec: of all runs.
        bounds: what must hold.
        metrics_url: of the server's metrics; None: where they usually are.
        display: is told what goes on.
    """

    def __init__(
        self, spec: Spec, bounds: Sequence[Bound], metrics_url: str | None, display: Display
    ) -> None:
        self._spec = spec
        self._bounds = bounds
        self._metrics_url = metrics_url
        self._display = display
        self.stop = asyncio.Event()
        self.outcome = Outcome()

    async def measure(self, demands: Sequence[Demand]) -> Outcome:
        """One run after the other.

        Raises:
            LoadTestError: the test cannot be done.
        """
        async with self._target() as target:
            view = await self._prepared(target)
            for demand in demands:
                if self.stop.is_set():
                    break
                await self._run(self._spec, demand, view)
        self._check_measured()
        self.outcome.interrupted = self.stop.is_set()
        self.outcome.objectives = self._judged(self.outcome.runs[-1])
        return self.outcome

    async def hunt(self, hunt: Hunt, seed: int) -> Outcome:
        """Search for the greatest rate.

        Raises:
            LoadTestError: the test cannot be done.
        """
        async with self._target() as target:
            view = await self._prepared(target)
            start = hunt.start or await self._probed(seed)
            longest = max(_MOST_SECONDS, self._spec.seconds or 0.0)
            least = (self._least_calls() + 1) / longest
            attempts = greatest_rate(start, hunt.precision, hunt.confirmations, least)
            await self._hunt(attempts, seed + 1, view)
        return self.outcome

    async def _hunt(self, attempts: Attempts, seed: int, view: View | None) -> None:
        steps: list[Step] = []
        held: bool | None = None
        greatest = None
        stopped: Literal["", "interrupted", "limited"] = ""
        while not stopped:
            try:
                attempt = attempts.send(held)
            except StopIteration as end:
                greatest = end.value
                break
            held, stopped = await self._tried(attempt, seed, view, steps)
        self._check_measured()
        search = Search(greatest=greatest, steps=tuple(steps), stopped=stopped)
        self.outcome.search = search
        self.outcome.interrupted = self.stop.is_set()
        number = number_told_of(len(self.outcome.runs), search)
        assert number is not None
        self.outcome.objectives = self._judged(self.outcome.runs[number])

    async def _tried(
        self, attempt: Attempt, seed: int, view: View | None, steps: list[Step]
    ) -> tuple[bool, Literal["", "interrupted", "limited"]]:
        """Whether a rate held, and why the search is to end, if it is.

        Where the load tester was in the way of a run that did not hold, another one is made; where
        it is again, nothing is known of the server.
        """
        note = "confirming" if attempt.confirming else "searching"
        for _ in range(_LIMITED_RUNS):
            # Other arrivals and other pictures each time.
            demand = Demand(seed + len(steps), rate=attempt.rate)
            run = await self._run(self._long_enough(attempt.rate), demand, view, note)
            if self.stop.is_set():
                return False, "interrupted"
            held = all(objective.met for objective in self._judged(run)) and not grew(run)
            steps.append(
                Step(
                    rate=attempt.rate,
                    met=held,
                    confirming=attempt.confirming,
                    run=len(self.outcome.runs) - 1,
                )
            )
            if held or not self._is_limited(run):
                return held, ""
        return False, "limited"

    def _is_limited(self, run: Run) -> bool:
        """Whether a run that did not hold says something of the load tester alone."""
        if NOT_SENT in run.failed or is_busy(run.client):
            return True
        if not is_late(run.client, run.latency.percentiles["50"]) or grew(run):
            return False
        # Late calls decide only where the server was fast enough once they were sent.
        as_sent = run.model_copy(update={"latency": run.service_latency})
        return all(objective.met for objective in self._judged(as_sent))

    def _check_measured(self) -> None:
        if not self.outcome.runs:
            raise LoadTestError("interrupted before anything was measured")

    def _target(self) -> Target:
        requests = [entry.request for entry in self._spec.workload.entries]
        return make_target(self._spec.kind, self._spec.connection, requests)

    async def _prepared(self, target: Target) -> View | None:
        """See that every kind of request is answered, and find the server's own view.

        Raises:
            LoadTestError: one is not.
        """
        self.outcome.server = await target.server()
        for number, entry in enumerate(self._spec.workload.entries[:_TRIED_ENTRIES]):
            # No picture that is measured, nor one that an earlier test's trial may have cached.
            seed = TRIAL_SEEDS + secrets.randbits(_TRIAL_BITS) * _TRIED_ENTRIES + number
            answer = await target.call(number, seed)
            # Of a server that is busy just now the test will tell how busy.
            if not answer.is_good and answer.code != "RESOURCE_EXHAUSTED":
                raise LoadTestError(
                    f"{self._spec.connection.address} refuses the workload's {entry.name!r}: "
                    f"{answer.code}: {answer.details}"
                )
        return await view_of(self._spec.kind, self._spec.connection, target, self._metrics_url)

    async def _probed(self, seed: int) -> float:
        """Half of what callers get who wait for their answers."""
        spec = dataclasses.replace(self._spec, seconds=_PROBE_SECONDS)
        demand = Demand(seed, callers=_PROBE_CALLERS)
        self._display.begin(demand, _PROBE_SECONDS, "looking for a rate to start from")
        run = await Runner(spec, demand, None, self._watch()).run()
        self._display.end(run)
        if not run.latency.mean:
            raise LoadTestError(
                f"no call was answered well, but {run.failed or 'none came back'}; "
                "there is no rate to start from"
            )
        # Where none came within the time, all came after it.
        return (run.throughput or _PROBE_CALLERS / run.latency.mean) / 2

    async def _run(self, spec: Spec, demand: Demand, view: View | None, note: str = "") -> Run:
        seconds = spec.seconds if demand.trace is None else demand.trace.seconds
        self._display.begin(demand, seconds, note)
        run = await Runner(spec, demand, view, self._watch()).run()
        self._display.end(run)
        # Interrupted before its measurement began, it has no figures.
        if run.seconds > 0:
            self.outcome.runs.append(run)
        return run

    def _watch(self) -> Watch:
        return Watch(self.stop, self._display.update, self._display.stopping)

    def _least_calls(self) -> int:
        """How many calls the percentiles need that are bounded."""
        percents = [bound.percent for bound in self._bounds if bound.kind == "percentile"]
        return max((least_calls(percent) for percent in percents), default=0)

    def _long_enough(self, rate: float) -> Spec:
        """A run that makes as many."""
        least = self._spec.seconds or _SEARCH_SECONDS
        seconds = max(least, math.ceil((self._least_calls() + 1) / rate))
        return dataclasses.replace(self._spec, seconds=seconds)

    def _judged(self, run: Run) -> tuple[Objective, ...]:
        return tuple(bound.judged(run) for bound in self._bounds)
