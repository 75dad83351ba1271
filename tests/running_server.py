"""Starts the real server as its users do and talks to nothing else."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parent.parent
REPOSITORY = ROOT / "model_repository"
_READY = re.compile(r"ready: grpc on (\S+)")
_HTTP = re.compile(r"http on (https?://\S+)/metrics")
_PATIENCE_SECONDS = 60


@dataclass
class RunningServer:
    """A server that said that it is ready."""

    process: subprocess.Popen[str]
    target: str
    http: str

    def metrics(self) -> dict[tuple[str, ...], float]:
        """All samples by name and label values, these in alphabetical order."""
        text = httpx.get(f"{self.http}/metrics").raise_for_status().text
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name that have these labels; 0 where there is none."""
        text = httpx.get(f"{self.http}/metrics").raise_for_status().text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def calls(self, method: str, code: str) -> float:
        """How many calls of a method ended with a code."""
        return self.total("impasto_request_seconds_count", method=method, code=code)

    async def wait_for_in_flight(self, pictures: int) -> None:
        """Wait until so many pictures are in flight."""
        patience = time.monotonic() + _PATIENCE_SECONDS
        while self.metrics()[("impasto_in_flight_pictures",)] != pictures:
            assert time.monotonic() < patience, f"never {pictures} pictures in flight"
            await asyncio.sleep(0.005)


def server_command(*flags: str) -> list[str]:
    return [sys.executable, "-m", "server", "--port", "0", "--http-port", "0", *flags]


@contextmanager
def running_server(
    *flags: str, environment: dict[str, str] | None = None
) -> Iterator[RunningServer]:
    # A file, not a pipe: nobody reads on after the start, and a full pipe stops its writer.
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("w") as errors:
        process = subprocess.Popen(
            server_command(*flags),
            cwd=ROOT,
            env=os.environ | (environment or {}),
            stderr=errors,
            text=True,
        )
        try:
            yield _wait_until_ready(process, Path(log.name))
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[str], log: Path) -> RunningServer:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < patience:
        text = log.read_text()
        if ready := _READY.search(text):
            http = _HTTP.search(text)
            assert http is not None
            return RunningServer(process, ready[1], http[1])
        time.sleep(0.02)
    raise AssertionError(f"the server was not ready:\n{log.read_text()}")


def failed_start(*flags: str) -> str:
    """Start a server that must refuse to; return what it said."""
    done = subprocess.run(
        server_command(*flags),
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
        timeout=_PATIENCE_SECONDS,
    )
    assert done.returncode == 1, done.stderr
    assert not _READY.search(done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr
