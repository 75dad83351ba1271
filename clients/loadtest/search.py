"""The greatest rate that holds the objectives: MLPerf's Server scenario.

From a rate that holds and one that does not, the interval is halved until it is narrow; what is
left must then hold again and again, with other arrivals each time, or the next lower rate must.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from loadtest.errors import WrongUse

_MOST_DOUBLINGS = 20
_MOST_STEPS_DOWN = 20
_TRIES = 2


@dataclass(frozen=True)
class Attempt:
    """A rate to try.

    Attributes:
        rate: calls per second.
        confirming: whether it has held before.
    """

    rate: float
    confirming: bool


# Yields what to try, is sent whether it held, returns the greatest rate, or None.
Attempts = Generator[Attempt, bool | None, float | None]


def greatest_rate(
    start: float, precision: float, confirmations: int, least: float = 0.0
) -> Attempts:
    """Search.

    Args:
        start: the first rate, in calls per second; the search finds its way from anywhere.
        precision: relative width of the interval in which the greatest rate lies at the end.
        confirmations: runs that must hold in a row.
        least: calls per second; under it nothing is tried, since nothing can be measured.
    """
    if start <= 0 or not 0 < precision < 1 or confirmations < 0:
        raise WrongUse(f"expected a rate above 0 to start from, got {start:g}")
    low, high = yield from _interval(max(start, least), least)
    if low is None:
        return None
    while high is not None and high / low - 1 > precision:
        middle = (low * high) ** 0.5
        if (yield from _holds(middle)):
            low = middle
        else:
            high = middle
    for _ in range(_MOST_STEPS_DOWN):
        if (yield from _confirmed(low, confirmations)):
            return low
        low /= 1 + precision
        if low < least:
            break
    return None


def _interval(
    start: float, least: float
) -> Generator[Attempt, bool | None, tuple[float | None, float | None]]:
    """A rate that holds and one that does not, at most twice as large."""
    held = yield from _holds(start)
    rate = start
    for _ in range(_MOST_DOUBLINGS):
        if not held and rate <= least:
            return None, None
        following = rate * 2 if held else max(rate / 2, least)
        if (yield from _holds(following)) is not held:
            return min(rate, following), max(rate, following)
        rate = following
    return (rate if held else None), None


def _holds(rate: float) -> Generator[Attempt, bool | None, bool]:
    """Whether a rate holds; one unlucky run does not decide."""
    for _ in range(_TRIES):
        if (yield Attempt(rate, confirming=False)):
            return True
    return False


def _confirmed(rate: float, confirmations: int) -> Generator[Attempt, bool | None, bool]:
    for _ in range(confirmations):
        if not (yield Attempt(rate, confirming=True)):
            return False
    return True
