"""How much of the error budgets is left."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Panel

from deploy.monitoring.dashboards.panels import Limits, lines
from deploy.monitoring.dashboards.queries import Query
from deploy.monitoring.objectives import (
    AVAILABILITY,
    FAST_BURNS,
    LATENCY,
    LATENCY_BOUND_SECONDS,
    SLOW_BURNS,
)

_LIMITS = Limits(FAST_BURNS[0].factor, SLOW_BURNS[-1].factor)


def objectives() -> list[Builder[Panel]]:
    """A panel for each objective."""
    return [
        _burns(
            "Availability: how fast the budget burns",
            f"Objective: {AVAILABILITY:.1%} of the accepted calls succeed.",
            "failed",
            AVAILABILITY,
        ),
        _burns(
            "Latency: how fast the budget burns",
            f"Objective: {LATENCY:.0%} of the calls for pictures are answered within "
            f"{LATENCY_BOUND_SECONDS} s.",
            "slow",
            LATENCY,
        ),
    ]


def _burns(title: str, objective: str, bad: str, target: float) -> Builder[Panel]:
    help_text = (
        f"{objective} At 1 the error budget lasts exactly 30 days, at {FAST_BURNS[0].factor} "
        "2 % of it go in an hour: then somebody is called. The shorter window shows whether it "
        "is over."
    )
    windows = [burn.window for burn in (*FAST_BURNS, *SLOW_BURNS)]
    queries = [
        Query(
            f'job:impasto_calls_{bad}:ratio_rate{window}{{job=~"$job"}} / {1 - target:.6g}',
            f"{window} {{{{job}}}}",
        )
        for window in (FAST_BURNS[0].recent, *windows)
    ]
    return lines(title, help_text, "none", queries, limits=_LIMITS)
