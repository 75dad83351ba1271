"""Makes metric families of one registry, or ones that count nothing."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.samples import Exemplar

# 0.1 ms to 43 s, each bucket half as wide again as the one before: a quantile read off them is
# wrong by a fifth at most, at any latency that a picture can have.
LATENCY_BUCKETS = tuple(float(f"{1e-4 * 1.5**power:.3g}") for power in range(33))


class _Nothing:
    """Stands in for any family and any series where nothing is measured."""

    def labels(self, *_: str) -> _Nothing:
        """Itself."""
        return self

    def inc(self, amount: float = 1) -> None:
        """Count nothing."""

    def set(self, value: float) -> None:
        """Show nothing."""

    def observe(self, amount: float, exemplar: Mapping[str, str] | None = None) -> None:
        """Record nothing."""


_NOTHING = _Nothing()


class QuickHistogram(Histogram):
    """A histogram that finds its bucket by halving; the library looks at one after the other.

    A call is observed several times, in some of thirty buckets. The fields are the library's own,
    whose next major version may have others.
    """

    def observe(self, amount: float, exemplar: Mapping[str, str] | None = None) -> None:
        """Record a number; the exemplar's labels must be valid ones."""
        self._sum.inc(amount)
        bucket = self._buckets[bisect_left(self._upper_bounds, amount)]
        bucket.inc(1)
        if exemplar:
            bucket.set_exemplar(Exemplar(dict(exemplar), amount, time.time()))


class Families:
    """Makes families.

    Args:
        registry: where they are registered; None: nothing is measured.
    """

    def __init__(self, registry: CollectorRegistry | None) -> None:
        """Keep the registry."""
        self._registry = registry

    @property
    def enabled(self) -> bool:
        """Whether anything is measured."""
        return self._registry is not None

    def counter(self, name: str, meaning: str, labels: Sequence[str] = ()) -> Counter:
        """A counter, which is shown with the suffix `_total`."""
        if self._registry is None:
            return cast(Counter, _NOTHING)
        return Counter(name, meaning, labels, registry=self._registry)

    def gauge(self, name: str, meaning: str) -> Gauge:
        """A gauge, the sum of those of all living workers."""
        if self._registry is None:
            return cast(Gauge, _NOTHING)
        return Gauge(name, meaning, registry=self._registry, multiprocess_mode="livesum")

    def histogram(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str],
        buckets: Sequence[float] = LATENCY_BUCKETS,
    ) -> Histogram:
        """A histogram, of seconds unless other buckets are given."""
        if self._registry is None:
            return cast(Histogram, _NOTHING)
        return QuickHistogram(name, meaning, labels, buckets=buckets, registry=self._registry)
