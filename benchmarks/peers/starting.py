"""Starts a server in a process group of its own, and checks that its answers are right."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from benchmarks.peers.connectors import CONNECTORS, ROWS, TOLERANCES, Call, difference, references
from benchmarks.processes import ROOT

_START_SECONDS = 60
_STOP_SECONDS = 30

_right_answers = cache(references)


class WrongAnswer(Exception):
    """A server answered something else than bare onnxruntime."""


@dataclass(frozen=True)
class Shape:
    """How a server divides the cores.

    Attributes:
        workers: batches at a time; 0 is a server that computes in its front process.
        threads: of one batch.
        batch: its rows at most.
        fast_queue: LitServe only: whether its front and its workers talk over ZeroMQ.
    """

    workers: int
    threads: int
    batch: int
    fast_queue: bool = False

    def __str__(self) -> str:
        queue = ", fast queue" if self.fast_queue else ""
        return f"{self.workers} x {self.threads}{queue}"


CORES = len(os.sched_getaffinity(0))
# The greatest throughput, and the shortest answer to a lone caller, who has no use for batches.
NARROW, WIDE = Shape(CORES, 1, batch=8), Shape(1, CORES, batch=1)


@dataclass
class Running:
    """A server under measurement.

    Attributes:
        protocol: that it is asked by.
        size: of its work.
        shape: how it divides the cores, where it must be told.
        stack: what stops its processes.
        pids: its first processes.
        target: where it answers.
        cold_start: seconds from its start to its first right answer.
    """

    protocol: str
    size: str
    shape: Shape
    stack: ExitStack
    pids: list[int] = field(default_factory=list)
    target: str = ""
    cold_start: float = 0.0

    def start(self, command: Sequence[str], port: int, environment: Mapping[str, str]) -> None:
        """Start one process and wait until it gives right answers.

        Raises:
            RuntimeError: it ended or gave none in time; the end of what it wrote is in the message.
            WrongAnswer: it gave others.
        """
        # Their making is no part of the start.
        right = _right_answers(self.size)
        started = time.perf_counter()
        process, log = self.stack.enter_context(_process(command, environment))
        self.pids.append(process.pid)
        self.target = f"127.0.0.1:{port}"
        try:
            answered = asyncio.run(self._first_answers(process, port, right))
        except TimeoutError as error:
            raise RuntimeError(f"{error}: {log.read_text(errors='replace')[-2000:]}") from None
        self.cold_start += answered - started

    async def _first_answers(
        self, process: subprocess.Popen[bytes], port: int, right: Sequence[bytes]
    ) -> float:
        """When the first one came; then all rows are checked at once, so that there are batches."""
        patience = time.monotonic() + _START_SECONDS
        # A gRPC channel that found nothing would wait before it looked again.
        while not _listens(port):
            _must_be_starting(process, patience)
            await asyncio.sleep(0.01)
        async with CONNECTORS[self.protocol](self.target, self.size) as call:
            while not await self._answers(call, right):
                _must_be_starting(process, patience)
                await asyncio.sleep(0.01)
            answered = time.perf_counter()
            await asyncio.gather(
                *(self._check(call, index % ROWS, right) for index in range(2 * ROWS))
            )
        return answered

    async def _answers(self, call: Call, right: Sequence[bytes]) -> bool:
        try:
            await self._check(call, 0, right)
        except WrongAnswer:
            raise
        # It listens and is not ready yet; each protocol's library says so in its own way.
        except Exception:
            return False
        return True

    async def _check(self, call: Call, row: int, right: Sequence[bytes]) -> None:
        off = difference(self.size, await call(row), right[row])
        if off > (most := TOLERANCES[self.size]):
            raise WrongAnswer(f"the answer to row {row} is off by {off:g}, expected {most} at most")


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _must_be_starting(process: subprocess.Popen[bytes], patience: float) -> None:
    if process.poll() is not None:
        raise TimeoutError(f"it ended with status {process.returncode}")
    if time.monotonic() > patience:
        raise TimeoutError(f"no right answer within {_START_SECONDS} s")


@contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A process and the file of all that it writes; what it started ends with it."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=os.environ | environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield process, log
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
