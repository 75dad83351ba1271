"""Histograms, percentiles that are told or not, stability, bounds and the search for a rate."""

import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st
from load_runs import run_of, window_of
from loadtest.bottleneck import warnings
from loadtest.errors import WrongUse
from loadtest.histogram import Histogram
from loadtest.objectives import parsed
from loadtest.percentiles import least_calls, tells
from loadtest.search import greatest_rate
from loadtest.stability import stability

TIMES = st.lists(st.floats(1e-5, 100), min_size=1, max_size=300)


@pytest.mark.parametrize(
    ("percent", "calls"), [(50, 7), (90, 44), (95, 90), (99, 459), (99.9, 4603)]
)
def test_a_percentile_needs_as_many_calls_as_mlperf_says(percent: float, calls: int) -> None:
    assert least_calls(percent) == calls
    assert tells(percent, calls)
    assert not tells(percent, calls - 1)


def test_too_few_calls_have_no_percentile() -> None:
    histogram = Histogram()
    histogram.record(np.full(458, 0.01))
    assert histogram.value(99) is None
    histogram.record(np.array([0.01]))
    assert histogram.value(99) == pytest.approx(0.01, rel=1e-3)


@settings(deadline=None)
@given(TIMES)
def test_a_histogram_tells_percentiles_to_three_digits(times: list[float]) -> None:
    histogram = Histogram()
    histogram.record(np.array(times))
    told = histogram.distribution()
    assert told.count == len(times)
    assert told.mean == pytest.approx(np.mean(times))
    assert (told.least, told.greatest) == (min(times), max(times))
    if len(times) >= 7:
        rank = math.ceil(len(times) * 0.5) - 1
        # Three digits, or a microsecond.
        assert told.percentiles["50"] == pytest.approx(sorted(times)[rank], rel=2e-3, abs=1e-6)


@settings(deadline=None)
@given(TIMES, TIMES)
def test_in_parts_or_at_once_is_the_same(first: list[float], second: list[float]) -> None:
    parts, whole = Histogram(), Histogram()
    parts.record(np.array(first))
    parts.record(np.array(second))
    whole.record(np.array(first + second))
    assert parts.distribution().histogram == whole.distribution().histogram


def test_the_files_histogram_is_the_librarys() -> None:
    histogram = Histogram()
    histogram.record(np.array([0.001, 0.002, 50.0, 1e6]))
    decoded = HdrHistogram.decode(histogram.distribution().histogram)
    assert decoded.get_total_count() == 4
    assert decoded.get_value_at_percentile(25) == 1000
    # More than an hour is an hour.
    assert decoded.get_max_value() >= 3_600_000_000


def test_three_windows_within_ten_percent_are_stable() -> None:
    steady = [window_of(answered=each) for each in (50, 100, 104, 109)]
    assert stability(steady, is_open=False).stable
    assert not stability(steady[:3], is_open=False).stable
    assert not stability(steady[1:3], is_open=False).stable
    assert not stability([*steady, window_of(answered=104, mean=0.02)], is_open=False).stable
    assert not stability([*steady, window_of(answered=0)], is_open=False).stable


def test_an_overloaded_open_loop_is_not_stable_however_steady() -> None:
    windows = [window_of(answered=85, sent=100)] * 5
    assert not stability(windows, is_open=True).stable
    assert stability(windows, is_open=False).stable


def test_a_percentile_is_at_the_nearest_rank_above() -> None:
    histogram = Histogram()
    # The 99th of 560 is the 555th (554.4), not the 554th.
    histogram.record(np.array([0.001] * 554 + [1.0] * 6))
    assert histogram.value(99) == pytest.approx(1.0, rel=1e-3)
    judged = parsed("p99<50ms").judged(run_of([0.001] * 554 + [1.0] * 6))
    assert judged.measured == pytest.approx(1.0, rel=1e-3)


def test_chance_in_an_open_loops_arrivals_is_no_instability() -> None:
    windows = [window_of(answered=each, sent=each) for each in (80, 100, 120)]
    assert stability(windows, is_open=True).stable
    behind = [window_of(answered=each, sent=100) for each in (100, 80, 100)]
    assert not stability(behind, is_open=True).stable


