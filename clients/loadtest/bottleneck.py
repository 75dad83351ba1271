"""Whether the load tester itself was in the way of what it measured."""

from __future__ import annotations

from collections.abc import Mapping

from loadtest.codes import NOT_SENT
from loadtest.results import Client

_LATE_SECONDS = 1e-3
_LATE_SHARE = 0.1
_BUSY_SHARE = 0.8


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
    late = client.lateness.percentiles.get("99")
    if late is not None and late > max(_LATE_SECONDS, _LATE_SHARE * (median or 0)):
        said.append(
            f"calls left late: 1 % of them {1e3 * late:.1f} ms or more after they were due, which "
            "is part of their latency; use more --processes, or a machine of its own for the load "
            "tester"
        )
    if client.busiest > _BUSY_SHARE:
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
