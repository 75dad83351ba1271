"""Which percentiles so many calls can tell, by MLPerf's early-stopping rule.

Of n calls none was slower than the p-th percentile by chance alone with probability p^n. Where
that is not under 1 %, whatever stands at that rank says nothing, and no figure is given. The figure
is the call at the nearest rank, as it came: no bound on what other calls would see.
"""

from __future__ import annotations

import math

CONFIDENCE = 0.99
PERCENTS = (50.0, 90.0, 95.0, 99.0, 99.9)


def least_calls(percent: float) -> int:
    """How many calls a percentile needs: 7 for the median, 459 for the 99th, 4603 for the 99.9th.

    Raises:
        ValueError: no percentage between 0 and 100, both excluded.
    """
    if not 0 < percent < 100:
        raise ValueError(f"expected a percentage between 0 and 100, got {percent:g}")
    return math.ceil(math.log(1 - CONFIDENCE) / math.log(percent / 100))


def rank(percent: float, count: int) -> int:
    """Which of `count` times in their order is the percentile: the first that enough are within."""
    # Without the last digits, which are the multiplication's.
    return max(1, math.ceil(round(percent * count / 100, 6)))


def tells(percent: float, count: int) -> bool:
    """Whether `count` calls are enough for it."""
    return count >= least_calls(percent)


def name_of(percent: float) -> str:
    """As the results' file has it: "99" or "99.9"."""
    return f"{percent:g}"
