"""The two ways of making calls.

An open loop makes each call when it is due, whatever became of the ones before; a closed loop has a
number of callers, each of whom waits for the answer to its last call. The first is how many
independent people behave, the second a fixed number of programs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress

from loadtest.codes import NOT_SENT
from loadtest.record import Record
from loadtest.schedule import SEED_SPAN, Schedule
from loadtest.targets.base import Answer, Target
from loadtest.timer import Alarm

# Between a caller's first way through its choices and the next, so that no picture comes twice.
_ROUND_SEEDS = 2**40
_CHUNK_CALLS = 1 << 12
_FAILED_SECONDS = 0.01


class OpenLoop:
    """Calls when they are due.

    Args:
        target: whom to call.
        record: where calls go.
        schedule: when they are due.
        start: beginning of the measurement, on the monotonic clock.
        most_outstanding: beyond so many unanswered calls those that are due are not sent, but
            counted as failed.
    """

    def __init__(
        self,
        target: Target,
        record: Record,
        schedule: Schedule,
        start: float,
        most_outstanding: int,
    ) -> None:
        self._target = target
        self._record = record
        self._coming = _calls_of(schedule, start)
        self._next = next(self._coming, None)
        self._most_outstanding = most_outstanding
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Make all calls, or those until `stop`; return when all are answered."""
        loop = asyncio.get_running_loop()
        sent_all = asyncio.Event()
        alarm = Alarm(loop, lambda: self._send_due(alarm, sent_all))
        ended = [loop.create_task(event.wait()) for event in (stop, sent_all)]
        self._send_due(alarm, sent_all)
        try:
            await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.close()
            for task in ended:
                task.cancel()
        if self._calls:
            await asyncio.wait(self._calls)

    def _send_due(self, alarm: Alarm, sent_all: asyncio.Event) -> None:
        """Send what is due, and set the alarm for what is due next."""
        loop = asyncio.get_running_loop()
        while self._next is not None:
            due, entry, seed = self._next
            now = time.monotonic()
            if due > now:
                alarm.set(due)
                return
            if self._record.outstanding < self._most_outstanding:
                self._record.outstanding += 1
                call = loop.create_task(self._call(due, entry, seed))
                self._calls.add(call)
                call.add_done_callback(self._calls.discard)
            else:
                self._record.add(due, now, now, NOT_SENT, entry, 0)
            self._next = next(self._coming, None)
        sent_all.set()

    async def _call(self, due: float, entry: int, seed: int) -> None:
        sent = time.monotonic()
        try:
            answer = await _answer(self._target, entry, seed)
        finally:
            self._record.outstanding -= 1
        self._record.add(due, sent, time.monotonic(), answer.code, entry, answer.pictures)


async def _answer(target: Target, entry: int, seed: int) -> Answer:
    """How a call ended; one that a fault ended counts, too."""
    try:
        return await target.call(entry, seed)
    except Exception as error:
        return Answer("INTERNAL", details=f"{type(error).__name__}: {error}")


def _calls_of(schedule: Schedule, start: float) -> Iterator[tuple[float, int, int]]:
    """Moment on the monotonic clock, entry and seed of each call, made a few thousand at a time."""
    for first in range(0, len(schedule), _CHUNK_CALLS):
        part = slice(first, first + _CHUNK_CALLS)
        yield from zip(
            (schedule.due[part] + start).tolist(),
            schedule.entries[part].tolist(),
            schedule.seeds[part].tolist(),
            strict=True,
        )


class ClosedLoop:
    """Callers, each with one call at a time.

    A caller whom the server refuses waits as long as the server says before it calls again: it
    would refuse the same caller thousands of times a second otherwise. After a failure without
    such a word it waits a little, too.

    Args:
        target: whom to call.
        record: where calls go.
        choices: what the calls ask for, one after the other, again from the beginning at the end;
            their moments do not matter.
        start: beginning of the measurement, on the monotonic clock.
        end: when no more calls are begun.
        callers: how many.
    """

    def __init__(
        self,
        target: Target,
        record: Record,
        choices: Schedule,
        start: float,
        end: float,
        callers: int,
    ) -> None:
        self._target = target
        self._record = record
        self._entries: list[int] = choices.entries.tolist()
        self._seeds: list[int] = choices.seeds.tolist()
        self._start = start
        self._end = end
        self._callers = callers
        self._next = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Call until the end, or until `stop`; return when all are answered."""
        await asyncio.sleep(self._start - time.monotonic())
        async with asyncio.TaskGroup() as callers:
            for _ in range(self._callers):
                callers.create_task(self._caller(stop))

    async def _caller(self, stop: asyncio.Event) -> None:
        while not stop.is_set() and (sent := time.monotonic()) < self._end:
            rounds, index = divmod(self._next, len(self._entries))
            seed = (self._seeds[index] + rounds * _ROUND_SEEDS) % SEED_SPAN
            self._next += 1
            self._record.outstanding += 1
            try:
                answer = await _answer(self._target, self._entries[index], seed)
            finally:
                self._record.outstanding -= 1
            ended = time.monotonic()
            entry = self._entries[index]
            self._record.add(sent, sent, ended, answer.code, entry, answer.pictures)
            wait = answer.wait or (0.0 if answer.is_good else _FAILED_SECONDS)
            if wait:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), min(wait, self._end - ended))
