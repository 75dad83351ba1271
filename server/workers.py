"""Several gateway processes on one pair of ports, where the models run elsewhere.

The kernel hands each new connection to one of them. What they count lies in files that all of them
read, so a scrape shows the sum, whoever answers it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

import uvloop
from prometheus_client.multiprocess import mark_process_dead

from server.app import Gateway
from server.errors import ImpastoError, StartupError
from server.logs import log_lines, log_to_standard_error, refuse
from server.settings import Settings, address
from server.telemetry.metrics import SHARED_FOLDER

# Whatever a worker of this age died of, a new one would die of, too.
_SETTLED_SECONDS = 5.0
_log = logging.getLogger(__name__)
_spawn = multiprocessing.get_context("spawn")


class Worker:
    """One gateway process of several.

    Attributes:
        process: is it.
        connection: on which it says once what it serves; its end tells it to stop.
        age: in seconds.

    Args:
        settings: of the gateway.
    """

    def __init__(self, settings: Settings) -> None:
        """Start it."""
        self._lines: Sequence[str] = ()
        self._started = time.monotonic()
        self.connection, its_end = _spawn.Pipe()
        self.process: SpawnProcess = _spawn.Process(target=_work, args=(settings, its_end))
        self.process.start()
        its_end.close()

    @property
    def age(self) -> float:
        """See above."""
        return time.monotonic() - self._started

    def wait_until_ready(self) -> Sequence[str]:
        """What it says of itself; empty: it died, and has said why."""
        with contextlib.suppress(EOFError):
            self._lines = self._lines or self.connection.recv()
        return self._lines


class Workers:
    """Keeps so many workers running until it is told to stop.

    Args:
        settings: of all of them.
    """

    def __init__(self, settings: Settings) -> None:
        """Start none yet."""
        self._settings = settings
        self._running: list[Worker] = []
        self._stopping = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT, then let all drain; the exit status."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        # One first: what keeps it from starting is said once.
        said = self._start().wait_until_ready()
        if said:
            others = [self._start() for _ in range(self._settings.workers - 1)]
            said = said if all(other.wait_until_ready() for other in others) else ()
        if not said:
            self._stop()
            return self._wait(1)
        log_lines([f"{self._settings.workers} workers", *said])
        return self._wait(0)

    def _start(self) -> Worker:
        worker = Worker(self._settings)
        self._running.append(worker)
        if self._stopping:
            # The signal came while it was being started.
            worker.process.terminate()
        return worker

    def _stop(self) -> None:
        if self._stopping:
            _log.warning("second signal: ending at once")
        for worker in self._running:
            (worker.process.kill if self._stopping else worker.process.terminate)()
        self._stopping = True

    def _wait(self, status: int) -> int:
        """Replace who dies, until all have ended."""
        while self._running:
            sentinels = [worker.process.sentinel for worker in self._running]
            ended = multiprocessing.connection.wait(sentinels)
            for worker in [each for each in self._running if each.process.sentinel in ended]:
                worker.process.join()
                self._running.remove(worker)
                # What was under way in it is not any more; what it had counted stays.
                mark_process_dead(worker.process.pid)
                status = self._bury(worker) or status
        return status

    def _bury(self, worker: Worker) -> int:
        code = worker.process.exitcode or 0
        if self._stopping:
            # One that was still loading says that it was told to stop.
            return 1 if code and worker.wait_until_ready() else 0
        _log.error("a worker ended with status %d after %.0f s", code, worker.age)
        if worker.age < _SETTLED_SECONDS:
            self._stop()
            return 1
        self._start()
        return 0


def serve_with_workers(settings: Settings) -> int:
    """Serve until told to stop; the exit status.

    Raises:
        StartupError: a port is taken.
    """
    share = {"max_in_flight": math.ceil(settings.max_in_flight / settings.workers)}
    if settings.max_backlog is not None:
        share["max_backlog"] = math.ceil(settings.max_backlog / settings.workers)
    with (
        tempfile.TemporaryDirectory(prefix="impasto-") as folder,
        _reserved(settings.host, settings.port) as port,
        _reserved(settings.host, settings.http_port) as http_port,
    ):
        # Read by the library that counts, when it is imported.
        os.environ[SHARED_FOLDER] = folder
        ports = {"port": port, "http_port": http_port}
        return Workers(settings.model_copy(update=share | ports)).run()


@contextlib.contextmanager
def _reserved(host: str, port: int) -> Iterator[int]:
    """Hold a port that the workers share, and nobody else."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        # Sharing a port with a stranger would succeed, and lose every other call.
        with socket.socket(family) as alone:
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind((host, port))
            port = alone.getsockname()[1]
        held = socket.socket(family)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind((host, port))
    except OSError as error:
        raise StartupError(
            f"cannot listen on {address(host, port)}: {error.strerror}. Choose another --host, "
            f"--port or --http-port (0 picks a free one)"
        ) from error
    with held:
        yield port


def _work(settings: Settings, connection: Connection) -> None:
    """A worker's whole life."""
    # A terminal's Ctrl-C is for the parent, which passes it on once.
    os.setpgid(0, 0)
    log_to_standard_error()
    try:
        uvloop.run(_serve(settings, connection))
    except ImpastoError as error:
        refuse(str(error))
    sys.exit(0)


async def _serve(settings: Settings, connection: Connection) -> None:
    gateway = Gateway(settings, ready=connection.send)
    # Readable once the parent has gone, whatever it died of.
    asyncio.get_running_loop().add_reader(connection.fileno(), gateway.stop)
    await gateway.run()
