"""Streams of pictures under slow, leaving and too many callers."""

import asyncio

import grpc
import pytest
from impasto import AsyncClient, Client, ImpastoError, PictureFormat, Waypoint
from running_server import running_server

RAW = PictureFormat.RAW_RGB8


async def test_a_slow_reader_holds_no_more_than_one_batch() -> None:
    with running_server("--max-in-flight", "64") as running:
        async with AsyncClient(running.target) as client:
            stream = client.generate_stream(count=64, seed=0)
            await anext(stream)
            # Somebody who reads nothing more leaves the server to the others.
            assert running.metrics()["impasto_in_flight_pictures",] == 8
            assert len(await client.generate(count=32)) == 32
            await stream.aclose()
            await running.wait_for_in_flight(0)
        assert running.calls("GenerateStream", "CANCELLED") == 1


async def test_a_slow_reader_keeps_nobody_waiting() -> None:
    with running_server("--max-backlog", "1") as running:
        async with AsyncClient(running.target) as client:
            stream = client.generate_stream(count=64, picture_format=RAW)
            await anext(stream)
            while running.metrics()["impasto_backlog_pictures",]:
                await asyncio.sleep(0.01)
            assert running.metrics()["impasto_in_flight_pictures",] == 8
            assert await client.generate()
            await stream.aclose()
        await running.wait_for_in_flight(0)
        # Who leaves while something is written has gone all the same.
        assert running.total("impasto_rejections_total", reason="cancelled") == 1
        assert running.calls("GenerateStream", "INTERNAL") == 0


async def test_a_caller_who_leaves_gives_its_places_back() -> None:
    with running_server("--max-in-flight", "8", "--max-count", "8") as running:
        async with AsyncClient(running.target) as client:
            for stream in (
                client.generate_stream(count=8),
                client.interpolate(Waypoint(1), Waypoint(2), frames=8),
            ):
                await anext(stream)
                with pytest.raises(ImpastoError) as caught:
                    await client.generate()
                assert caught.value.code is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert caught.value.retry_after
                await stream.aclose()
                await running.wait_for_in_flight(0)
            assert await client.generate()


async def test_streams_of_many_callers_all_end() -> None:
    with running_server() as running:
        async with AsyncClient(running.target) as client:

            async def read(seed: int) -> list[int]:
                stream = client.generate_stream(seed=seed, count=5, style="spring")
                return sorted([picture.seed or 0 async for _, picture in stream])

            seeds = await asyncio.gather(*(read(10 * caller) for caller in range(12)))
    assert seeds == [[10 * caller + index for index in range(5)] for caller in range(12)]


def test_the_deadline_ends_a_stream() -> None:
    with running_server() as running:
        with Client(running.target, timeout=0.3) as hurried, pytest.raises(ImpastoError) as caught:
            list(hurried.generate_stream(count=64))
        assert caught.value.code is grpc.StatusCode.DEADLINE_EXCEEDED
        with Client(running.target) as client:
            assert client.generate()
