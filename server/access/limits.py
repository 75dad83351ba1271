"""How much one API key may ask for."""

from __future__ import annotations

from pyrate_limiter import Decision, Rate, RateItem, StateBucket, TokenBucket

from server.errors import Overloaded, Reason

# The library takes whole numbers: thousandths of a request per second.
_RATE_UNIT, _RATE_MILLISECONDS = 1000, 1_000_000
# Nobody knows when a call ends; a full server says the same.
_PLACE_RETRY_SECONDS = 1.0


class Limits:
    """The limits of one key, and what it has used of them; lives on the event loop.

    Args:
        requests_per_second: in the long run; None: any number.
        burst: requests at once after a rest.
        max_in_flight: calls at a time; None: any number.
    """

    def __init__(
        self,
        requests_per_second: float | None,
        burst: int,
        max_in_flight: int | None,
    ) -> None:
        """Nothing is used yet."""
        self._requests_per_second = requests_per_second
        self._bucket = None
        if requests_per_second is not None:
            limit = round(requests_per_second * _RATE_UNIT)
            rate = Rate(limit, _RATE_MILLISECONDS, burst)
            self._bucket = StateBucket([rate], TokenBucket())
        self._max_in_flight = max_in_flight
        self._in_flight = 0

    def enter(self) -> None:
        """Begin a call; `leave` must follow.

        Raises:
            Overloaded: a limit is reached.
        """
        if self._max_in_flight is not None and self._in_flight >= self._max_in_flight:
            raise Overloaded(
                f"the API key's own limit is reached, max_in_flight: {self._max_in_flight}",
                _PLACE_RETRY_SECONDS,
                Reason.CONCURRENCY_LIMIT,
            )
        self._take_token()
        self._in_flight += 1

    def leave(self) -> None:
        """The call has ended, however."""
        self._in_flight -= 1

    def _take_token(self) -> None:
        if self._bucket is None:
            return
        decision = self._bucket.put_decision(RateItem("", self._bucket.now()))
        # Only buckets in shared stores answer later.
        assert isinstance(decision, Decision)
        if decision.allowed:
            return
        assert decision.retry_after_ms is not None
        raise Overloaded(
            f"the API key's own limit is reached, requests_per_second: "
            f"{self._requests_per_second:g}",
            decision.retry_after_ms / 1000,
            Reason.RATE_LIMIT,
        )
