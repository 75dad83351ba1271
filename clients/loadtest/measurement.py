"""From the calls that workers tell of to the figures of one run, in bounded memory.

A call belongs to the measurement by when it was due, and is waited for: leaving the slowest out
would make the server faster than it is. Throughput counts the answers that came within the measured
time.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from loadtest.codes import CODES, NOT_SENT, NUMBERS, OK
from loadtest.frames import Progress, Row
from loadtest.histogram import Histogram
from loadtest.results import Window


class Calls:
    """Calls of one kind of request, or of all.

    Attributes:
        sent: how many there were, whatever became of them.
        failed: that did not end well, by code.
        latency: of the others.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.failed: Counter[str] = Counter()
        self.latency = Histogram()

    def add(self, rows: np.ndarray) -> None:
        """More of them."""
        good = rows[:, Row.CODE] == NUMBERS[OK]
        self.sent += len(rows)
        self.failed.update(CODES[int(code)] for code in rows[~good, Row.CODE])
        self.latency.record(_latency(rows[good]))


class Measurement:
    """What came of the calls so far.

    Attributes:
        windows: those that are complete.
        end: seconds until which calls belong to the measurement; what was not told yet when it is
            set to less may still be left out.
        all: all calls that belong to it.
        entries: the same, by kind of request.
        service: latency of the answered from when they were sent.
        lateness: from when calls were due until they were sent.
        failed_latency: of those that did not end well, by code.
        pictures: that came.
        last_answer: seconds until the last good one.
        progress: what each worker told last.

    Args:
        entries: number of kinds of requests.
        window: seconds of one.
        end: see above; it can be moved on.
        workers: how many tell of calls.
        due: when all calls of an open loop are due; None: the loop is closed.
    """

    def __init__(
        self, entries: int, window: float, end: float, workers: int, due: np.ndarray | None
    ) -> None:
        self.windows: list[Window] = []
        self.end = end
        self.all = Calls()
        self.entries = [Calls() for _ in range(entries)]
        self.service, self.lateness = Histogram(), Histogram()
        self.failed_latency: dict[str, Histogram] = {}
        self.pictures = 0
        self.last_answer = 0.0
        self.progress = [Progress(-math.inf, 0.0, 0)] * workers
        self._window = window
        self._due = due
        self._sent: Counter[int] = Counter()
        self._open: dict[int, Calls] = {}
        self._open_pictures: Counter[int] = Counter()
        # Calls that ended later than what is measured so far.
        self._later: list[np.ndarray] = []

    @property
    def now(self) -> float:
        """Seconds until which everything is known."""
        return min(progress.now for progress in self.progress)

    @property
    def outstanding(self) -> int:
        """Calls that wait for their answers."""
        return sum(progress.outstanding for progress in self.progress)

    def add(self, worker: int, progress: Progress, rows: np.ndarray) -> None:
        """A worker told of calls that ended."""
        self.progress[worker] = progress
        self._sort_out(rows)
        while (len(self.windows) + 1) * self._window <= min(self.now, self.end) + 1e-9:
            self._close_window(self._window)

    def extend(self, end: float) -> None:
        """Go on measuring until `end`."""
        self.end = end
        later, self._later = self._later, []
        for rows in later:
            self._sort_out(rows)

    def finish(self) -> None:
        """All calls were told; those that were due after the end were one too many."""
        for rows in self._later:
            self._count(rows[rows[:, Row.DUE] < self.end])
        self._later = []
        rest = self.end - len(self.windows) * self._window
        while rest > 1e-3:
            self._close_window(min(rest, self._window))
            rest -= self._window
        # A closed loop's calls were counted when they ended; now all have.
        self.windows = [
            window.model_copy(update={"sent": self._sent_in(index, window.seconds)})
            for index, window in enumerate(self.windows)
        ]

    def _sort_out(self, rows: np.ndarray) -> None:
        in_time = rows[:, Row.ENDED] < self.end
        if not in_time.all():
            self._later.append(rows[~in_time])
        rows = rows[in_time]
        self._count(rows)
        rows = rows[rows[:, Row.ENDED] >= 0]
        places = (rows[:, Row.ENDED] // self._window).astype(int)
        for place in np.unique(places).tolist():
            part = rows[places == place]
            self._open.setdefault(place, Calls()).add(part)
            self._open_pictures[place] += int(part[:, Row.PICTURES].sum())

    def _count(self, rows: np.ndarray) -> None:
        """Calls that belong to the measurement, but for those of the warm-up."""
        rows = rows[rows[:, Row.DUE] >= 0]
        if not len(rows):
            return
        self.all.add(rows)
        self.pictures += int(rows[:, Row.PICTURES].sum())
        good = rows[rows[:, Row.CODE] == NUMBERS[OK]]
        self.last_answer = max(self.last_answer, good[:, Row.ENDED].max(initial=0.0))
        self._sent.update((rows[:, Row.DUE] // self._window).astype(int).tolist())
        if len(self.entries) > 1:
            for number, entry in enumerate(self.entries):
                entry.add(rows[rows[:, Row.ENTRY] == number])
        self._count_failed(rows)
        if self._due is not None:
            self.service.record(good[:, Row.ENDED] - good[:, Row.SENT])
            sent = rows[rows[:, Row.CODE] != NUMBERS[NOT_SENT]]
            self.lateness.record(sent[:, Row.SENT] - sent[:, Row.DUE])

    def _count_failed(self, rows: np.ndarray) -> None:
        failed = rows[rows[:, Row.CODE] != NUMBERS[OK]]
        for code in np.unique(failed[:, Row.CODE]).astype(int).tolist():
            histogram = self.failed_latency.setdefault(CODES[code], Histogram())
            histogram.record(_latency(failed[failed[:, Row.CODE] == code]))

    def _sent_in(self, index: int, seconds: float) -> int:
        if self._due is None:
            return self._sent[index]
        start = index * self._window
        first, last = np.searchsorted(self._due, (start, min(start + seconds, self.end)))
        return int(last - first)

    def _close_window(self, seconds: float) -> None:
        index = len(self.windows)
        calls = self._open.pop(index, None) or Calls()
        self.windows.append(
            Window(
                start=index * self._window,
                seconds=seconds,
                sent=self._sent_in(index, seconds),
                answered=calls.latency.count,
                failed=dict(calls.failed),
                pictures=self._open_pictures.pop(index, 0),
                mean=calls.latency.mean,
                percentiles=calls.latency.values(),
            )
        )


def _latency(rows: np.ndarray) -> np.ndarray:
    """Seconds from when calls were due."""
    seconds: np.ndarray = rows[:, Row.ENDED] - rows[:, Row.DUE]
    return seconds
