"""What the comparison of two load testers makes of what they say."""

import math

import pytest

from benchmarks.agreement import Told, rounds_of, rows_of


def told(rate: float, p99: float) -> Told:
    return Told([rate], [0.012], [{50: 0.010, 90: 0.020, 99: p99}])


def test_rounds_take_turns_and_who_begins_changes() -> None:
    order: list[str] = []

    def measure(name: str) -> Told:
        order.append(name)
        return told(len(order), 0.03)

    mine, theirs = rounds_of([lambda: measure("a"), lambda: measure("b")], 3)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert (mine.rates, theirs.rates) == ([1, 4, 5], [2, 3, 6])


def test_rows_have_the_median_ratio_with_its_range_and_say_whether_it_is_near_1() -> None:
    mine, theirs = told(105, 0.030), told(100, 0.040)
    for rate in (90.0, 102.0):
        mine.rates.append(rate)
        theirs.rates.append(100.0)
    rows = rows_of("add_one", 4, mine, theirs)
    figures = ["answers/s", "102.0", "100.0", "1.020 (0.900 to 1.050)", "yes"]
    assert rows[0] == ["add_one", "4", *figures]
    assert rows[1] == ["", "", "mean, ms", "12.00", "12.00", "1.000 (1.000 to 1.000)", "yes"]
    assert rows[4][2:] == ["p99, ms", "30.00", "40.00", "0.750 (0.750 to 0.750)", "no"]


@pytest.mark.parametrize(("rate", "agrees"), [(94.9, "no"), (95.1, "yes"), (105.1, "no")])
def test_what_is_faster_by_more_than_a_twentieth_does_not_agree(rate: float, agrees: str) -> None:
    assert rows_of("add_one", 4, told(rate, 0.03), told(100, 0.03))[0][-1] == agrees


def test_a_percentile_that_is_not_told_in_a_round_has_no_ratio() -> None:
    mine, theirs = told(105, 0.040), told(100, 0.040)
    mine.percentiles += told(105, math.nan).percentiles
    theirs.percentiles += theirs.percentiles
    rows = rows_of("add_one", 4, mine, theirs)
    assert rows[4][2:] == ["p99, ms", "too few calls", "40.00", "", ""]
