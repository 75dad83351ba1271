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
    def admit(self, pictures: int) -> Iterator[None]:
        """Hold places for work worth so many painted pictures while the block runs.

        Raises:
            TooLarge: they would not fit into an empty server.
            Overloaded: they do not fit now.
        """
        if pictures > self._limit:
            raise TooLarge(
                f"the request takes as much work as {pictures} pictures, the server takes "
                f"{self._limit} at a time; ask for less at once"
            )
        if self._in_flight + pictures > self._limit:
            self._metrics.shed.inc()
            raise Overloaded(
                f"the server is full: {self._in_flight} of {self._limit} pictures in flight, "
                f"{pictures} more asked for",
                _RETRY_AFTER_SECONDS,
            )
        self._change(pictures)
        try:
            yield
        finally:
            self._change(-pictures)

    def _change(self, pictures: int) -> None:
        self._in_flight += pictures
        self._metrics.in_flight.set(self._in_flight)
