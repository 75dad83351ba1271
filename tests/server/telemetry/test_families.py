"""Histograms count as the library's own do; the wait of a batch is counted once."""

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.samples import Sample

from server.engines.base import StageTiming
from server.telemetry.current import models_ran
from server.telemetry.families import LATENCY_BUCKETS, QuickHistogram
from server.telemetry.metrics import Metrics

ON = LATENCY_BUCKETS
BETWEEN = [(low + high) / 2 for low, high in pairwise(ON)]
BESIDE = [math.nextafter(border, way) for border in ON for way in (0, math.inf)]
BEYOND = [-1.0, 0.0, ON[-1] + 1, math.inf]
AMOUNTS = [*ON, *BETWEEN, *BESIDE, *BEYOND]


def observed(kind: Callable[..., Histogram], shown: CollectorRegistry | None) -> list[Sample]:
    """What a histogram of that kind shows, with exemplars at every second amount."""
    registry = CollectorRegistry()
    family = kind("of_one_name", "Meaning.", ["model"], buckets=ON, registry=registry)
    series = family.labels("landscapes")
    for index, amount in enumerate(AMOUNTS):
        series.observe(amount, {"trace_id": str(index)} if index % 2 else None)
    (metric,) = (shown or registry).collect()
    return [
        sample._replace(exemplar=sample.exemplar and sample.exemplar._replace(timestamp=0.0))
        for sample in metric.samples
        if not sample.name.endswith("_created")
    ]


def test_a_histogram_counts_as_the_librarys_own_does() -> None:
    ours = observed(QuickHistogram, None)
    assert ours == observed(Histogram, None)
    assert sum(sample.exemplar is not None for sample in ours) > len(ON) / 2


def test_a_histogram_of_several_workers_does_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    for kind in (QuickHistogram, Histogram):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
        monkeypatch.setattr(values, "ValueClass", values.MultiProcessValue())
        summed = CollectorRegistry()
        MultiProcessCollector(summed)
        shown.append(observed(kind, summed))
    values.close_all_multiprocess_files()
    assert shown[0] == shown[1]
    assert shown[0]


def test_a_batch_of_several_models_waits_once() -> None:
    metrics = Metrics()
    metrics.calls.arrived("Generate")
    for batch in (5, 6):
        models_ran(
            [
                StageTiming("generator", 0.2, 0.1, 4, threads=2, batch=batch),
                StageTiming("stylizer", 0.0, 0.1, 4, threads=2, batch=batch),
            ]
        )
    assert metrics.registry is not None
    shown = metrics.registry.get_sample_value
    labels = {"stage": "queue", "method": "Generate", "code": "OK"}
    assert shown("impasto_stage_seconds_count", labels | {"model": "generator"}) == 2
    assert not shown("impasto_stage_seconds_count", labels | {"model": "stylizer"})
    assert shown("impasto_batch_size_count", {"model": "stylizer"}) == 2
