"""What the comparison of two load testers makes of what they say."""

import math

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


def test_rows_have_the_ratio_of_medians() -> None:
    rows = rows_of("add_one", 4, told(105, 0.030), told(100, 0.040))
    assert rows[0] == ["add_one", "4", "answers/s", "105.0", "100.0", "1.050"]
    assert rows[1][2:] == ["mean, ms", "12.00", "12.00", "1.000"]
    assert rows[4][2:] == ["p99, ms", "30.00", "40.00", "0.750"]


def test_a_percentile_that_is_not_told_has_no_ratio() -> None:
    rows = rows_of("add_one", 4, told(105, math.nan), told(100, 0.040))
    assert rows[4][2:] == ["p99, ms", "too few calls", "40.00", ""]
