"""Threads for what would hold up the event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class Threads:
    """Runs what would hold up the event loop: as many at once as there are cores.

    Args:
        name: of the threads.
    """

    def __init__(self, name: str) -> None:
        """Start none yet."""
        self._executor = ThreadPoolExecutor(os.cpu_count(), name)

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns or raises."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """Start nothing more; what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def finish(self) -> None:
        """Start nothing more, and wait for what runs."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
