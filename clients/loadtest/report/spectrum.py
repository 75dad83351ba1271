"""The percentile spectrum of a histogram: a cumulative distribution with its slow end stretched.

The horizontal axis is HdrHistogram's: 90, 99 and 99.9 % stand at equal distances, so that the few
slow calls, which a load test is about, take as much room as the many fast ones.
"""

from __future__ import annotations

import math

from hdrh.histogram import HdrHistogram

from loadtest.results import Distribution

_MICROSECONDS = 1e6
# More points than pixels would only make the file larger.
_POINTS = 160


def position(fraction: float) -> float:
    """Where a share of the calls stands on the axis: 0 at none, 1 at 90 %, 2 at 99 %."""
    return -math.log10(1 - fraction)


def end_of(calls: int) -> float:
    """Where the axis of so many calls ends, short of 100 %: the slowest one can be seen."""
    return position(1 - 0.25 / max(calls, 1))


def spectrum(distribution: Distribution) -> list[tuple[float, float]]:
    """Points of the spectrum: position on the axis and seconds, ascending in both.

    Args:
        distribution: with a histogram of microseconds.

    Raises:
        ValueError: if its histogram is not HdrHistogram's text, or empty.
    """
    if not distribution.count or not distribution.histogram:
        return []
    try:
        histogram = HdrHistogram.decode(distribution.histogram)
    # The decoder raises whatever base64, zlib and its own checks raise.
    except Exception as error:
        raise ValueError(f"a histogram is not HdrHistogram's compressed text: {error}") from error
    if not histogram.get_total_count():
        raise ValueError(f"a histogram is empty, though it is of {distribution.count} calls")
    end = end_of(distribution.count)
    places = [end * i / _POINTS for i in range(_POINTS + 1)]
    percents = [100 * (1 - 10**-place) for place in places]
    values = histogram.get_percentile_to_value_dict(percents)
    return [
        (place, values[percent] / _MICROSECONDS)
        for place, percent in zip(places, percents, strict=True)
    ]
