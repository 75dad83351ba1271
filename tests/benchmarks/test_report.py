"""Tables and summaries of measurements."""

from __future__ import annotations

import pytest

from benchmarks.report import Row, table


@pytest.fixture
def rows() -> list[Row]:
    raw = Row("raw", rates=[10.0, 20.0, 30.0], latencies=[0.010] * 500)
    served = Row("served", "raw", "raw", rates=[9.0, 10.0, 27.0], latencies=[0.012] * 100)
    return [raw, served]


def test_ratios_are_medians_of_ratios_within_a_round(rows: list[Row]) -> None:
    raw, served = table(rows, "calls").splitlines()[2:]
    assert raw == "| raw | 20 (10 to 30) | 10 | 10 | - | - |"
    assert served == "| served | 10 (9 to 27) | 12 | - | 0.900 | +2.00 ms (x1.200) |"


def test_no_p99_from_too_few_samples(rows: list[Row]) -> None:
    raw, served = (row.summary() for row in rows)
    assert raw["latency_ms"]["p99"] == 10.0
    assert served["latency_ms"]["p99"] is None
    assert served["latency_ms"]["p50"] == 12.0
    assert served["calls"] == 100
