"""The other gRPC transport: the same answers, and the differences that are known.

Known: it sends no retry hint with RESOURCE_EXHAUSTED, and a drain does not wait for a caller who is
slow to read its answer.
"""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from impasto import AsyncClient, Client, ImpastoError
from running_server import RunningServer, failed_start, running_server
from tritonclient.grpc import InferenceServerClient, InferInput

pytest.importorskip("pygrpc_native", reason="no wheel of pygrpc-native for this platform")

NATIVE = ("--grpc-transport", "native")


@pytest.fixture(scope="module")
def native() -> Iterator[RunningServer]:
    with running_server(*NATIVE, "--max-in-flight", "16", "--max-count", "16") as running:
        yield running


def test_same_bytes_as_the_other_transport(native: RunningServer, client: Client) -> None:
    with Client(native.target) as other:
        for style in ("", "great_wave"):
            wanted = client.generate(seed=3, count=4, style=style)
            assert other.generate(seed=3, count=4, style=style) == wanted


def test_bad_input_is_named(native: RunningServer) -> None:
    with Client(native.target) as client, pytest.raises(ImpastoError, match="style: expected") as e:
        client.generate(style="mona_lisa")
    assert e.value.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_deadlines_and_cancellation_give_their_places_back(native: RunningServer) -> None:
    with Client(native.target, timeout=0.1) as hurried, pytest.raises(ImpastoError) as caught:
        hurried.generate(count=16)
    assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
    await native.wait_for_in_flight(0)
    async with AsyncClient(native.target) as client:
        task = asyncio.create_task(client.generate(count=16))
        await native.wait_for_in_flight(16)
        task.cancel()
        await native.wait_for_in_flight(0)
        assert len(await client.generate(count=16)) == 16
    assert native.calls("Generate", "CANCELLED") == 1
    assert native.calls("Generate", "DEADLINE_EXCEEDED") == 1


async def test_a_full_server_refuses_without_a_hint(native: RunningServer) -> None:
    async with AsyncClient(native.target) as client:
        large = asyncio.create_task(client.generate(count=16))
        await native.wait_for_in_flight(16)
        with pytest.raises(ImpastoError, match=r"16 (of 16 )?pictures") as caught:
            await client.generate()
        assert (caught.value.code, caught.value.retry_after) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            None,
        )
        assert len(await large) == 16


def test_streams_take_the_road_through_grpcio(native: RunningServer) -> None:
    answers: list[object] = []
    request = InferInput("image", [1, 3, 64, 64], "FP32")
    request.set_data_from_numpy(np.zeros((1, 3, 64, 64), np.float32))
    with InferenceServerClient(native.target) as client:
        client.start_stream(lambda result, error: answers.append(error or result))
        client.async_stream_infer("landscapes_discriminator", [request])
        client.stop_stream()
    assert len(answers) == 1
    assert answers[0].as_numpy("score").shape == (1, 1)


async def test_sigterm_finishes_accepted_calls() -> None:
    with running_server(*NATIVE) as running:
        async with AsyncClient(running.target) as client:
            accepted = asyncio.create_task(client.generate(count=8))
            await running.wait_for_in_flight(8)
            running.process.send_signal(signal.SIGTERM)
            assert len(await accepted) == 8
        assert running.process.wait(30) == 0


def test_missing_package_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pygrpc_native.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    message = failed_start(*NATIVE)
    assert (
        "--grpc-transport native needs the package pygrpc-native: pip install '.[fast]'" in message
    )
