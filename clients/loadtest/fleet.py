"""The processes that make the calls."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import IO, Any, Self

import numpy as np

from loadtest.errors import LoadTestError
from loadtest.frames import Kind, Progress, calls_of, frame, read_frame
from loadtest.plan import Plan
from loadtest.schedule import Schedule

Told = Callable[[int, Progress, np.ndarray], None]
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_SAID_CHARACTERS = 2000


class _Worker:
    """One process.

    Attributes:
        is_ready: whether it is connected.
    """

    def __init__(self, number: int, process: asyncio.subprocess.Process, said: IO[bytes]) -> None:
        self.number = number
        self.process = process
        self.is_ready = asyncio.Event()
        self._said = said

    def send(self, kind: Kind, content: bytes = b"") -> None:
        """Tell it something, if it is still there; that it is not comes out where it is read."""
        assert self.process.stdin is not None
        with suppress(ConnectionError):
            self.process.stdin.write(frame(kind, content))

    async def listen(self, told: Told) -> None:
        """Pass on what it tells until it is done.

        Raises:
            LoadTestError: it cannot do its work, or died.
        """
        assert self.process.stdout is not None
        try:
            while True:
                kind, content = await read_frame(self.process.stdout)
                if kind is Kind.CALLS:
                    told(self.number, *calls_of(content))
                elif kind is Kind.READY:
                    self.is_ready.set()
                elif kind is Kind.FAILED:
                    raise LoadTestError(content.decode())
                elif kind is Kind.DONE:
                    return
        except (asyncio.IncompleteReadError, ValueError) as error:
            raise LoadTestError(await self._death()) from error

    async def end(self) -> None:
        """See that it is gone."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        self._said.close()

    async def _death(self) -> str:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), _STOP_SECONDS)
        self._said.seek(0)
        said = self._said.read().decode(errors="replace")[-_SAID_CHARACTERS:].strip()
        return (
            f"process {self.number} of the load tester (pid {self.process.pid}) ended in the "
            f"middle of the test with status {self.process.returncode}; "
            f"it said: {said or 'nothing'}"
        )


class Fleet:
    """Processes that share one load; within `async with` they exist.

    Attributes:
        pids: of the processes.

    Args:
        plans: one for each.
        schedules: their calls.
        told: called for what they tell: the process's number, its progress, rows of calls.
    """

    def __init__(self, plans: Sequence[Plan], schedules: Sequence[Schedule], told: Told) -> None:
        self._plans = plans
        self._schedules = schedules
        self._told = told
        self._workers: list[_Worker] = []

    async def __aenter__(self) -> Self:
        """Start them and wait until all are connected.

        Raises:
            LoadTestError: one cannot connect, or died.
        """
        try:
            for number, (plan, schedule) in enumerate(
                zip(self._plans, self._schedules, strict=True)
            ):
                worker = await _started(number)
                self._workers.append(worker)
                worker.send(Kind.PLAN, plan.model_dump_json().encode())
                worker.send(Kind.DUE, schedule.due.tobytes())
                worker.send(Kind.ENTRIES, schedule.entries.tobytes())
                worker.send(Kind.SEEDS, schedule.seeds.tobytes())
            self._listening = asyncio.gather(
                *(worker.listen(self._told) for worker in self._workers)
            )
            await self._all_ready()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """End them, wherever they are."""
        self._listening.cancel()
        with suppress(asyncio.CancelledError, LoadTestError):
            await self._listening
        await self._end()

    @property
    def pids(self) -> list[int]:
        """Of the processes."""
        return [worker.process.pid for worker in self._workers]

    def start(self, moment: float) -> None:
        """Let the measurement begin at `moment` of the monotonic clock, which all share."""
        self._send(Kind.START, repr(moment).encode())

    def stop(self) -> None:
        """Begin no more calls; those that are under way are waited for."""
        self._send(Kind.STOP)

    @property
    def done(self) -> asyncio.Future[list[None]]:
        """Done when all calls have ended and were told; its exception is a `LoadTestError`."""
        return self._listening

    def _send(self, kind: Kind, content: bytes = b"") -> None:
        for worker in self._workers:
            worker.send(kind, content)

    async def _all_ready(self) -> None:
        ready = asyncio.gather(*(worker.is_ready.wait() for worker in self._workers))
        either: set[asyncio.Future[Any]] = {ready, self._listening}
        await asyncio.wait(either, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            return
        ready.cancel()
        if self._listening.done():
            self._listening.result()
        raise LoadTestError(
            f"the processes of the load tester did not connect within {_START_SECONDS:.0f} s"
        )

    async def _end(self) -> None:
        await asyncio.gather(*(worker.end() for worker in self._workers))


async def _started(number: int) -> _Worker:
    # A file, not a pipe: nobody reads it unless the process dies.
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        # Not from the folder that the user is in.
        "-P",
        "-m",
        "loadtest.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=said,
        # Ctrl-C is for the parent, which then tells them to stop. No session of their own: Linux
        # shares the processor out by sessions first, and a server in the parent's would be halved.
        process_group=0,
    )
    return _Worker(number, process, said)