@pytest.mark.parametrize(
    ("text", "measured", "met"),
    [
        ("p99<50ms", 0.010, True),
        ("p99 < 5 ms", 0.010, False),
        ("p90<0.5s", 0.010, True),
        ("mean<10001us", 0.010, True),
        ("errors<1%", 0.0, True),
        ("errors<0.01", 0.0, True),
        ("throughput>99", 100.0, True),
        ("throughput>100", 100.0, False),
        ("p99.9<1s", None, False),
    ],
)
def test_bounds_are_judged(text: str, measured: float | None, met: bool) -> None:
    judged = parsed(text).judged(run_of([0.010] * 1000))
    assert judged.text == text
    assert judged.met is met
    if measured is None:
        assert judged.measured is None
    else:
        assert judged.measured == pytest.approx(measured, rel=2e-3)


def test_a_refused_call_is_slower_than_any_bound() -> None:
    bound = parsed("p99<50ms")
    assert bound.judged(run_of([0.01] * 995, {"RESOURCE_EXHAUSTED": 5})).met
    judged = bound.judged(run_of([0.01] * 980, {"RESOURCE_EXHAUSTED": 20}))
    assert not judged.met
    assert judged.measured is None
    errors = parsed("errors<1%").judged(run_of([0.01] * 980, {"RESOURCE_EXHAUSTED": 20}))
    assert errors.measured == pytest.approx(0.02)
    # The failed push the percentile up among the answered: here to those of 40 ms.
    mixed = run_of([0.01] * 981 + [0.04] * 10, {"UNAVAILABLE": 9})
    assert bound.judged(mixed).measured == pytest.approx(0.04, rel=2e-3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p99", "expected something like p99<50ms"),
        ("p99<50", "expected us, ms or s"),
        ("p99>50ms", "expected p99<"),
        ("p100<50ms", "between 0 and 100"),
        ("errors<5ms", "expected % or a share"),
        ("throughput<5", "expected throughput>"),
        ("throughput>5s", "expected no unit"),
        ("latency<5ms", "expected something like"),
    ],
)
def test_wrong_bounds_are_refused(text: str, expected: str) -> None:
    with pytest.raises(WrongUse, match="--slo") as refused:
        parsed(text)
    assert expected in str(refused.value)


def found(start: float, holds, confirmations: int = 3) -> tuple[float | None, list]:
    search = greatest_rate(start, 0.03, confirmations)
    tried, held = [], None
    while True:
        try:
            attempt = search.send(held)
        except StopIteration as end:
            return end.value, tried
        tried.append(attempt)
        held = holds(attempt)


@settings(deadline=None)
@given(st.floats(0.5, 5000), st.floats(0.5, 5000))
def test_the_search_finds_a_known_capacity_from_anywhere(start: float, capacity: float) -> None:
    rate, tried = found(start, lambda attempt: attempt.rate <= capacity)
    assert rate is not None
    assert capacity / 1.03 - 1e-9 <= rate <= capacity
    assert [attempt.confirming for attempt in tried[-3:]] == [True] * 3
    assert {attempt.rate for attempt in tried[-3:]} == {rate}
    assert len(tried) < 50


def test_what_is_not_confirmed_goes_down_a_step() -> None:
    lucky = 100.0
    rate, tried = found(80, lambda attempt: attempt.rate <= (90 if attempt.confirming else lucky))
    assert rate is not None
    assert 90 / 1.03 <= rate <= 90
    assert tried[-1].confirming


def test_nothing_holds() -> None:
    rate, tried = found(100, lambda attempt: False)
    assert rate is None
    assert len(tried) < 50


def test_a_client_in_the_way_is_told_with_figures() -> None:
    idle = run_of([0.01] * 1000).client
    assert warnings(idle, 0.01, {}, 10) == ()
    late = Histogram()
    late.record(np.array([1e-4] * 900 + [0.005] * 100))
    busy = idle.model_copy(update={"busiest": 0.93, "lateness": late.distribution()})
    said = " ".join(warnings(busy, 0.01, {"NOT_SENT": 7}, 10))
    assert "5.0 ms" in said
    assert "93%" in said
    assert "7 calls were not sent" in said
    # So few calls do not tell the 99th percentile of how late they were.
    few = Histogram()
    few.record(np.array([0.02] * 100))
    slow = idle.model_copy(update={"lateness": few.distribution()})
    assert "5 % of them 20.0 ms" in " ".join(warnings(slow, 0.01, {}, 10))
    # Five milliseconds are nothing beside a second.
    assert len(warnings(busy, 1.0, {}, 10)) == 1
