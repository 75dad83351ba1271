"""Answers in the order of their requests, for models that ask for it (preserve_ordering)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Ordering:
    """Holds answers back until all earlier requests have theirs."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._turns: deque[object] = deque()
        self._ready: dict[object, Callable[[], None]] = {}

    def begin(self, request: object) -> None:
        """A request has come; its turn is after all that came before."""
        self._turns.append(request)

    def end(self, request: object, deliver: Callable[[], None]) -> None:
        """The request's outcome is there: deliver it in its turn."""
        self._ready[request] = deliver
        while self._turns and self._turns[0] in self._ready:
            self._ready.pop(self._turns.popleft())()
