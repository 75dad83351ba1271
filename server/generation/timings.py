"""How long each stage of one request took, as the caller is told."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from server.engines.base import StageTiming


class Timings:
    """Seconds by stage; of parts that ran side by side the longest counts."""

    def __init__(self) -> None:
        """Nothing was measured yet."""
        self._seconds: dict[str, float] = {}

    def add(self, stage: str, seconds: float) -> None:
        """Record what one part took."""
        self._seconds[stage] = max(seconds, self._seconds.get(stage, 0.0))

    def add_models(self, stages: Iterable[StageTiming]) -> None:
        """Record what the engine tells of its models: the wait for a batch, and its computing."""
        for stage in stages:
            self.add(f"{stage.model}.queue", stage.queue_seconds)
            self.add(stage.model, stage.compute_seconds)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Record what the block takes."""
        started = time.monotonic()
        yield
        self.add(stage, time.monotonic() - started)

    def __str__(self) -> str:
        """In the form of HTTP's Server-Timing, in milliseconds."""
        return ", ".join(
            f"{stage};dur={1e3 * seconds:.3f}" for stage, seconds in self._seconds.items()
        )
