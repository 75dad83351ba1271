"""What the onnxruntime engine counts for itself: in Triton's words, and the depth of its queues.

Triton's dashboards work on them unchanged: names, labels and units are those of Triton's metrics.
They are read off the engine's statistics when somebody asks, and cost a request nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from tritonclient.grpc.service_pb2 import ModelStatistics

from server.engines.onnxruntime.engine import Activity, OnnxRuntimeEngine

_NANOSECONDS_PER_MICROSECOND = 1000
_VERSION_LABELS = ("model", "version")


class _Counter(NamedTuple):
    name: str
    meaning: str
    value: Callable[[ModelStatistics], int]


_COUNTERS = (
    _Counter(
        "nv_inference_request_success",
        "Number of successful inference requests, all batch sizes",
        lambda counted: counted.inference_stats.success.count,
    ),
    _Counter(
        "nv_inference_count",
        "Number of inferences performed (does not include cached requests)",
        lambda counted: counted.inference_count,
    ),
    _Counter(
        "nv_inference_exec_count",
        "Number of model executions performed (does not include cached requests)",
        lambda counted: counted.execution_count,
    ),
    _Counter(
        "nv_inference_request_duration_us",
        "Cumulative inference request duration in microseconds (includes cached requests)",
        lambda counted: _microseconds(counted.inference_stats.success.ns),
    ),
    _Counter(
        "nv_inference_queue_duration_us",
        "Cumulative inference queuing duration in microseconds (includes cached requests)",
        lambda counted: _microseconds(counted.inference_stats.queue.ns),
    ),
    _Counter(
        "nv_inference_compute_input_duration_us",
        "Cumulative compute input duration in microseconds (does not include cached requests)",
        lambda counted: _microseconds(counted.inference_stats.compute_input.ns),
    ),
    _Counter(
        "nv_inference_compute_infer_duration_us",
        "Cumulative compute inference duration in microseconds (does not include cached requests)",
        lambda counted: _microseconds(counted.inference_stats.compute_infer.ns),
    ),
    _Counter(
        "nv_inference_compute_output_duration_us",
        "Cumulative inference compute output duration in microseconds (does not include cached "
        "requests)",
        lambda counted: _microseconds(counted.inference_stats.compute_output.ns),
    ),
)
# Shown for models that have a cache.
_CACHE_COUNTERS = (
    _Counter(
        "nv_cache_num_hits_per_model",
        "Number of cache hits per model",
        lambda counted: counted.inference_stats.cache_hit.count,
    ),
    _Counter(
        "nv_cache_hit_duration_per_model",
        "Total cache hit duration per model, in microseconds",
        lambda counted: _microseconds(counted.inference_stats.cache_hit.ns),
    ),
    _Counter(
        "nv_cache_num_misses_per_model",
        "Number of cache misses per model",
        lambda counted: counted.inference_stats.cache_miss.count,
    ),
    _Counter(
        "nv_cache_miss_duration_per_model",
        "Total cache miss (insert+lookup) duration per model, in microseconds",
        lambda counted: _microseconds(counted.inference_stats.cache_miss.ns),
    ),
)


def triton_counter(name: str, meaning: str) -> Metric:
    """A counter of Triton's: without the suffix that the library gives counters of its own."""
    return Metric(name, meaning, "unknown")


class EngineFamilies:
    """Families of what an engine's models have done.

    Args:
        engine: whose models.
    """

    def __init__(self, engine: OnnxRuntimeEngine) -> None:
        """Keep the engine."""
        self._engine = engine

    async def __call__(self) -> Sequence[Metric]:
        """All families, of what is served now."""
        activities = self._engine.activity()
        cached = [activity for activity in activities if activity.cached]
        return [
            *_counted(_COUNTERS, activities),
            *(_counted(_CACHE_COUNTERS, cached) if cached else ()),
            _failures(activities),
            _pending(activities),
            _queue_depth(activities),
        ]


def _microseconds(nanoseconds: int) -> int:
    return nanoseconds // _NANOSECONDS_PER_MICROSECOND


def _labels(activity: Activity) -> dict[str, str]:
    return {"model": activity.statistics.name, "version": activity.statistics.version}


def _counted(counters: Sequence[_Counter], activities: Sequence[Activity]) -> list[Metric]:
    families = []
    for name, meaning, value in counters:
        family = triton_counter(name, meaning)
        for activity in activities:
            family.add_sample(name, _labels(activity), value(activity.statistics))
        families.append(family)
    return families


def _failures(activities: Sequence[Activity]) -> Metric:
    name = "nv_inference_request_failure"
    family = triton_counter(name, "Number of failed inference requests, all batch sizes")
    for activity in activities:
        for reason, count in activity.failures.items():
            family.add_sample(name, _labels(activity) | {"reason": reason}, count)
    return family


def _pending(activities: Sequence[Activity]) -> Metric:
    family = GaugeMetricFamily(
        "nv_inference_pending_request_count",
        "Instantaneous number of pending requests awaiting execution per-model.",
        labels=_VERSION_LABELS,
    )
    for activity in activities:
        family.add_metric(list(_labels(activity).values()), activity.waiting)
    return family


def _queue_depth(activities: Sequence[Activity]) -> Metric:
    depths: dict[str, int] = {}
    for activity in activities:
        if not activity.ensemble:
            name = activity.statistics.name
            depths[name] = depths.get(name, 0) + activity.waiting
    family = GaugeMetricFamily(
        "impasto_queue_depth", "Requests that wait for a model.", labels=["model"]
    )
    for name, depth in depths.items():
        family.add_metric([name], depth)
    return family
