"""What a worker remembers of its calls until it has told them."""

from __future__ import annotations

import time
from array import array

from loadtest.codes import NUMBERS
from loadtest.frames import Progress, calls


class Record:
    """Rows of calls that ended, and how many have not.

    Attributes:
        outstanding: calls that were sent and wait for their answers.

    Args:
        start: beginning of the measurement, on the monotonic clock.
    """

    def __init__(self, start: float) -> None:
        self.outstanding = 0
        self._start = start
        self._rows: array[float] = array("d")

    def add(
        self, due: float, sent: float, ended: float, code: str, entry: int, pictures: int
    ) -> None:
        """A call ended; times are on the monotonic clock."""
        start = self._start
        self._rows.extend(
            (due - start, sent - start, ended - start, NUMBERS[code], entry, pictures)
        )

    def take(self) -> bytes:
        """A frame of the calls that ended since the last time."""
        rows, self._rows = self._rows, array("d")
        now = time.monotonic() - self._start
        return calls(Progress(now, time.process_time(), self.outstanding), rows)
