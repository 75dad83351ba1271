"""How fast pictures are made while there are any to make, measured as they are finished."""

from __future__ import annotations

# Weight of what was known when another request ends: the last twenty or so say most.
_REMEMBERED = 0.95
# Of a picture, before the first was made.
_UNKNOWN_SECONDS = 0.1


class Pace:
    """Learns from when pictures are finished how long the next ones take."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._seconds = 0.0
        self._pictures = 0.0
        self._since = 0.0

    def start(self, now: float) -> None:
        """Work begins after there was none, at `now` of the monotonic clock."""
        self._since = now

    def finish(self, pictures: int, now: float) -> None:
        """So many pictures are done."""
        self._seconds = _REMEMBERED * self._seconds + now - self._since
        self._pictures = _REMEMBERED * self._pictures + pictures
        self._since = now

    def seconds(self, pictures: int) -> float:
        """How long so many pictures take."""
        each = self._seconds / self._pictures if self._pictures else _UNKNOWN_SECONDS
        return pictures * each
