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


def spectrum(distribution: Distribution) -> list[tuple[float, float]]:
    """Points of the spectrum: position on the axis and seconds, ascending in both.

    Args:
        distribution: with a histogram of microseconds.

    Raises:
        ValueError: if its histogram is not HdrHistogram's text.
    """
    if not distribution.count or not distribution.histogram:
        return []
    try:
        histogram = HdrHistogram.decode(distribution.histogram)
    # The decoder raises whatever base64, zlib and its own checks raise.
    except Exception as error:
        raise ValueError(f"a histogram is not HdrHistogram's compressed text: {error}") from error
    total = histogram.get_total_count()
    points: list[tuple[float, float]] = []
    below = 0
    for item in histogram.get_recorded_iterator():
        here = item.count_at_value_iterated_to
        # The middle of the calls of this value: the slowest call, too, stands short of 100 %.
        middle = (below + here / 2) / total
        points.append((position(middle), item.value_iterated_to / _MICROSECONDS))
        below += here
    return _thinned(points)


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """As many of them as can be seen, the first and the last among them."""
    if len(points) <= _POINTS:
        return points
    least = (points[-1][0] - points[0][0]) / _POINTS
    kept = [points[0]]
    for point in points[1:-1]:
        if point[0] - kept[-1][0] >= least:
            kept.append(point)
    return [*kept, points[-1]]
