"""Threads for what would hold up the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Threads:
    """Runs what would hold up the event loop.

    Args:
        name: of the threads.
        count: of them; None: as many as there are cores.
    """

    def __init__(self, name: str, count: int | None = None) -> None:
        """Start none yet."""
        self._executor = ThreadPoolExecutor(count or os.cpu_count(), name)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Start nothing more; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def finish(self, seconds: float) -> bool:
        """Start nothing more, and wait so long for what runs; whether it has ended."""
        ending = asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
        try:
            await asyncio.wait_for(ending, seconds)
        except TimeoutError:
            return False
        return True
