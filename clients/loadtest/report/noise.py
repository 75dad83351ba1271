"""Whether two runs differ by more than their own windows do among themselves."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

# Four against four cannot show it: of their 70 divisions two alone are more than 1 %.
LEAST_WINDOWS = 5
_SHUFFLES = 4000
_SEED = 0
# A comparison has several figures, and each of them its chance to look changed.
_CHANCE = 0.01
_DEVIATIONS = 2.58


class Noise(StrEnum):
    """What the windows say of a difference."""

    WITHIN = "within the noise"
    BEYOND = "beyond the noise"
    UNKNOWN = "cannot be told"


def of_windows(before: Sequence[float], after: Sequence[float]) -> Noise:
    """Compare one figure of each window, by a permutation test of the difference of the means.

    If the windows were of one and the same run, any division of them would be as likely as this
    one. Where fewer than one division in 100 differs as much, the difference is beyond the noise.
    It knows nothing of what differs between two runs of the same server.
    """
    if min(len(before), len(after)) < LEAST_WINDOWS:
        return Noise.UNKNOWN
    values = np.concatenate([before, after])
    found = _differences(values[np.newaxis], len(before))[0]
    chance = np.random.default_rng(_SEED)
    shuffled = chance.permuted(np.tile(values, (_SHUFFLES, 1)), axis=1)
    # Equal differences may come out a rounding apart.
    as_large = _differences(shuffled, len(before)) >= found * (1 - 1e-9)
    return Noise.BEYOND if (as_large.sum() + 1) / (_SHUFFLES + 1) < _CHANCE else Noise.WITHIN


def of_shares(before: tuple[int, int], after: tuple[int, int]) -> Noise:
    """Compare shares, each so many of so many, by the normal approximation of two proportions."""
    total = before[1] + after[1]
    if not before[1] or not after[1]:
        return Noise.UNKNOWN
    pooled = (before[0] + after[0]) / total
    error = np.sqrt(pooled * (1 - pooled) * (1 / before[1] + 1 / after[1]))
    difference = abs(before[0] / before[1] - after[0] / after[1])
    return Noise.BEYOND if difference > _DEVIATIONS * error else Noise.WITHIN


def _differences(divisions: np.ndarray, first: int) -> np.ndarray:
    one, other = divisions[:, :first].mean(axis=1), divisions[:, first:].mean(axis=1)
    return np.asarray(np.abs(one - other))
