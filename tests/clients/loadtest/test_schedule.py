"""Schedules: fixed by their seed, as many calls as the rate says, divided without loss."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loadtest.schedule import Schedule, chosen, picture_seeds, planned

RATES = st.floats(0.5, 500)
SECONDS = st.floats(0.5, 20)
SEEDS = st.integers(0, 2**31 - 1)
ARRIVALS = st.sampled_from(["poisson", "constant"])


@settings(deadline=None)
@given(ARRIVALS, RATES, SECONDS, SECONDS, SEEDS)
def test_as_many_calls_are_due_as_the_rate_says_in_their_order(
    arrivals, rate, seconds, warm_up, seed
) -> None:
    due = planned(arrivals, rate, seconds, warm_up, seed)
    assert np.count_nonzero(due >= 0) == round(rate * seconds)
    assert np.count_nonzero(due < 0) == round(rate * warm_up)
    assert (np.diff(due) >= 0).all()
    assert ((due >= -warm_up - 1e-9) & (due <= seconds + 1 / rate)).all()
    assert (due == planned(arrivals, rate, seconds, warm_up, seed)).all()


@settings(deadline=None)
@given(RATES, SECONDS, SEEDS)
def test_what_is_measured_does_not_depend_on_the_warm_up(rate, seconds, seed) -> None:
    with_it = planned("poisson", rate, seconds, 3.0, seed)
    assert (with_it[with_it >= 0] == planned("poisson", rate, seconds, 0.0, seed)).all()


def test_another_seed_is_another_schedule_and_gaps_are_exponential() -> None:
    due = planned("poisson", 1000, 20, 0, 1)
    assert (due != planned("poisson", 1000, 20, 0, 2)).any()
    gaps = np.diff(due)
    # Mean and standard deviation of exponential gaps are the same; e^-1 of them are over the mean.
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.05)
    assert (gaps > gaps.mean()).mean() == pytest.approx(np.exp(-1), abs=0.02)


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 7))
def test_processes_share_all_calls_and_no_call_twice(count, parts) -> None:
    schedule = Schedule(
        np.arange(count, dtype=float),
        np.zeros(count, np.int32),
        np.arange(count, dtype=np.uint64),
    )
    shares = [schedule.share(part, parts) for part in range(parts)]
    assert sorted(np.concatenate([share.due for share in shares])) == list(range(count))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@settings(deadline=None)
@given(st.lists(st.integers(1, 64), min_size=1, max_size=4), st.integers(0, 300), SEEDS)
def test_no_picture_is_asked_for_twice(counts, calls, seed) -> None:
    entries = chosen([1.0] * len(counts), calls, seed)
    seeds = picture_seeds(counts, entries, seed).tolist()
    asked = [
        first + index
        for first, entry in zip(seeds, entries.tolist(), strict=True)
        for index in range(counts[entry])
    ]
    assert len(set(asked)) == len(asked)


def test_entries_come_by_their_weights() -> None:
    entries = chosen([3, 1], 20_000, 0)
    assert (entries == 0).mean() == pytest.approx(0.75, abs=0.02)
