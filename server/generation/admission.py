"""Admission: the one place that refuses work, before any of it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import Overloaded, TooLarge
from server.telemetry.metrics import Metrics

_RETRY_AFTER_SECONDS = 1.0


class Admission:
    """Counts the pictures in flight and sheds what does not fit.

    Args:
        limit: greatest number of pictures in flight.
        metrics: where in-flight and shed pictures are shown.
    """

    def __init__(self, limit: int, metrics: Metrics) -> None:
        """Start empty."""
        self._limit = limit
        self._in_flight = 0
        self._metrics = metrics

    @contextmanager
    def admit(self, pictures: int) -> Iterator[Places]:
        """Hold places for work worth so many painted pictures while the block runs.

        Raises:
            TooLarge: they would not fit into an empty server.
            Overloaded: they do not fit now.
        """
        places = Places(self)
        places.add(pictures)
        try:
            yield places
        finally:
            places.give_back()

    def take(self, pictures: int, held: int) -> None:
        """Count so many more, of somebody who holds some already.

        Raises:
            TooLarge, Overloaded: see `admit`.
        """
        if held + pictures > self._limit:
            raise TooLarge(
                f"the request takes as much work as {held + pictures} pictures, the server takes "
                f"{self._limit} at a time; ask for less at once"
            )
        if self._in_flight + pictures > self._limit:
            self._metrics.shed.inc()
            raise Overloaded(
                f"the server is full: {self._in_flight} of {self._limit} pictures in flight, "
                f"{pictures} more asked for",
                _RETRY_AFTER_SECONDS,
            )
        self.change(pictures)

    def change(self, pictures: int) -> None:
        """Count so many more, or fewer."""
        self._in_flight += pictures
        self._metrics.in_flight.set(self._in_flight)


class Places:
    """What one request holds.

    Args:
        admission: of which.
    """

    def __init__(self, admission: Admission) -> None:
        """Hold nothing yet."""
        self._admission = admission
        self._held = 0

    def add(self, pictures: int) -> None:
        """Hold so many more.

        Raises:
            TooLarge, Overloaded: see `Admission.admit`.
        """
        self._admission.take(pictures, self._held)
        self._held += pictures

    def give_back(self) -> None:
        """Hold nothing any more."""
        self._admission.change(-self._held)
        self._held = 0
