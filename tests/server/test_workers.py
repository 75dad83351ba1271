"""Several gateway processes on one port, over a real Triton."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import httpx
import pytest
from impasto import Client, ImpastoError, PictureFormat
from running_server import RunningServer, failed_start, running_server
from running_triton import RunningTriton, needs_triton

WORKERS = 2
PATIENCE_SECONDS = 60


def flags(triton: RunningTriton) -> list[str]:
    return [
        "--engine",
        "triton",
        "--triton-url",
        triton.url,
        "--workers",
        str(WORKERS),
        "--max-backlog=512",
    ]


@pytest.fixture(scope="module")
def crowd(triton: RunningTriton) -> Iterator[RunningServer]:
    with running_server(*flags(triton)) as running:
        yield running


def workers(running: RunningServer) -> set[int]:
    """The parent's children but the one that cleans up after them."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
            command = (entry.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == running.process.pid and b"spawn_main" in command:
            found.add(int(entry.parent.name))
    return found


def generate(running: RunningServer, seed: int) -> bytes:
    """On a connection of its own, which may be any worker's."""
    with Client(running.target) as client:
        (picture,) = client.generate(seed=seed, picture_format=PictureFormat.RAW_RGB8)
        return picture.data


def served(running: RunningServer) -> float:
    return running.calls("Generate", "OK")


@needs_triton
def test_all_of_them_answer_and_the_metrics_are_their_sum(crowd: RunningServer) -> None:
    assert len(workers(crowd)) == WORKERS
    before = served(crowd)
    with ThreadPoolExecutor(8) as threads:
        assert len({*threads.map(lambda _: generate(crowd, 7), range(24))}) == 1
    # Whichever of them answers.
    assert {served(crowd) for _ in range(20)} == {before + 24}
    # One of them tells what all of them serve.
    assert crowd.total("impasto_model_info", model="landscapes") == 1
    assert crowd.total("impasto_build_info", engine="triton") == 1
    assert crowd.total("impasto_in_flight_limit_pictures") == 512
    samples = crowd.metrics()
    assert not [name for name, *_ in samples if name.startswith("process_")]
    assert samples[("impasto_in_flight_pictures",)] == 0
    assert samples[("impasto_calls_under_way",)] == 0


@needs_triton
def test_one_that_dies_is_replaced_and_what_it_had_counted_stays(triton: RunningTriton) -> None:
    with running_server(*flags(triton)) as running:
        generate(running, 1)
        # Younger ones would make the server give up.
        time.sleep(6)
        before = workers(running)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        patience = time.monotonic() + PATIENCE_SECONDS
        while len(workers(running) - {victim}) < WORKERS:
            assert time.monotonic() < patience
            time.sleep(0.1)
        generate(running, 2)
        assert served(running) == 2
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(60) == 0


@needs_triton
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_all_drain(triton: RunningTriton, number: signal.Signals) -> None:
    with running_server(*flags(triton)) as running:
        with ThreadPoolExecutor(6) as threads:
            calls = [threads.submit(generate, running, seed) for seed in range(6)]
            time.sleep(0.1)
            running.process.send_signal(number)
            for call in calls:
                refusal = call.exception()
                if refusal is None:
                    assert len(call.result()) == 256 * 256 * 3
                else:
                    assert isinstance(refusal, ImpastoError)
                    assert refusal.code is grpc.StatusCode.UNAVAILABLE
        assert running.process.wait(60) == 0
        assert workers(running) == set()


@needs_triton
def test_they_do_not_outlive_their_parent(triton: RunningTriton) -> None:
    with running_server(*flags(triton)) as running:
        children = workers(running)
        running.process.kill()
        running.process.wait()
        patience = time.monotonic() + PATIENCE_SECONDS
        while any(Path(f"/proc/{child}").exists() for child in children):
            assert time.monotonic() < patience
            time.sleep(0.1)


@needs_triton
def test_a_port_that_is_taken(crowd: RunningServer, triton: RunningTriton) -> None:
    port = crowd.target.rpartition(":")[2]
    assert "Address already in use" in failed_start(*flags(triton), "--port", port)
    http_port = httpx.URL(crowd.http).port
    assert "Address already in use" in failed_start(*flags(triton), "--http-port", str(http_port))


@needs_triton
def test_what_keeps_them_from_starting_is_said_once(triton: RunningTriton) -> None:
    assert failed_start(*flags(triton), "--model", "nothing").count("cannot start") == 1


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ([], "needs --engine triton"),
        (["--engine", "triton", "--triton-url", "x:1", "--store", "/tmp/x"], "--store needs"),
        (["--engine", "triton", "--triton-url", "x:1", "--max-in-flight", "64"], "max_in_flight"),
    ],
)
def test_wrong_settings_are_named(extra: list[str], message: str) -> None:
    assert message in failed_start("--workers", "2", *extra)
