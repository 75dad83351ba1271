"""Recorded series: the indicators behind the objectives, and what dashboards ask for often.

Each is named level:metric:operation, by Prometheus' custom; the level is the labels that are left.
"""

from __future__ import annotations

from deploy.monitoring.objectives import (
    FAILED_REASONS,
    FULL_REASONS,
    LATENCY_BOUND_SECONDS,
    LATENCY_METHODS,
    ROOM_REASONS,
    SHED_REASONS,
    WINDOWS,
    one_of,
)
from deploy.monitoring.rules.documents import Group, Recording
from deploy.monitoring.rules.selectors import ours

_CALLS = "impasto_request_seconds_count"
_TIMED = f'code="OK", method=~"{one_of(LATENCY_METHODS)}"'
# Capacity is known from the moments in which calls were shed for want of room.
_FULL_SHARE = 0.01


def recording_groups() -> list[Group]:
    """All of them; those of long windows change slowly and are worked out less often."""
    indicators = [
        Group(f"impasto-indicators-{window}", _indicators(window), _interval(seconds))
        for window, seconds in WINDOWS.items()
    ]
    return [*indicators, Group("impasto-load", _load(), "15s")]


def _interval(seconds: int) -> str:
    return "15s" if seconds <= 3600 else "1m"


def _indicators(window: str) -> list[Recording]:
    succeeded = _sum(ours(_CALLS, 'code="OK"'), window)
    # Of reasons, not of codes: their series are there from a method's first call on, so a burst of
    # the first errors is seen, too.
    reasons = f'reason=~"{one_of(FAILED_REASONS)}"'
    failed = ours(f"job:impasto_calls_failed:rate{window}")
    # As it stands in the label; formatted as the gateway's library does it.
    fast = ours("impasto_request_seconds_bucket", f'{_TIMED}, le="{LATENCY_BOUND_SECONDS}"')
    timed = ours(f"job:impasto_calls_timed:rate{window}")
    return [
        Recording(
            f"job:impasto_calls_failed:rate{window}",
            _sum(ours("impasto_rejections_total", reasons), window),
        ),
        Recording(
            f"job:impasto_calls_accepted:rate{window}",
            # Before the first call that succeeds there is no series of those: none, not unknown.
            f"{failed}\n+\n(\n  {succeeded}\n  or\n  0 * {failed}\n)",
        ),
        _share("failed", "accepted", window),
        Recording(f"job:impasto_calls_timed:rate{window}", _sum(ours(_CALLS, _TIMED), window)),
        Recording(
            f"job:impasto_calls_slow:rate{window}",
            f"{timed}\n-\n{_sum(fast, window)}",
        ),
        _share("slow", "timed", window),
    ]


def _sum(selector: str, window: str) -> str:
    return f"sum by (job) (rate({selector}[{window}]))"


def _share(bad: str, valid: str, window: str) -> Recording:
    """Of no calls no share is known."""
    part, whole = (ours(f"job:impasto_calls_{calls}:rate{window}") for calls in (bad, valid))
    return Recording(f"job:impasto_calls_{bad}:ratio_rate{window}", f"{part}\n/\n({whole} > 0)")


def _load() -> list[Recording]:
    rejections = f"sum by (job, reason) (rate({ours('impasto_rejections_total')}[5m]))"
    return [
        Recording("job:impasto_calls:rate5m", _sum(ours("impasto_calls_total"), "5m")),
        Recording("job:impasto_pictures:rate5m", _sum(ours("impasto_pictures_total"), "5m")),
        Recording("job_reason:impasto_rejections:rate5m", rejections),
        Recording("job:impasto_calls_shed:ratio_rate5m", _rejected(SHED_REASONS)),
        Recording("job:impasto_calls_shed_full:ratio_rate5m", _rejected(FULL_REASONS)),
        *_capacity(),
        Recording("job_instance_model:impasto_instances_busy:rate5m", _busy()),
    ]


def _capacity() -> list[Recording]:
    """What each gateway made while it was full; of each, for their number changes."""

    def rates(series: str) -> str:
        return f"sum by (job, instance) (rate({series}[5m]))"

    refused = rates(ours("impasto_rejections_total", f'reason=~"{one_of(ROOM_REASONS)}"'))
    made, came = (rates(ours(f"impasto_{counted}_total")) for counted in ("pictures", "calls"))
    full = ours("job_instance:impasto_pictures_while_full:rate5m")
    return [
        Recording(
            "job_instance:impasto_pictures_while_full:rate5m",
            f"{made} > 0\nand\n{refused}\n/\n({came} > 0) > {_FULL_SHARE}",
        ),
        Recording("job_instance:impasto_pictures_while_full:max1d", f"max_over_time({full}[1d])"),
    ]


def _rejected(reasons: tuple[str, ...]) -> str:
    rejected = ours("job_reason:impasto_rejections:rate5m", f'reason=~"{one_of(reasons)}"')
    calls = ours("job:impasto_calls:rate5m")
    return f"(\n  sum by (job) ({rejected})\n  or\n  0 * {calls}\n)\n/\n({calls} > 0)"


def _busy() -> str:
    """Instances of a model that compute, on average: the time of an execution times their rate.

    The families count a batch's time once for every request in it, and answers out of the response
    cache as successes that took no time.
    """

    def rates(family: str) -> str:
        return f"sum by (job, instance, model) (rate({ours(family)}[5m]))"

    answered = rates("nv_inference_request_success")
    return (
        f"{rates('nv_inference_compute_infer_duration_us')}\n/ 1e6\n/\n"
        f"(\n  (\n    {answered} - {rates('nv_cache_num_hits_per_model')}\n"
        f"    or\n    {answered}\n  ) > 0\n)\n"
        f"*\n{rates('nv_inference_exec_count')}"
    )
