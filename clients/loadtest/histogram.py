"""Times of any number of calls in bounded memory, to three digits."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from hdrh.histogram import HdrHistogram

from loadtest.percentiles import PERCENTS, name_of, rank, tells
from loadtest.results import Distribution

_MICROSECONDS = 1e6
_GREATEST = 3_600_000_000
_DIGITS = 3
# Values under this many microseconds have buckets of their own.
_EXACT_BITS = 11


class Histogram:
    """An HdrHistogram of microseconds up to an hour, with exact count, mean, least and greatest."""

    def __init__(self) -> None:
        self._buckets = HdrHistogram(1, _GREATEST, _DIGITS)
        self._sum = 0.0
        self._least = math.inf
        self._greatest = 0.0

    @property
    def count(self) -> int:
        """Number of times recorded."""
        return int(self._buckets.get_total_count())

    @property
    def mean(self) -> float | None:
        """Seconds; None of no times."""
        return self._sum / self.count if self.count else None

    def record(self, seconds: np.ndarray) -> None:
        """Add times. One call for many: the library takes 5 microseconds for each distinct one."""
        if not len(seconds):
            return
        self._sum += float(seconds.sum())
        self._least = min(self._least, float(seconds.min()))
        self._greatest = max(self._greatest, float(seconds.max()))
        values = np.clip(np.rint(seconds * _MICROSECONDS), 1, _GREATEST).astype(np.int64)
        # Brought to the lower end of their bucket first, so that many become one.
        shifts = np.maximum(np.frexp(values)[1] - _EXACT_BITS, 0)
        distinct, counts = np.unique((values >> shifts) << shifts, return_counts=True)
        for value, count in zip(distinct.tolist(), counts.tolist(), strict=True):
            self._buckets.record_value(value, count)

    def value(self, percent: float) -> float | None:
        """Seconds under which `percent` of the times are; None where they are too few to tell."""
        return self.values((percent,))[name_of(percent)]

    def values(self, percents: Iterable[float] = PERCENTS) -> dict[str, float | None]:
        """The same of several, by name."""
        wanted = list(percents)
        count = self.count
        # The library rounds to a rank; this is exactly one.
        told = {
            percent: 100 * rank(percent, count) / count
            for percent in wanted
            if tells(percent, count)
        }
        found = self._buckets.get_percentile_to_value_dict(list(told.values())) if told else {}
        # A bucket's upper end may be over the greatest time in it.
        return {
            name_of(percent): min(found[told[percent]] / _MICROSECONDS, self._greatest)
            if percent in told
            else None
            for percent in wanted
        }

    def distribution(self) -> Distribution:
        """What the results' file holds of it."""
        return Distribution(
            count=self.count,
            mean=self.mean,
            least=self._least if self.count else None,
            greatest=self._greatest if self.count else None,
            percentiles=self.values(),
            histogram=self._buckets.encode().decode(),
        )
