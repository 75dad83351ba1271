"""The machine's cores, shared by all models: who computes, on how many threads.

A lone request on an idle machine gets all cores, since that is the fastest answer it can have; a
loaded machine runs one thread per batch, since that makes the most pictures per second.
"""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable

from server.engines.onnxruntime.instance_threads import InstanceThreads

# How much the newest request says about how many there are at a time.
_NEWEST = 0.25
# After so long with nothing to do, what was before says nothing about what comes.
_FORGET_SECONDS = 0.1


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
        self.threads = InstanceThreads()
        self._busy = 0
        self._present = 0
        self._usual = 1.0
        self._emptied = 0.0
        self._waiting: OrderedDict[Callable[[], None], None] = OrderedDict()
        # Who was just woken and may take before those who wait.
        self._turn: Callable[[], None] | None = None

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

    def take(self, threads: int, wake: Callable[[], None]) -> bool:
        """Put `threads` cores to work, if they are free and nobody else waits longer for some.

        One batch may always run. Where this is False, `wake` is called once when cores become free.
        """
        first = self._turn or next(iter(self._waiting), wake)
        fits = not self._busy or self._busy + threads <= self.total
        if not fits or first != wake:
            self._waiting[wake] = None
            if first == wake:
                self._waiting.move_to_end(wake, last=False)
            return False
        self._waiting.pop(wake, None)
        self._turn = None
        self._busy += threads
        return True

    def is_next(self, wake: Callable[[], None]) -> bool:
        """Whether nobody waits longer than who is woken by `wake`."""
        return bool(next(iter(self._waiting), wake) == wake)

    def forget(self, wake: Callable[[], None]) -> None:
        """Who is woken by `wake` waits no longer."""
        self._waiting.pop(wake, None)

    def give_back(self, threads: int) -> None:
        """Free `threads` cores and wake whoever waits for some, longest first."""
        self._busy -= threads
        while self._waiting and self._busy < self.total:
            wake, _ = self._waiting.popitem(last=False)
            self._turn = wake
            wake()
            self._turn = None
            if next(iter(self._waiting), None) == wake:
                # It needs more than are free, and is the next to get some.
                return

    def close(self) -> None:
        """End the threads; everything has run."""
        self.threads.shutdown()
