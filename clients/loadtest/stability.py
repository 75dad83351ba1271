"""Whether a load test saw a steady state: perf_analyzer's rule.

The last three windows must agree within 10 % in throughput and in mean latency. The throughput of
an open loop is taken as a share of the calls that were due: how many these are is chance, and no
property of the server. Where less than 90 % of them are answered it is not stable, however steady.
"""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.results import Stability, Window

WINDOWS = 3
TOLERANCE = 0.10
_LEAST_ANSWERED = 0.9


def stability(windows: Sequence[Window], is_open: bool) -> Stability:
    """Of the windows so far."""
    last = windows[-WINDOWS:]
    throughput = _spread([_throughput(window, is_open) for window in last])
    latency = _spread([window.mean for window in last])
    stable = (
        len(last) == WINDOWS
        and throughput is not None
        and latency is not None
        and max(throughput, latency) <= TOLERANCE
        and not (is_open and falls_behind(last))
    )
    return Stability(
        stable=stable,
        windows=WINDOWS,
        tolerance=TOLERANCE,
        throughput_spread=throughput,
        latency_spread=latency,
    )


def falls_behind(windows: Sequence[Window]) -> bool:
    """Whether so few of an open loop's calls are answered that their backlog grows, if steadily."""
    answered = sum(window.answered for window in windows)
    return answered < _LEAST_ANSWERED * sum(window.sent for window in windows)


def _throughput(window: Window, is_open: bool) -> float | None:
    if is_open:
        return window.answered / window.sent if window.sent else None
    return window.answered / window.seconds


def _spread(values: Sequence[float | None]) -> float | None:
    """Greatest over least, minus 1; None where there are no two, or nothing came at all."""
    known = [value for value in values if value]
    if len(known) < len(values) or len(known) < 2:
        return None
    return max(known) / min(known) - 1
