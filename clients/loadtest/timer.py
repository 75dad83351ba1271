"""An alarm clock for an event loop that is exact to some tens of microseconds.

Event loops round their own timers up to whole milliseconds, which is half of a fast model's
latency; the kernel's do not.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

_MONOTONIC = 1
_ABSOLUTE = 1
_NANOSECONDS = 1_000_000_000


class _Times(ctypes.Structure):
    """The kernel's itimerspec: interval, then first expiry."""

    _fields_ = [(name, ctypes.c_long) for name in ("repeat", "repeat_rest", "first", "first_rest")]


class Alarm:
    """Calls back once at a moment of the monotonic clock.

    Args:
        loop: the running loop.
        ring: what is called, in the loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop = loop
        self._ring = ring
        self._timer = -1
        if sys.platform == "linux":
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._timer = self._libc.timerfd_create(_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._timer >= 0:
            loop.add_reader(self._timer, self._rang)

    def set(self, moment: float) -> None:
        """Ring at `moment` (as `time.monotonic` counts), at once where that is over."""
        if self._timer < 0:
            self._loop.call_later(max(moment - time.monotonic(), 0), self._ring)
            return
        # A time of 0 would disarm it.
        whole, rest = divmod(max(int(moment * _NANOSECONDS), 1), _NANOSECONDS)
        times = _Times(0, 0, whole, rest)
        self._libc.timerfd_settime(self._timer, _ABSOLUTE, ctypes.byref(times), None)

    def close(self) -> None:
        """Ring no more."""
        if self._timer >= 0:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._timer = -1

    def _rang(self) -> None:
        os.read(self._timer, 8)
        self._ring()
