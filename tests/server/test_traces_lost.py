"""Traces that nobody takes, and servers that have nothing to trace with."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from collector import Collector, http_collector
from pydantic import ValidationError
from pydantic_settings import CliApp
from running_server import ROOT, RunningServer, failed_start, running_server

from server.assembly import traces_of
from server.errors import StartupError
from server.settings import Settings

QUEUE, BATCH = 40, 10
NARROW = {
    "OTEL_BSP_SCHEDULE_DELAY": "20",
    "OTEL_BSP_MAX_QUEUE_SIZE": str(QUEUE),
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": str(BATCH),
    # What hangs is not tried again.
    "OTEL_EXPORTER_OTLP_TIMEOUT": "60",
}


def ask(server: RunningServer, calls: int) -> None:
    with httpx.Client(base_url=server.http, timeout=60) as client:
        for _ in range(calls):
            assert client.get("/v1/styles").status_code == 200


def drain(server: RunningServer) -> str:
    """End the server in time; what it had said."""
    log = Path(f"/proc/{server.process.pid}/fd/2").resolve()
    server.process.terminate()
    assert server.process.wait(15) == 0
    return log.read_text()


def test_no_collector() -> None:
    flags = ("--trace-url", "grpc://127.0.0.1:9", "--trace-share", "1")
    with running_server(*flags, environment=NARROW) as running:
        ask(running, 5 * QUEUE)
        said = drain(running)
    assert "Traceback" not in said
    complaints = [line for line in said.splitlines() if "traces: " in line and "WARNING" in line]
    # One while it ran, one of the last traces.
    assert 1 <= len(complaints) <= 2, said


def test_a_collector_that_hangs_takes_no_memory() -> None:
    goes_on = threading.Event()

    class Stuck(Collector):
        def take(self, request: object) -> None:
            goes_on.wait(30)
            super().take(request)

    with http_collector(Stuck) as collector:
        flags = ("--trace-url", collector.url, "--trace-share", "1")
        with running_server(*flags, environment=NARROW) as running:
            ask(running, 10 * QUEUE)
            goes_on.set()
            drain(running)
    # What was under way, and what waited.
    assert QUEUE <= len(collector.spans) <= QUEUE + BATCH


def test_without_the_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry/__init__.py").write_text("raise ImportError('not here')")
    places = [str(tmp_path), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, places)))
    said = failed_start("--trace-url", "http://127.0.0.1:4318")
    assert "pip install '.[traces]'" in said
    # The whole server, without a trace of them.
    subprocess.run([sys.executable, "-c", "import server.app"], cwd=ROOT, check=True)


async def test_a_narrow_queue_and_what_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is no larger than the queue; of a caller's own state, 512 characters go on."""
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "32")
    traces = traces_of(Settings(trace_url="http://127.0.0.1:4318"))
    assert traces is not None
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    for length, passed_on in ((100, True), (255, False)):
        state = f"a={'x' * length},b={'y' * length}"
        headers = (("traceparent", parent), ("tracestate", state))
        trace = traces.begin("call", time.monotonic(), headers, {})
        assert trace is not None
        sent = dict(trace.headers)
        assert sent["traceparent"].startswith(parent[:36])
        assert sent.get("tracestate") == (state if passed_on else None)
    await traces.close()


def test_wrong_settings_of_the_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "0")
    with pytest.raises(StartupError, match=r"OTEL_.*max_queue_size"):
        traces_of(Settings(trace_url="http://127.0.0.1:4318"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--trace-url", "127.0.0.1:4318"), "got '127.0.0.1:4318'"),
        (("--trace-url", "ftp://127.0.0.1"), "expected http, https, grpc, grpcs://host:port"),
        (("--trace-url", "http://a:b@host"), "OTEL_EXPORTER_OTLP_HEADERS"),
        (("--trace-share", "0.5"), "--trace-share needs --trace-url"),
        (("--trace-url", "http://host", "--trace-share", "2"), "less than or equal to 1"),
    ],
)
def test_wrong_settings(flags: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CliApp.run(Settings, list(flags))
