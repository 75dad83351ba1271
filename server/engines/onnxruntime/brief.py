"""Which work is so short that handing it to a thread and back would take longer than itself."""

from __future__ import annotations

from collections.abc import Sequence

from server.engines.onnxruntime.program import Run

_BRIEF_SECONDS = 100e-6
_SURE = 4
_VERY_SURE = 8


class Brevity:
    """Learns from a model's batches; one slow batch among many brief ones changes nothing."""

    def __init__(self) -> None:
        """Nothing is known, so nothing is brief."""
        self._score = 0

    @property
    def expected(self) -> bool:
        """Whether the next batch may run on the event loop without holding it up."""
        return self._score >= _SURE

    def learn(self, runs: Sequence[Run]) -> None:
        """A batch took so long."""
        brief = sum(run.seconds for run in runs) < _BRIEF_SECONDS
        self._score = min(self._score + 1, _VERY_SURE) if brief else self._score // 2
