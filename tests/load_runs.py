"""Makes runs of a load test as its results have them."""

from datetime import UTC, datetime

import numpy as np
from loadtest.histogram import Histogram
from loadtest.results import Client, Load, Run, Window
from loadtest.stability import stability


def window_of(answered: int, sent: int = 100, mean: float = 0.01) -> Window:
    return Window(
        start=0,
        seconds=1,
        sent=sent,
        answered=answered,
        failed={},
        pictures=0,
        mean=mean if answered else None,
        percentiles={},
    )


def run_of(latencies: list[float], failed: dict[str, int] | None = None) -> Run:
    """Ten seconds of an open loop."""
    failed = failed or {}
    histogram = Histogram()
    histogram.record(np.array(latencies))
    latency = histogram.distribution()
    return Run(
        load=Load(mode="open", concurrency=None, rate=100, arrivals="poisson", seed=0),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        seconds=10,
        sent=len(latencies) + sum(failed.values()),
        answered=len(latencies),
        failed=failed,
        pictures=0,
        throughput=len(latencies) / 10,
        picture_rate=0,
        latency=latency,
        service_latency=latency,
        failed_latency={},
        windows=(),
        stability=stability([], is_open=True),
        entries=(),
        server=None,
        client=Client(
            processes=1,
            cpu=0.1,
            busiest=0.1,
            lateness=Histogram().distribution(),
            warnings=(),
        ),
    )
