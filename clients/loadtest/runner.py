"""One run: processes are started, calls are made and counted, and the figures put together."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from loadtest.bottleneck import warnings
from loadtest.demand import Demand, Spec, processes_of, schedule_of
from loadtest.errors import LoadTestError
from loadtest.fleet import Fleet
from loadtest.frames import Progress
from loadtest.measurement import Calls, Measurement
from loadtest.plan import Plan
from loadtest.results import Client, Entry, Run, Server, Window
from loadtest.server_view import View, difference
from loadtest.stability import WINDOWS, stability
from loadtest.targets.base import Statistics

_TICK_SECONDS = 0.1
_START_SECONDS = 0.2
_PATIENCE_SECONDS = 15.0
_MOST_WINDOWS = 600


@dataclass
class Watch:
    """What goes on between a run and who watches it.

    Attributes:
        stop: set to end the run early.
        update: called several times a second with what came so far.
        stopping: called with the number of calls that are waited for when it is ended early.
        fleet: called with the processes once they are there.
    """

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    update: Callable[[Measurement], None] = lambda _: None
    stopping: Callable[[int], None] = lambda _: None
    fleet: Callable[[Fleet], None] = lambda _: None


class Runner:
    """One run.

    Args:
        spec: of all runs.
        demand: of this one.
        view: the server's own; None: it has none.
        watch: who watches.
    """

    def __init__(self, spec: Spec, demand: Demand, view: View | None, watch: Watch) -> None:
        self._spec, self._demand, self._view, self._watch = spec, demand, view, watch
        self._schedule = schedule_of(spec, demand)
        self._processes = processes_of(spec, demand)
        self._fixed = demand.trace.seconds if demand.trace is not None else spec.seconds
        self._warm_up = 0.0 if demand.trace is not None else spec.warm_up
        self._window = spec.window
        if self._fixed is not None:
            parts = min(max(WINDOWS, math.ceil(self._fixed / spec.window)), _MOST_WINDOWS)
            self._window = self._fixed / parts
        self._measurement = Measurement(
            len(spec.workload.entries),
            self._window,
            self._fixed or self._window,
            self._processes,
            None if demand.callers else self._schedule.due,
        )
        self._meters = [_Meter() for _ in range(self._processes)]
        self._own = _Meter()
        self._interrupted = False
        self._said: list[str] = []

    async def run(self) -> Run:
        """Make the calls.

        Raises:
            LoadTestError: the test cannot be done.
        """
        parts = range(self._processes)
        plans = [self._plan(part) for part in parts]
        schedules = [self._schedule.share(part, self._processes) for part in parts]
        async with Fleet(plans, schedules, self._told) as fleet:
            self._watch.fleet(fleet)
            start = time.monotonic() + _START_SECONDS + self._warm_up
            started = datetime.now(UTC).timestamp() + start - time.monotonic()
            fleet.start(start)
            before = asyncio.create_task(self._read_at(start))
            try:
                await self._follow(fleet, start)
                server = await self._difference(before)
            finally:
                before.cancel()
        return self._result(datetime.fromtimestamp(started, UTC), server)

    async def _difference(self, before: asyncio.Task[Statistics | None]) -> Server | None:
        """What the server counted meanwhile. That it does not tell spoils no measurement."""
        if self._view is None:
            return None
        try:
            start, end = await before, await self._view.read()
            if start is None or end is None:
                return None
            return difference(self._view.source, start, end)
        except LoadTestError as error:
            self._said.append(str(error))
            return None

    def _plan(self, part: int) -> Plan:
        callers = self._demand.callers
        return Plan(
            kind=self._spec.kind,
            connection=self._spec.connection,
            requests=tuple(entry.request for entry in self._spec.workload.entries),
            callers=len(range(part, callers, self._processes)),
            seconds=self._fixed or self._window * self._spec.most_windows,
            warm_up=self._warm_up,
            most_outstanding=max(1, self._spec.most_outstanding // self._processes),
        )

    def _told(self, worker: int, progress: Progress, rows: np.ndarray) -> None:
        self._meters[worker].add(progress.now, progress.cpu, self._measurement.end)
        self._measurement.add(worker, progress, rows)

    async def _read_at(self, moment: float) -> Statistics | None:
        await asyncio.sleep(moment - time.monotonic())
        return None if self._view is None else await self._view.read()

    async def _follow(self, fleet: Fleet, start: float) -> None:
        """Wait for all calls, and decide when there are enough."""
        stopped = asyncio.create_task(self._watch.stop.wait())
        end: float | None = self._fixed
        try:
            while not fleet.done.done():
                waiting: set[asyncio.Future[Any]] = {fleet.done}
                if not self._interrupted:
                    waiting.add(stopped)
                await asyncio.wait(
                    waiting, timeout=_TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                now = time.monotonic() - start
                self._own.add(now, time.process_time(), self._measurement.end)
                self._watch.update(self._measurement)
                if stopped.done() and not self._interrupted:
                    self._interrupted = True
                    end = min(max(now, 0.0), self._measurement.end)
                    self._measurement.end = end
                    self._watch.stopping(self._measurement.outstanding)
                    fleet.stop()
                elif end is None and self._enough():
                    end = self._measurement.end
                    fleet.stop()
                latest = end if end is not None else self._measurement.end
                if now > latest + self._spec.connection.timeout + _PATIENCE_SECONDS:
                    raise LoadTestError("a process of the load tester does not end its calls")
            fleet.done.result()
        finally:
            stopped.cancel()
        self._measurement.finish()

    def _enough(self) -> bool:
        """Whether the last windows are stable, or there may be no more; else measure on."""
        measurement = self._measurement
        count = len(measurement.windows)
        if count * self._window < measurement.end - 1e-9:
            return False
        steady = stability(measurement.windows, not self._demand.callers)
        if steady.stable or count >= self._spec.most_windows:
            return True
        measurement.extend((count + 1) * self._window)
        return False

    def _result(self, started: datetime, server: Server | None) -> Run:
        told, seconds = self._measurement, self._measurement.end
        every = told.all
        answers = sum(window.answered for window in told.windows)
        pictures = sum(window.pictures for window in told.windows)
        answering = seconds
        if self._demand.trace is not None:
            # A recorded load ends with its last answer: a burst has no length of its own.
            answers, pictures = every.latency.count, told.pictures
            answering = max(seconds, told.last_answer)
        return Run(
            load=self._demand.load,
            started=started,
            seconds=seconds,
            sent=every.sent,
            answered=every.latency.count,
            failed=dict(every.failed),
            pictures=told.pictures,
            throughput=_rate(answers, answering),
            picture_rate=_rate(pictures, answering),
            latency=every.latency.distribution(),
            service_latency=(
                every.latency if self._demand.callers else told.service
            ).distribution(),
            failed_latency={
                code: histogram.distribution() for code, histogram in told.failed_latency.items()
            },
            windows=tuple(told.windows),
            stability=stability(self._whole_windows(), not self._demand.callers),
            entries=tuple(
                _entry(entry.name, calls)
                for entry, calls in zip(
                    self._spec.workload.entries,
                    told.entries if len(told.entries) > 1 else [every],
                    strict=True,
                )
            ),
            server=server,
            client=self._client(),
            interrupted=self._interrupted,
        )

    def _whole_windows(self) -> list[Window]:
        """Without the one in which the run was interrupted."""
        windows = self._measurement.windows
        is_part = self._interrupted and windows and windows[-1].seconds < self._window - 1e-9
        return windows[:-1] if is_part else windows

    def _client(self) -> Client:
        shares = [meter.share for meter in self._meters]
        told = self._measurement
        client = Client(
            processes=self._processes,
            cpu=sum(shares) + self._own.share,
            busiest=max(*shares, self._own.share),
            lateness=told.lateness.distribution(),
            warnings=(),
        )
        said = warnings(
            client, told.all.latency.value(50), told.all.failed, self._spec.most_outstanding
        )
        return client.model_copy(update={"warnings": (*said, *self._said)})


class _Meter:
    """Processor seconds per second of a process, while the measurement lasts."""

    def __init__(self) -> None:
        self._first: tuple[float, float] | None = None
        self._last: tuple[float, float] | None = None

    def add(self, now: float, cpu: float, end: float) -> None:
        """It had used so much by `now`."""
        if self._first is None or now <= 0:
            self._first = now, cpu
        elif self._last is None or now <= end:
            self._last = now, cpu

    @property
    def share(self) -> float:
        """Of one core; 0 where nothing was measured."""
        if self._first is None or self._last is None:
            return 0.0
        return _rate(self._last[1] - self._first[1], self._last[0] - self._first[0])


def _rate(count: float, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0


def _entry(name: str, calls: Calls) -> Entry:
    return Entry(
        name=name,
        sent=calls.sent,
        failed=dict(calls.failed),
        latency=calls.latency.distribution(),
    )
