"""Admission: the one place that refuses work, before any of it is done.

Two bounds. Pictures in flight hold memory, so there is a greatest number of them. And pictures that
are being made or wait for it, the backlog, are what a new request waits for: it is let in while the
backlog is short, however many pictures it wants itself, so that large requests are not starved by
small ones. A queue that empties again is what queues are for, so a server that had nothing to do
takes what comes at once; one that does not get rid of its queue keeps it short.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import Overloaded, Reason, TooLarge
from server.generation.pace import Pace
from server.telemetry.current import admission_ended
from server.telemetry.metrics import Metrics

# A burst begins when there is nothing to do, comes so many times faster than pictures are made, and
# is over after so long.
_BURST_RATE = 5
_BURST_SECONDS = 1.0
# A shorter hint would only make the refused call more often.
_LEAST_RETRY_SECONDS = 0.1


class Admission:
    """Counts the pictures in flight and sheds what does not fit.

    Args:
        limit: greatest number of pictures in flight.
        backlog: greatest number of pictures that a request may have before it, after a burst.
        metrics: where these numbers are shown.
    """

    def __init__(self, limit: int, backlog: int, metrics: Metrics) -> None:
        """Start empty."""
        self._limit = limit
        self._longest = backlog
        self._in_flight = 0
        self._backlog = 0
        self._busy_since = 0.0
        self._come = 0
        self._pace = Pace()
        self._metrics = metrics
        metrics.in_flight_limit.set(limit)
        metrics.backlog_limit.set(backlog)

    @contextmanager
    def admit(self, pictures: int) -> Iterator[Places]:
        """Hold places for work worth so many painted pictures while the block runs.

        Raises:
            TooLarge: they would not fit into an empty server.
            Overloaded: they do not fit now, or would have to wait for long.
        """
        self.check()
        places = Places(self)
        places.add(pictures)
        admission_ended()
        try:
            yield places
            places.finish()
        finally:
            places.give_back()

    def check(self) -> None:
        """Refuse early what `admit` would refuse, whatever its size.

        Raises:
            Overloaded: the backlog is too long.
        """
        too_many = self._backlog - self._longest + 1
        if too_many > 0 and not self._in_burst():
            why = f"{self._backlog} pictures are being made or wait for it"
            self._shed(why, too_many, Reason.BACKLOG)

    def _in_burst(self) -> bool:
        """Whether what has come since there was nothing to do came more or less at once."""
        elapsed = time.monotonic() - self._busy_since
        came_at_once = self._pace.seconds(self._come) > _BURST_RATE * elapsed
        return came_at_once and elapsed < _BURST_SECONDS

    def take(self, pictures: int, held: int) -> None:
        """Count so many more in flight, of somebody who holds some already.

        Raises:
            TooLarge, Overloaded: see `admit`.
        """
        if held + pictures > self._limit:
            error = TooLarge(
                f"the request takes as much work as {held + pictures} pictures, the server takes "
                f"{self._limit} at a time; ask for less at once"
            )
            admission_ended(error)
            raise error
        too_many = self._in_flight + pictures - self._limit
        if too_many > 0:
            full = f"{self._in_flight} of {self._limit} pictures in flight"
            self._shed(f"{full}, {pictures} more asked for", too_many, Reason.FULL)
        self.change(pictures)

    def change(self, pictures: int) -> None:
        """Count so many more in flight, or fewer."""
        self._in_flight += pictures
        self._metrics.in_flight.set(self._in_flight)

    def work(self, pictures: int) -> None:
        """Count so many more in the backlog."""
        if not self._backlog:
            self._busy_since = time.monotonic()
            self._pace.start(self._busy_since)
            self._come = 0
        self._come += pictures
        self._backlog += pictures
        self._metrics.backlog.set(self._backlog)

    def rest(self, pictures: int, finished: bool) -> None:
        """Count so many fewer, which are finished, or will not be made."""
        self._backlog -= pictures
        self._metrics.backlog.set(self._backlog)
        if finished:
            self._pace.finish(pictures, time.monotonic())

    def _shed(self, why: str, too_many: int, reason: Reason) -> None:
        """Refuse until so many pictures are done.

        Raises:
            Overloaded: always.
        """
        seconds = max(self._pace.seconds(too_many), _LEAST_RETRY_SECONDS)
        error = Overloaded(f"the server is full: {why}", seconds, reason)
        admission_ended(error)
        raise error


class Places:
    """What one request holds.

    Args:
        admission: of which.
    """

    def __init__(self, admission: Admission) -> None:
        """Hold nothing yet."""
        self._admission = admission
        self._held = 0
        self._working = 0

    def add(self, pictures: int) -> None:
        """Hold so many more, and be at work on them.

        Raises:
            TooLarge, Overloaded: see `Admission.admit`.
        """
        self._admission.take(pictures, self._held)
        self._held += pictures
        self._work(pictures)

    def pause(self) -> None:
        """Go on holding, but be at work on nothing."""
        self._rest(self._working, finished=False)

    @contextmanager
    def working(self, pictures: int) -> Iterator[None]:
        """Be at work on so many while the block runs, after `pause`.

        What is finished and waits for a caller who takes it slowly is nobody else's wait.
        """
        self._work(pictures)
        finished = False
        try:
            yield
            finished = True
        finally:
            self._rest(pictures, finished)

    def finish(self) -> None:
        """All is made that was worked on."""
        self._rest(self._working, finished=True)

    def give_back(self) -> None:
        """Hold nothing any more."""
        self.pause()
        self._admission.change(-self._held)
        self._held = 0

    def _work(self, pictures: int) -> None:
        self._working += pictures
        self._admission.work(pictures)

    def _rest(self, pictures: int, finished: bool) -> None:
        self._working -= pictures
        self._admission.rest(pictures, finished and pictures > 0)
