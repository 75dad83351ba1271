"""Whether the load tester itself was in the way of what it measured."""

from __future__ import annotations

from collections.abc import Mapping

from loadtest.codes import NOT_SENT
from loadtest.results import Client, Distribution

_LATE_SECONDS = 1e-3
_LATE_SHARE = 0.1
_BUSY_SHARE = 0.8
_PERCENTS = ("99", "95", "90", "50")


def warnings(
    client: Client, median: float | None, failed: Mapping[str, int], most_outstanding: int
) -> tuple[str, ...]:
    """What speaks against the figures, in words; empty where nothing does.

    Args:
        client: of the run.
        median: latency; None where it cannot be told.
        failed: calls that did not end well, by code.
        most_outstanding: bound of unanswered calls.
    """
    said = []
    if is_late(client, median):
        which, late = _lateness(client.lateness)
        said.append(
            f"calls left late: {which} {1e3 * late:.1f} ms or more after they were due, which "
            "is part of their latency; use more --processes, or a machine of its own for the load "
            "tester"
        )
    if is_busy(client):
        said.append(
            f"the busiest of {client.processes} processes used {client.busiest:.0%} of a core: the "
            "load tester limits what is measured; use more --processes"
        )
    if count := failed.get(NOT_SENT):
        said.append(
            f"{count} calls were not sent, since --max-outstanding {most_outstanding} calls waited "
            "for answers already; they count as failed"
        )
    return tuple(said)


def is_late(client: Client, median: float | None) -> bool:
    """Whether calls left so late that it shows in their latency, of which `median` is one."""
    return _lateness(client.lateness)[1] > max(_LATE_SECONDS, _LATE_SHARE * (median or 0))


def is_busy(client: Client) -> bool:
    """Whether one of its processes had hardly time for more."""
    return client.busiest > _BUSY_SHARE


def _lateness(lateness: Distribution) -> tuple[str, float]:
    """How late the 99th percentile was, or the greatest one that so few calls tell, or the last."""
    for percent in _PERCENTS:
        seconds = lateness.percentiles.get(percent)
        if seconds is not None:
            return f"{100 - int(percent)} % of them", seconds
    return "one of them", lateness.greatest or 0.0
