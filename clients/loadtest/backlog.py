"""Whether a server kept up with an open loop: its backlog of unanswered calls did not grow.

Under more calls than a server can answer latencies grow for as long as the test lasts, so a short
test would hold every lenient bound.
"""

from __future__ import annotations

from loadtest.results import Run

# Of the calls that are due, so many may be left unanswered.
_LEFT_SHARE = 0.03
# How many are under way when a time begins and ends is chance; this many standard deviations of it.
_CHANCE = 3


def grew(run: Run) -> bool:
    """Whether in the second half of a run fewer calls ended than were due."""
    windows = [window for window in run.windows if window.start >= run.seconds / 2 - 1e-9]
    due = sum(window.sent for window in windows)
    ended = sum(window.answered + sum(window.failed.values()) for window in windows)
    # The shortest time is that without a backlog.
    under_way = (run.load.rate or 0.0) * (run.service_latency.least or 0.0)
    return due - ended > max(_LEFT_SHARE * due, _CHANCE * (1 + under_way) ** 0.5)
