"""A trace goes on in a real Triton that traces by itself."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from collector import PROMPT, Collector, http_collector
from impasto import Client
from running_server import REPOSITORY, running_server
from running_triton import RunningTriton, needs_triton, running_triton

pytestmark = needs_triton
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
MODELS = ("landscapes", "landscapes_generator", "stylizer")


@pytest.fixture
def collector() -> Iterator[Collector]:
    with http_collector() as receiving:
        yield receiving


@pytest.fixture
def tracing_triton(collector: Collector, tmp_path: Path) -> Iterator[RunningTriton]:
    for name in MODELS:
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    config = {
        "mode=opentelemetry",
        "level=TIMESTAMPS",
        # Only what comes with a trace.
        "rate=0",
        f"opentelemetry,url={collector.url}/v1/traces",
        "opentelemetry,bsp_schedule_delay=50",
    }
    flags = [f"--trace-config={item}" for item in config]
    with running_triton(*flags, repository=tmp_path) as running:
        yield running


def ask(server: str, flag: str) -> None:
    headers = {"traceparent": f"00-{TRACE}-{CALLER}-{flag}", "tracestate": "caller=7"}
    assert httpx.get(f"{server}/v1/picture", headers=headers).status_code == 200


def test_triton_joins_the_trace_of_who_is_traced(
    tracing_triton: RunningTriton, collector: Collector, tmp_path: Path
) -> None:
    flags = ("--engine", "triton", "--triton-url", tracing_triton.url, "--workers", "2")
    share = ("--trace-url", collector.url, "--trace-share", "0", "--model-repository")
    with running_server(*flags, *share, str(tmp_path), environment=PROMPT) as running:
        with Client(running.target) as client:
            client.generate()
        ask(running.http, "00")
        # A Triton that has just started may lose its first traces.
        for calls in range(1, 6):
            ask(running.http, "01")
            *_, call = collector.wait_for("GET /v1/picture", calls)
            if collector.look_for("InferRequest", seconds=2):
                break
        (inference,) = collector.wait_for("InferRequest")
        collector.wait_for("stylizer")
    assert (call.trace, call.parent) == (TRACE, CALLER)
    assert (inference.trace, inference.parent) == (TRACE, call.id)
    assert inference.resource["service.name"] == "triton-inference-server"
    (ensemble,) = collector.children(inference)
    assert ensemble.name == "landscapes"
    steps = {step.name for step in collector.children(ensemble)}
    assert steps == {"landscapes_generator", "stylizer"}
    assert {span.trace for span in collector.spans} == {TRACE}
