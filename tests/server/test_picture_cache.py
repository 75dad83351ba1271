"""What was made once is sent again, and what several want at once is made once."""

import asyncio

import pytest
from impasto import AsyncClient, ImpastoError, PictureFormat
from running_server import RunningServer, failed_start, running_server

CACHE = ("--picture-cache-byte-size", "1000000")


def lookups(running: RunningServer) -> dict[str, float]:
    metrics = running.metrics()
    name = "impasto_picture_cache_lookups_total"
    return {kind: metrics.get((name, kind), 0) for kind in ("hit", "shared", "miss")}


def made(running: RunningServer) -> float:
    return running.metrics().get(("impasto_batch_size_count", "stylizer"), 0)


async def test_a_request_is_answered_again_without_work() -> None:
    with running_server(*CACHE) as running:
        async with AsyncClient(running.target) as client:
            first = await client.generate(seed=7, style="spring", count=2)
            after_first = made(running)
            assert await client.generate(seed=7, style="spring", count=2) == first
            assert made(running) == after_first
            # Whatever changes the bytes is another request.
            for other in ({"style": "ejiri"}, {"style_strength": 0.5}, {"count": 1}):
                asked = {"seed": 7, "style": "spring", "count": 2} | other
                assert await client.generate(**asked) != first
            drawn = [(await client.generate())[0].seed for _ in range(2)]
            assert drawn[0] != drawn[1]
        assert lookups(running) == {"hit": 1, "shared": 0, "miss": 4}


async def test_callers_who_ask_the_same_at_once_share_the_work() -> None:
    # There is room for one of them only, and all are answered.
    with running_server(*CACHE, "--max-in-flight", "8", "--max-count", "8") as running:
        async with AsyncClient(running.target) as client:
            before = made(running)
            answers = await asyncio.gather(*(client.generate(seed=7, count=8) for _ in range(20)))
            assert all(answer == answers[0] for answer in answers)
            assert made(running) == before + 1
        assert lookups(running) == {"hit": 0, "shared": 19, "miss": 1}


async def test_who_leaves_does_not_take_the_work_along() -> None:
    flags = (*CACHE, "--max-in-flight", "64")
    with running_server(*flags) as running:
        async with AsyncClient(running.target) as client:
            calls = [asyncio.create_task(client.generate(seed=7, count=64)) for _ in range(2)]
            await running.wait_for_in_flight(64)
            calls[0].cancel()
            assert len(await calls[1]) == 64
            # When all have left, nobody works on.
            alone = asyncio.create_task(client.generate(seed=8, count=64))
            await running.wait_for_in_flight(64)
            alone.cancel()
            await running.wait_for_in_flight(0)
            assert len(await client.generate(seed=8, count=2)) == 2
        async with AsyncClient(running.target, timeout=0.2) as hurried:
            with pytest.raises(ImpastoError, match="DEADLINE_EXCEEDED"):
                await hurried.generate(seed=9, count=64)


async def test_the_cache_is_bounded() -> None:
    with running_server("--picture-cache-byte-size", "500000") as running:
        async with AsyncClient(running.target) as client:
            raw = PictureFormat.RAW_RGB8
            for seed in (1, 2, 3, 1):
                await client.generate(seed=seed, picture_format=raw)
            # Two pictures of 196608 bytes fit; of three answers the first is gone.
            assert lookups(running) == {"hit": 0, "shared": 0, "miss": 4}
            await client.generate(seed=3, picture_format=raw)
            await client.generate(seed=4, count=8, picture_format=raw)
            await client.generate(seed=4, count=8, picture_format=raw)
        assert lookups(running) == {"hit": 1, "shared": 0, "miss": 6}


def test_models_must_stay() -> None:
    message = failed_start(*CACHE, "--model-control-mode", "poll")
    assert "--picture-cache-byte-size needs" in message
