"""Many callers at once: all are served, or told at once that they are not."""

import asyncio
import statistics
import time

import grpc
import httpx
import pytest
from impasto import AsyncClient, Client, ImpastoError
from running_server import RunningServer, running_server

pytestmark = pytest.mark.alone
SMALL = ("--max-in-flight", "16", "--max-count", "16")


def http_client(server: RunningServer) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.http, timeout=60)


async def test_200_concurrent_calls_all_succeed(server: RunningServer) -> None:
    asked = {"style": "great_wave", "size": 64}
    async with AsyncClient(server.target) as client:
        calls = [client.generate(seed=seed, **asked) for seed in range(200)]
        answers = await asyncio.gather(*calls)
        assert len({answer[0].data for answer in answers}) == 200
        for seed in (0, 99, 199):
            alone = await client.generate(seed=seed, **asked)
            assert answers[seed][0].data == alone[0].data


async def test_excess_is_shed_at_once_and_the_rest_succeeds() -> None:
    served: list[float] = []
    shed: list[float] = []
    refusals: set[tuple[grpc.StatusCode, float]] = set()

    async def ask(client: AsyncClient, seed: int) -> None:
        try:
            await client.generate(seed=seed, style="great_wave")
        except ImpastoError as error:
            shed.append(time.monotonic())
            refusals.add((error.code, error.retry_after or 0))
        else:
            served.append(time.monotonic())

    with running_server(*SMALL) as running:
        async with AsyncClient(running.target) as client:
            await asyncio.gather(*(ask(client, seed) for seed in range(200)))
        metrics = running.metrics()
        refused = running.total("impasto_rejections_total", method="Generate")
    assert {code for code, _ in refusals} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert all(hint >= 0.1 for _, hint in refusals)
    assert len(served) >= 16
    assert len(shed) == 200 - len(served) > 0
    assert refused == len(shed)
    assert metrics["impasto_in_flight_pictures",] == 0
    # "At once", without a stopwatch's figure: the shed did not wait for the served.
    assert statistics.median(shed) < statistics.median(served)


async def test_one_large_request_counts_every_picture() -> None:
    with running_server(*SMALL) as running:
        async with AsyncClient(running.target) as client:
            large = asyncio.create_task(client.generate(count=16))
            await running.wait_for_in_flight(16)
            with pytest.raises(ImpastoError, match=r"16 (of 16 )?pictures"):
                await client.generate()
            assert len(await large) == 16


async def test_a_standing_queue_is_kept_short_over_grpc_and_http() -> None:
    accepted: list[int] = []
    refusals: list[grpc.StatusCode] = []

    async def ask_again_and_again(client: AsyncClient, until: asyncio.Event) -> None:
        while not until.is_set():
            try:
                accepted.append(len(await client.generate()))
            except ImpastoError as error:
                refusals.append(error.code)
                await asyncio.sleep(error.retry_after or 0)

    with running_server("--max-backlog", "2") as running:
        async with AsyncClient(running.target) as client, http_client(running) as http:
            enough = asyncio.Event()
            crowd = [asyncio.create_task(ask_again_and_again(client, enough)) for _ in range(12)]
            # One that asks for many is let in as well as they are.
            large = {"count": 8, "format": "raw_rgb8"}
            answers: set[int] = set()
            while not (refusals and answers >= {200, 429}):
                answer = await http.post("/v1/generate", json=large)
                answers.add(answer.status_code)
                assert answer.status_code == 200 or int(answer.headers["retry-after"]) >= 1
                await asyncio.sleep(0.01)
            enough.set()
            await asyncio.gather(*crowd)
            # The queue is gone, so a burst is welcome again.
            assert await asyncio.gather(*(client.generate() for _ in range(12)))
        metrics = running.metrics()
    assert accepted
    assert set(refusals) == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert metrics["impasto_backlog_pictures",] == metrics["impasto_in_flight_pictures",] == 0


async def test_a_full_server_does_not_read_large_requests() -> None:
    """They are no JSON, which only who reads them can tell."""
    with running_server("--max-backlog", "1") as running:
        async with AsyncClient(running.target) as client, http_client(running) as http:
            busy = [asyncio.create_task(client.generate(count=64)) for _ in range(4)]
            await running.wait_for_in_flight(4 * 64)
            # No burst any more.
            await asyncio.sleep(1.1)
            for path in ("generate", "generate/stream", "stylize", "interpolate"):
                answer = await http.post(f"/v1/{path}", content=b"x" * 8_000_000)
                assert answer.status_code == 429
                assert int(answer.headers["retry-after"]) > 1
                assert (await http.post(f"/v1/{path}", content=b"x")).status_code == 400
            with pytest.raises(ImpastoError) as caught:
                await client.stylize(b"x" * 1_000_000)
            assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
            for call in busy:
                call.cancel()
            await running.wait_for_in_flight(0)


async def test_deadline_reaches_the_server() -> None:
    with running_server() as running:
        with Client(running.target, timeout=0.1) as hurried, pytest.raises(ImpastoError) as caught:
            hurried.generate(count=64)
        assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
        await running.wait_for_in_flight(0)
        metrics = running.metrics()
        assert running.calls("Generate", "DEADLINE_EXCEEDED") == 1
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
        assert running.calls("Generate", "CANCELLED") == 5
