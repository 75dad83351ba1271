"""Prometheus metrics: latencies in seconds, in buckets fine enough for a percentile."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, disable_created_metrics

from server.telemetry.calls import CallMetrics
from server.telemetry.families import Families
from server.telemetry.stages import Stages

# The library's own variable: where it is set, every process counts in files of that folder.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


class Metrics:
    """All that one gateway counts and measures itself.

    Attributes:
        registry: where it is registered; None: nothing is measured.
        stages: of calls.
        calls: whole calls.
        pictures: pictures delivered.
        in_flight: pictures being made or waiting, or finished and not taken yet.
        backlog: those that are not finished.
        in_flight_limit: the greatest number of the first.
        backlog_limit: the number of the second from which on requests are shed.
        store_waiting: pictures in the spool.
        store_failures: times that the store did not take them.

    Args:
        enabled: False: nothing is measured, and nothing can be shown.
    """

    def __init__(self, enabled: bool = True) -> None:
        """Register everything in a registry of its own."""
        # When each series began would double the families; several workers never tell it.
        disable_created_metrics()
        self.registry = CollectorRegistry() if enabled else None
        make = Families(self.registry)
        self.stages = Stages(make)
        self.calls = CallMetrics(make, self.stages)
        self.pictures = make.counter("impasto_pictures", "Pictures delivered.")
        self.in_flight = make.gauge(
            "impasto_in_flight_pictures",
            "Pictures that are being made or wait for it, or for a caller who takes them slowly.",
        )
        self.backlog = make.gauge(
            "impasto_backlog_pictures", "Pictures that are being made or wait for it."
        )
        self.in_flight_limit = make.gauge(
            "impasto_in_flight_limit_pictures", "Greatest number of pictures in flight."
        )
        self.backlog_limit = make.gauge(
            "impasto_backlog_limit_pictures", "Backlog from which on requests are shed."
        )
        self.store_waiting = make.gauge(
            "impasto_store_waiting_pictures",
            "Pictures that were answered and are not in the picture store yet.",
        )
        self.store_failures = make.counter(
            "impasto_store_failures",
            "Times that the picture store did not take pictures, which were tried again.",
        )
        self._cache_lookups = make.counter(
            "impasto_cache_lookups",
            "Looks into the response cache, by model and by outcome: hit or miss.",
            ["model", "outcome"],
        )
        self._picture_cache_lookups = make.counter(
            "impasto_picture_cache_lookups",
            "Looks into the picture cache, by outcome: hit, shared with another caller, or miss.",
            ["outcome"],
        )

    def observe_picture_cache(self, outcome: str) -> None:
        """Record one look into the picture cache."""
        self._picture_cache_lookups.labels(outcome).inc()

    def observe_cache(self, model: str, hit: bool) -> None:
        """Record one look into the response cache."""
        self._cache_lookups.labels(model, "hit" if hit else "miss").inc()
