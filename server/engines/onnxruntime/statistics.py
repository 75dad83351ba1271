"""What one version of a model has done: cumulative counts and times, as Triton reports them."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict

from tritonclient.grpc.service_pb2 import InferBatchStatistics, ModelStatistics, StatisticDuration

from server.errors import DeadlineExceeded, InferenceFailed, Overloaded

_NANOSECONDS = 1_000_000_000
_MILLISECONDS = 1_000
# Triton's words for why requests failed.
_REJECTED, _CANCELED, _BACKEND, _OTHER = "REJECTED", "CANCELED", "BACKEND", "OTHER"
_FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (asyncio.CancelledError, _CANCELED),
    (DeadlineExceeded, _REJECTED),
    (Overloaded, _REJECTED),
    (InferenceFailed, _BACKEND),
)


class _Duration:
    """How often and for how many seconds in all."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Count `count` times `seconds`."""
        self.count += count
        self.seconds += seconds * count

    def message(self) -> StatisticDuration:
        """As Triton's protocol has it."""
        return StatisticDuration(count=self.count, ns=int(self.seconds * _NANOSECONDS))


class Statistics:
    """Counts on the event loop only, so without locks.

    Attributes:
        failures: requests that failed, by Triton's word for the reason.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.failures = dict.fromkeys((_REJECTED, _CANCELED, _BACKEND, _OTHER), 0)
        self._last = 0.0
        self._inferences = 0
        self._executions = 0
        self._success = _Duration()
        self._fail = _Duration()
        self._queue = _Duration()
        self._compute = _Duration()
        self._cache_hit = _Duration()
        self._cache_miss = _Duration()
        self._batches: defaultdict[int, _Duration] = defaultdict(_Duration)

    def executed(self, rows: int, seconds: float) -> None:
        """A batch of `rows` ran for `seconds`."""
        self._last = time.time()
        self._executions += 1
        self._batches[rows].add(seconds)

    def succeeded(
        self, rows: int, queue_seconds: float, compute_seconds: float, seconds: float
    ) -> None:
        """A request of `rows` got its answer `seconds` after its arrival."""
        self._inferences += rows
        self._success.add(seconds)
        self._queue.add(queue_seconds)
        self._compute.add(compute_seconds)

    def alone(self, rows: int, seconds: float) -> None:
        """A request of `rows` was a batch of its own that took `seconds` and waited for nothing."""
        self.executed(rows, seconds)
        self.succeeded(rows, 0.0, seconds, seconds)

    def failed(self, seconds: float, error: BaseException) -> None:
        """A request got an error, or went away, `seconds` after its arrival."""
        self._fail.add(seconds)
        self.failures[_reason(error)] += 1

    def hit(self, lookup_seconds: float) -> None:
        """A request was answered by the response cache, which is no inference."""
        self._success.add(lookup_seconds)
        self._cache_hit.add(lookup_seconds)

    def missed(self, seconds: float) -> None:
        """The response cache had no answer; looking and inserting took `seconds`."""
        self._cache_miss.add(seconds)

    def message(self, name: str, version: str) -> ModelStatistics:
        """As Triton's protocol has it."""
        result = ModelStatistics(
            name=name,
            version=version,
            last_inference=int(self._last * _MILLISECONDS),
            inference_count=self._inferences,
            execution_count=self._executions,
        )
        stats = result.inference_stats
        stats.success.CopyFrom(self._success.message())
        stats.fail.CopyFrom(self._fail.message())
        stats.queue.CopyFrom(self._queue.message())
        stats.compute_infer.CopyFrom(self._compute.message())
        stats.compute_input.count = stats.compute_output.count = self._compute.count
        stats.cache_hit.CopyFrom(self._cache_hit.message())
        stats.cache_miss.CopyFrom(self._cache_miss.message())
        for rows, duration in sorted(self._batches.items()):
            batch = InferBatchStatistics(batch_size=rows)
            batch.compute_infer.CopyFrom(duration.message())
            batch.compute_input.count = batch.compute_output.count = duration.count
            result.batch_stats.append(batch)
        return result


def _reason(error: BaseException) -> str:
    return next((word for kind, word in _FAILURES if isinstance(error, kind)), _OTHER)
