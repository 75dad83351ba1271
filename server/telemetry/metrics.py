"""Prometheus metrics: latencies in seconds, in buckets fine enough for a percentile."""

from __future__ import annotations

import os
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from server.engines.base import StageTiming

# The library's own variable: where it is set, every process counts in files of that folder.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# 0.1 ms to 37 s, each bucket half as wide again as the one before: a quantile read off them is
# wrong by a fifth at most, at any latency that a picture can have.
_LATENCY_BUCKETS = tuple(float(f"{1e-4 * 1.5**power:.3g}") for power in range(33))
_BATCH_BUCKETS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 64)


class _StageSeries(NamedTuple):
    queue: Histogram
    compute: Histogram
    batch_size: Histogram
    inferences: Counter


class Metrics:
    """All metrics of one gateway.

    Attributes:
        shown: what `/metrics` shows: of all workers, where there are several.
        request_seconds: whole calls by method and gRPC code.
        calls: calls that came, whatever became of them.
        calls_under_way: calls whose answers have not all left yet.
        encode_seconds: one picture's encoding.
        pictures: pictures delivered.
        shed: calls refused because the server was full.
        in_flight: pictures being made or waiting, or finished and not taken yet.
        backlog: those that are not finished.
        store_seconds: one picture's way from the spool into the store.
        store_waiting: pictures in the spool.
        store_failures: times that the store did not take them.
    """

    def __init__(self) -> None:
        """Register everything in a registry of its own."""
        self._registry = CollectorRegistry()
        # By model and threads, of which a repository has a bounded number.
        self._of_stages: dict[tuple[str, int], _StageSeries] = {}
        self.shown = self._registry
        if SHARED_FOLDER in os.environ:
            self.shown = CollectorRegistry()
            MultiProcessCollector(self.shown)
        self.request_seconds = Histogram(
            "impasto_request_seconds",
            "Latency of whole calls.",
            ["method", "code"],
            buckets=_LATENCY_BUCKETS,
            registry=self._registry,
        )
        self.calls = Counter(
            "impasto_calls", "Calls that came, whatever became of them.", registry=self._registry
        )
        self.calls_under_way = Gauge(
            "impasto_calls_under_way",
            "Calls whose answers have not all left yet.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._stage_seconds = Histogram(
            "impasto_stage_seconds",
            "Latency of one stage of a call: waiting for a batch, computing it, encoding.",
            ["stage", "model"],
            buckets=_LATENCY_BUCKETS,
            registry=self._registry,
        )
        self._batch_size = Histogram(
            "impasto_batch_size",
            "Size of the batch that a request was computed in.",
            ["model"],
            buckets=_BATCH_BUCKETS,
            registry=self._registry,
        )
        self._inferences = Counter(
            "impasto_inferences",
            "Parts of generation requests that a model computed, by the threads of their batch.",
            ["model", "threads"],
            registry=self._registry,
        )
        self.encode_seconds = self._stage_seconds.labels("encode", "")
        self.store_seconds = self._stage_seconds.labels("store", "")
        self.store_waiting = Gauge(
            "impasto_store_waiting_pictures",
            "Pictures that were answered and are not in the picture store yet.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.store_failures = Counter(
            "impasto_store_failures",
            "Times that the picture store did not take pictures, which were tried again.",
            registry=self._registry,
        )
        self.pictures = Counter("impasto_pictures", "Pictures delivered.", registry=self._registry)
        self.shed = Counter(
            "impasto_shed", "Calls refused because the server was full.", registry=self._registry
        )
        self._limited = Counter(
            "impasto_limited",
            "Calls refused because a limit of their API key was reached, by that limit.",
            ["limit"],
            registry=self._registry,
        )
        self._cache_lookups = Counter(
            "impasto_cache_lookups",
            "Looks into the response cache, by model and by outcome: hit or miss.",
            ["model", "outcome"],
            registry=self._registry,
        )
        self._picture_cache_lookups = Counter(
            "impasto_picture_cache_lookups",
            "Looks into the picture cache, by outcome: hit, shared with another caller, or miss.",
            ["outcome"],
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "impasto_in_flight_pictures",
            "Pictures that are being made or wait for it, or for a caller who takes them slowly.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self.backlog = Gauge(
            "impasto_backlog_pictures",
            "Pictures that are being made or wait for it.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def observe_stage(self, timing: StageTiming) -> None:
        """Record what one model did for one request."""
        # Looking four series up costs more than counting in them.
        series = self._of_stages.get((timing.model, timing.threads))
        if series is None:
            series = self._series(timing.model, timing.threads)
        series.queue.observe(timing.queue_seconds)
        series.compute.observe(timing.compute_seconds)
        series.batch_size.observe(timing.batch_size)
        series.inferences.inc()

    def _series(self, model: str, threads: int) -> _StageSeries:
        series = self._of_stages[model, threads] = _StageSeries(
            self._stage_seconds.labels("queue", model),
            self._stage_seconds.labels("compute", model),
            self._batch_size.labels(model),
            self._inferences.labels(model, str(threads)),
        )
        return series

    def observe_limited(self, limit: str) -> None:
        """Record a call that a limit of its key refused."""
        self._limited.labels(limit).inc()

    def observe_picture_cache(self, outcome: str) -> None:
        """Record one look into the picture cache."""
        self._picture_cache_lookups.labels(outcome).inc()

    def observe_cache(self, model: str, hit: bool) -> None:
        """Record one look into the response cache."""
        self._cache_lookups.labels(model, "hit" if hit else "miss").inc()
