"""The machine's cores, shared by all models: who computes, on how many threads.

A lone request on an idle machine gets all cores, since that is the fastest answer it can have; a
loaded machine runs one thread per batch, since that makes the most pictures per second.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# How much the newest request says about how many there are at a time.
_NEWEST = 0.25
# After so long with nothing to do, what was before says nothing about what comes.
_FORGET_SECONDS = 0.1
# Threads start when they are needed; how many are is bounded by cores and pinned instances.
_MOST_THREADS = 256


def available_cores() -> int:
    """Cores that this process may use: a container or taskset may have left it a part."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Cores:
    """Counts the cores at work and the requests under way; lives on the event loop.

    Attributes:
        total: cores that there are.
        threads: where batches run.
    """

    def __init__(self, total: int | None = None) -> None:
        """All idle."""
        self.total = total or available_cores()
        self.threads = ThreadPoolExecutor(_MOST_THREADS, "instance")
        self._busy = 0
        self._present = 0
        self._usual = 1.0
        self._emptied = 0.0
        self._waiting: dict[Callable[[], None], None] = {}

    @property
    def idle(self) -> int:
        """Cores that nobody uses."""
        return max(0, self.total - self._busy)

    def enter(self) -> None:
        """A request has come."""
        if not self._present and time.monotonic() - self._emptied > _FORGET_SECONDS:
            self._usual = 1.0
        self._present += 1

    def leave(self) -> None:
        """A request has got its answer, or has gone without."""
        self._usual += _NEWEST * (min(self._present, self.total) - self._usual)
        self._present -= 1
        if not self._present:
            self._emptied = time.monotonic()

    def threads_for_next(self) -> int:
        """All cores for a request that is alone and was not one of many just before, else one."""
        alone = self._present <= 1 and self._usual < 1.5
        return self.total if alone else 1

    def take(self, threads: int) -> bool:
        """Put `threads` cores to work, if they are free; one batch may always run."""
        if self._busy and self._busy + threads > self.total:
            return False
        self._busy += threads
        return True

    def take_anyway(self, threads: int) -> None:
        """Put cores to work that a configuration has promised, whether they are free or not."""
        self._busy += threads

    def give_back(self, threads: int) -> None:
        """Free `threads` cores and wake whoever waits for some, longest first."""
        self._busy -= threads
        waiting, self._waiting = self._waiting, {}
        for wake in waiting:
            wake()

    def call_when_free(self, wake: Callable[[], None]) -> None:
        """Call `wake` once when cores become free."""
        self._waiting[wake] = None

    def close(self) -> None:
        """End the threads; everything has run."""
        self.threads.shutdown()
