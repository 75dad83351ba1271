"""Work by work with a few under way."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing

import pytest

from server.generation.windows import as_done, in_order

Window = Callable[..., AsyncGenerator[int, None]]


class Works:
    """Works that count themselves; each ends when it is told to, or after `naps` turns."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.cancelled: list[int] = []

    async def one(self, number: int, naps: int = 0) -> int:
        self.begun.append(number)
        try:
            for _ in range(naps):
                await asyncio.sleep(0)
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        if number < 0:
            raise RuntimeError("failed")
        return number


async def test_results_come_as_they_are_done_or_in_order() -> None:
    def slow_first(works: Works) -> list[Coroutine[object, object, int]]:
        return [works.one(number, 20 if number == 0 else 1) for number in range(4)]

    done = [number async for number in as_done(iter(slow_first(Works())), 3)]
    assert sorted(done) == [0, 1, 2, 3]
    assert done[-1] == 0
    ordered = [number async for number in in_order(iter(slow_first(Works())), 3)]
    assert ordered == [0, 1, 2, 3]


@pytest.mark.parametrize("window", [as_done, in_order])
async def test_a_slow_taker_holds_the_works_up(window: Window) -> None:
    works = Works()
    async with aclosing(window((works.one(number) for number in range(10)), 3)) as results:
        await anext(results)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(works.begun) == 3
        await anext(results)
        await asyncio.sleep(0)
        assert len(works.begun) == 4


@pytest.mark.parametrize("window", [as_done, in_order])
async def test_what_is_under_way_is_cancelled(window: Window) -> None:
    works = Works()
    failing = iter([works.one(-1, 1), works.one(1, 50), works.one(2, 50)])
    with pytest.raises(RuntimeError, match="failed"):
        _ = [number async for number in window(failing, 3)]
    assert works.cancelled == [1, 2]
    left = Works()
    async with aclosing(window(iter([left.one(0), left.one(1, 50)]), 2)) as results:
        assert await anext(results) == 0
    assert left.cancelled == [1]
