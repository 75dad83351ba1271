"""Work by work with a few under way: as soon as each is done, or in order.

Results that nobody has taken yet count as under way, so a slow taker slows the work down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator
from typing import Any, TypeVar

Result = TypeVar("Result")
Works = Iterator[Coroutine[Any, Any, Result]]


async def as_done(works: Works[Result], limit: int) -> AsyncGenerator[Result, None]:
    """Each result as soon as it is there; what is under way is cancelled when one fails."""
    running: set[asyncio.Task[Result]] = set()
    finished: deque[asyncio.Task[Result]] = deque()
    try:
        while True:
            while len(running) + len(finished) < limit and (work := next(works, None)) is not None:
                running.add(asyncio.create_task(work))
            if not finished:
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                finished.extend(done)
            yield finished.popleft().result()
    finally:
        await _abandon([*running, *finished])


async def in_order(works: Works[Result], limit: int) -> AsyncGenerator[Result, None]:
    """Each result in the order of the works."""
    running: deque[asyncio.Task[Result]] = deque()
    try:
        while True:
            while len(running) < limit and (work := next(works, None)) is not None:
                running.append(asyncio.create_task(work))
            if not running:
                return
            yield await running.popleft()
    finally:
        await _abandon(list(running))


async def gathered(works: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """All results; when one fails, the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


async def _abandon(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
