"""Many callers at once: all are served, or told at once that they are not."""

import asyncio
import statistics
import time

import grpc
import pytest
from impasto import AsyncClient, Client, ImpastoError
from running_server import RunningServer, running_server

SMALL = ("--max-in-flight", "16", "--max-count", "16")


async def test_200_concurrent_calls_all_succeed(server: RunningServer) -> None:
    async with AsyncClient(server.target) as client:
        calls = [client.generate(seed=seed, style="great_wave") for seed in range(200)]
        answers = await asyncio.gather(*calls)
        assert len({answer[0].data for answer in answers}) == 200
        for seed in (0, 99, 199):
            alone = await client.generate(seed=seed, style="great_wave")
            assert answers[seed][0].data == alone[0].data


async def test_excess_is_shed_at_once_and_the_rest_succeeds() -> None:
    served: list[float] = []
    shed: list[float] = []
    refusals: set[tuple[grpc.StatusCode, float | None]] = set()

    async def ask(client: AsyncClient, seed: int) -> None:
        try:
            await client.generate(seed=seed, style="great_wave")
        except ImpastoError as error:
            shed.append(time.monotonic())
            refusals.add((error.code, error.retry_after))
        else:
            served.append(time.monotonic())

    with running_server(*SMALL) as running:
        async with AsyncClient(running.target) as client:
            await asyncio.gather(*(ask(client, seed) for seed in range(200)))
        metrics = running.metrics()
    assert refusals == {(grpc.StatusCode.RESOURCE_EXHAUSTED, 1.0)}
    assert len(served) >= 16
    assert len(shed) == 200 - len(served) > 0
    assert metrics["impasto_shed_total",] == len(shed)
    assert metrics["impasto_in_flight_pictures",] == 0
    # "At once", without a stopwatch's figure: the shed did not wait for the served.
    assert statistics.median(shed) < statistics.median(served)


async def test_one_large_request_counts_every_picture() -> None:
    with running_server(*SMALL) as running:
        async with AsyncClient(running.target) as client:
            large = asyncio.create_task(client.generate(count=16))
            await running.wait_for_in_flight(16)
            with pytest.raises(ImpastoError, match="16 of 16 pictures in flight, 1 more"):
                await client.generate()
            assert len(await large) == 16


async def test_deadline_reaches_the_server() -> None:
    with running_server() as running:
        with Client(running.target, timeout=0.1) as hurried, pytest.raises(ImpastoError) as caught:
            hurried.generate(count=64)
        assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
        await running.wait_for_in_flight(0)
        metrics = running.metrics()
        assert metrics["impasto_request_seconds_count", "DEADLINE_EXCEEDED", "Generate"] == 1
        assert ("impasto_pictures_total",) in metrics
        with Client(running.target) as client:
            assert len(client.generate(count=2)) == 2


async def test_cancelled_calls_give_their_places_back() -> None:
    with running_server(*SMALL) as running:
        async with AsyncClient(running.target) as client:
            for _ in range(5):
                task = asyncio.create_task(client.generate(count=16))
                await running.wait_for_in_flight(16)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await running.wait_for_in_flight(0)
            assert len(await client.generate(count=16)) == 16
        assert running.metrics()["impasto_request_seconds_count", "CANCELLED", "Generate"] == 5
