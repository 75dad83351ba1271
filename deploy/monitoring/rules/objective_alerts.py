"""Alerts on the objectives: several windows and burn rates, as in the Site Reliability Workbook."""

from __future__ import annotations

from deploy.monitoring.objectives import (
    AVAILABILITY,
    FAST_BURNS,
    LATENCY,
    LATENCY_BOUND_SECONDS,
    LEAST_BAD_CALLS,
    SLOW_BURNS,
    WINDOWS,
    Burn,
)
from deploy.monitoring.rules.documents import Alert, Group
from deploy.monitoring.rules.selectors import ours

_FAILED = f"Of the accepted calls, at least {100 * AVAILABILITY:g}% should succeed"
_SLOW = (
    f"Of the calls for pictures, at least {100 * LATENCY:g}% should be answered within "
    f"{LATENCY_BOUND_SECONDS} s"
)
_SHARE = "{{ $value | humanizePercentage }}"


def objective_group() -> Group:
    """A fast and a slow burn for each objective."""
    return Group(
        "impasto-objectives",
        [
            Alert(
                "ImpastoAvailabilityFastBurn",
                "critical",
                _burning("failed", AVAILABILITY, FAST_BURNS),
                "2m",
                f"{_SHARE} of the accepted calls of {{{{ $labels.job }}}} fail.",
                f"{_FAILED}. At this pace the error budget of a month is gone in days.",
            ),
            Alert(
                "ImpastoAvailabilitySlowBurn",
                "warning",
                _burning("failed", AVAILABILITY, SLOW_BURNS),
                "15m",
                f"{_SHARE} of the accepted calls of {{{{ $labels.job }}}} have failed for a while.",
                f"{_FAILED}. At this pace the error budget of a month does not last it.",
            ),
            Alert(
                "ImpastoLatencyFastBurn",
                "critical",
                _burning("slow", LATENCY, FAST_BURNS),
                "2m",
                f"{_SHARE} of the calls of {{{{ $labels.job }}}} are slow.",
                f"{_SLOW}. At this pace the error budget of a month is gone in days.",
            ),
            Alert(
                "ImpastoLatencySlowBurn",
                "warning",
                _burning("slow", LATENCY, SLOW_BURNS),
                "15m",
                f"{_SHARE} of the calls of {{{{ $labels.job }}}} have been slow for a while.",
                f"{_SLOW}. At this pace the error budget of a month does not last it.",
            ),
        ],
    )


def _burning(bad: str, objective: float, burns: tuple[Burn, ...]) -> str:
    """Any of these burns; its value is the share of bad calls in the long window."""
    return "\nor\n".join(_one_burning(bad, objective, burn) for burn in burns)


def _one_burning(bad: str, objective: float, burn: Burn) -> str:
    most = f"{burn.factor * (1 - objective):.6g}"
    calls = f"job:impasto_calls_{bad}"
    bad_calls = f"{ours(f'{calls}:rate{burn.window}')} * {WINDOWS[burn.window]}"
    return (
        f"(\n  {ours(f'{calls}:ratio_rate{burn.window}')} > {most}\n"
        f"  and\n  {ours(f'{calls}:ratio_rate{burn.recent}')} > {most}\n"
        # One bad call of ten is a large share and says little.
        f"  and\n  {bad_calls} > {LEAST_BAD_CALLS}\n)"
    )
