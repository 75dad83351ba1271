"""The gateway with its models on real Tritons: same pictures, and one of two may die."""

import asyncio
import signal
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
from impasto import AsyncClient, Client, ImpastoError, PictureFormat
from running_server import RunningServer, failed_start, running_server
from running_triton import RunningTriton, needs_triton, running_triton

pytestmark = needs_triton


def gateway_flags(*tritons: RunningTriton) -> list[str]:
    return ["--engine", "triton", "--triton-url", ",".join(item.url for item in tritons)]


@pytest.fixture(scope="module")
def gateway(triton: RunningTriton) -> Iterator[RunningServer]:
    with running_server(*gateway_flags(triton)) as running:
        yield running


def pixels(client: Client, **request: object) -> np.ndarray:
    pictures = client.generate(picture_format=PictureFormat.RAW_RGB8, **request)
    return np.stack([np.asarray(picture.image()) for picture in pictures]).astype(int)


@pytest.mark.parametrize("style", ["", "great_wave"])
def test_same_pictures_as_without_triton(
    gateway: RunningServer, client: Client, style: str
) -> None:
    with Client(gateway.target) as over_triton:
        request = {"seed": 7, "count": 12, "style": style}
        difference = np.abs(pixels(over_triton, **request) - pixels(client, **request))
    assert difference.max() <= 1
    # One stage for all that Triton did, and Triton's own families are Triton's to show.
    labels = {"stage": "model", "model": "landscapes", "method": "Generate", "code": "OK"}
    assert gateway.total("impasto_stage_seconds_count", **labels) > 0
    assert not [key for key in gateway.metrics() if key[0].startswith("nv_")]


def test_shared_memory_makes_the_same_pictures(
    triton: RunningTriton, gateway: RunningServer
) -> None:
    with running_server(*gateway_flags(triton), "--triton-shared-memory") as running:
        with Client(running.target) as by_memory, Client(gateway.target) as by_bytes:
            for count in (1, 12):
                request = {"seed": 3, "count": count, "style": "cafe_terrace"}
                assert np.array_equal(pixels(by_memory, **request), pixels(by_bytes, **request))
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0


async def test_one_of_two_tritons_dies_under_load_and_nobody_notices() -> None:
    with (
        running_triton() as victim,
        running_triton() as other,
        running_server(*gateway_flags(victim, other)) as running,
    ):
        async with AsyncClient(running.target) as client:
            served = 0

            async def call(seed: int) -> None:
                nonlocal served
                (picture,) = await client.generate(seed=seed)
                assert picture.seed == seed
                served += 1

            calls = [asyncio.create_task(call(seed)) for seed in range(96)]
            while served < 8:
                await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
                calls = [item for item in calls if not item.done() or item.exception()]
            victim.process.send_signal(signal.SIGKILL)
            await asyncio.gather(*calls)
            assert served == 96
            await asyncio.gather(*(call(seed) for seed in range(8)))


async def test_no_triton_left_is_said() -> None:
    with running_triton() as only, running_server(*gateway_flags(only)) as running:
        only.process.kill()
        only.process.wait()
        async with AsyncClient(running.target) as client:
            with pytest.raises(ImpastoError, match=only.url) as caught:
                await client.generate(seed=1)
            assert caught.value.code is grpc.StatusCode.UNAVAILABLE


def test_wrong_settings_are_named() -> None:
    assert "--engine triton and --triton-url HOST:PORT" in failed_start("--engine", "triton")
    assert "go together" in failed_start("--triton-url", "localhost:8001")
    for url in ("http://localhost:8000", "localhost", "a:1,"):
        assert "expected host:port" in failed_start("--engine", "triton", "--triton-url", url)
    two = ("--engine", "triton", "--triton-url", "127.0.0.1:1,127.0.0.1:2")
    assert "exactly one URL" in failed_start(*two, "--triton-shared-memory")
    assert "need --triton-tls" in failed_start(*two, "--triton-server-name", "triton")
    assert "--triton-server-name" in failed_start(*two, "--triton-tls")
