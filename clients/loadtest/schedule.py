"""When calls are due: fixed before the first one is made, whatever the server does.

Times are seconds from the beginning of the measurement; the warm-up's are negative. The same
arguments give the same schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Arrivals = Literal["poisson", "constant"]
# A schedule is made beforehand, at 20 bytes a call.
MOST_CALLS = 20_000_000
SEED_SPAN = 2**64
MOST_SEED = 2**31 - 1
# Beyond the pictures of every seed of the user's, for calls that are not measured.
TRIAL_SEEDS = 2**63 + 2**62


@dataclass(frozen=True)
class Schedule:
    """Calls in the order in which they are due.

    Attributes:
        due: seconds, float64 [n], ascending.
        entries: which kind of request of the workload each is, int32 [n].
        seeds: of their pictures, uint64 [n].
    """

    due: np.ndarray
    entries: np.ndarray
    seeds: np.ndarray

    def __len__(self) -> int:
        return len(self.due)

    def share(self, part: int, parts: int) -> Schedule:
        """Every `parts`-th call, beginning with the `part`-th."""
        return Schedule(self.due[part::parts], self.entries[part::parts], self.seeds[part::parts])


def chance(seed: int, purpose: int) -> np.random.Generator:
    """Numbers for one purpose, the same for the same seed, independent of other purposes'."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, purpose])))


def planned(
    arrivals: Arrivals, rate: float, seconds: float, warm_up: float, seed: int
) -> np.ndarray:
    """When calls are due: `rate` per second for `warm_up` and then `seconds` seconds.

    The measured part does not depend on the warm-up's length.
    """
    before = _spread(arrivals, rate, warm_up, chance(seed, 0)) - warm_up
    return np.concatenate([before, _spread(arrivals, rate, seconds, chance(seed, 1))])


def _spread(
    arrivals: Arrivals, rate: float, seconds: float, numbers: np.random.Generator
) -> np.ndarray:
    """Moments from 0 to `seconds`.

    A Poisson process of which is known how many there are: exactly as many as the rate says, for
    with another number of calls another load would be measured than was asked for.
    """
    count = round(rate * seconds)
    if arrivals == "constant":
        return np.arange(count) / rate
    return np.sort(numbers.uniform(0, seconds, count))


def chosen(weights: list[float], count: int, seed: int) -> np.ndarray:
    """Which entry of the workload each of `count` calls is of, by the entries' weights."""
    shares = np.asarray(weights) / sum(weights)
    return chance(seed, 2).choice(len(weights), count, p=shares).astype(np.int32)


def first_picture(seed: int) -> int:
    """The first seed of the pictures that calls of a run with `seed` ask for."""
    return (seed << 32) % SEED_SPAN


def picture_seeds(counts: list[int], entries: np.ndarray, seed: int) -> np.ndarray:
    """Of each call's pictures: no picture is asked for twice, so no cache answers.

    Args:
        counts: pictures of one call, by entry.
        entries: of the calls.
        seed: where they start: 2^32 pictures after those of the seed before.
    """
    taken = np.asarray(counts, np.uint64)[entries]
    first = np.uint64(first_picture(seed))
    seeds: np.ndarray = first + np.concatenate([[np.uint64(0)], np.cumsum(taken)[:-1]]).astype(
        np.uint64
    )
    return seeds[: len(entries)]
