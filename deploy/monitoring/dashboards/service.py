"""The dashboard of whoever answers for the service."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.monitoring.dashboards.frame import Row, choice, framed
from deploy.monitoring.dashboards.objectives import objectives
from deploy.monitoring.dashboards.panels import (
    THIRD,
    Floor,
    Limits,
    heat_map,
    lines,
    number,
    on_the_right,
    stacked,
)
from deploy.monitoring.dashboards.queries import (
    Query,
    chosen,
    or_none,
    quantile,
    quantiles,
    rates,
    share_of,
)
from deploy.monitoring.objectives import (
    AVAILABILITY,
    LATENCY_BOUND_SECONDS,
    MOST_SHED,
    SHED_REASONS,
    one_of,
)

_CALLS = "impasto_request_seconds"
_METHOD = 'method=~"$method"'
_DONE = f'{_METHOD}, code="OK"'
_SHED = f'reason=~"{one_of(SHED_REASONS)}"'
_BOUND = Limits(LATENCY_BOUND_SECONDS)


def service() -> Dashboard:
    """Rates, errors, latency, saturation."""
    methods = 'label_values(impasto_request_seconds_count{job=~"$job"}, method)'
    return framed(
        "impasto-service",
        "service",
        "Whether callers get their pictures, how fast, and what is in the way.",
        [
            Row("At a glance", _glance()),
            Row("Calls", _calls()),
            Row("Latency", _latency()),
            Row("Saturation", _saturation()),
            Row("Objectives", objectives()),
            Row("Caches and store", _caches_and_store()),
        ],
        [choice("method", "Method", methods)],
    )


def _glance() -> list[Builder[Panel]]:
    all_calls = rates("impasto_calls_total")
    shed = or_none(rates("impasto_rejections_total", "", _SHED), all_calls)
    failed = 'max(job:impasto_calls_failed:ratio_rate1h{job=~"$job"})'
    return [
        number(
            "Targets that answer",
            "Gateways and Tritons whose metrics Prometheus can read. Red: none; see "
            "ImpastoServerDown in docs/monitoring.md.",
            "none",
            Query(f"sum({chosen('up')})"),
            Floor(1),
        ),
        number(
            "Calls",
            "Calls that come, whatever becomes of them.",
            "reqps",
            Query(all_calls),
        ),
        number(
            "Pictures",
            "Pictures delivered, per second.",
            "ops",
            Query(rates("impasto_pictures_total")),
        ),
        number(
            "p99 of good calls",
            f"Of the last minutes. Red: over the objective's bound of {LATENCY_BOUND_SECONDS} s; "
            "look at what calls wait for below.",
            "s",
            Query(quantile(0.99, _CALLS, "", _DONE)),
            _BOUND,
        ),
        number(
            "Failed, of accepted calls, in 1 h",
            f"Red: more than the {1 - AVAILABILITY:.1%} that the objective allows; the panel of "
            "reasons says why.",
            "percentunit",
            Query(failed),
            Limits(1 - AVAILABILITY),
        ),
        number(
            "Shed, of all calls",
            "Refused because the server is full or the caller asks for too much. Red: too many; "
            "add servers, see the capacity dashboard.",
            "percentunit",
            Query(share_of(shed, all_calls)),
            Limits(MOST_SHED, MOST_SHED / 5),
        ),
    ]


def _calls() -> list[Builder[Panel]]:
    return [
        lines(
            "Calls by method",
            "Calls that ended, per second. A method that falls to nothing: its callers have gone, "
            "or cannot reach it.",
            "reqps",
            [Query(rates(f"{_CALLS}_count", "method", _METHOD), "{{method}}")],
        ),
        lines(
            "Calls that did not end well, by reason",
            "internal: a fault of the server, its log has it. engine_unavailable: look at Triton. "
            "full, backlog: more comes than can be made. invalid and the like: the caller's own. "
            "docs/monitoring.md says what to do.",
            "reqps",
            [Query(rates("impasto_rejections_total", "reason", _METHOD), "{{reason}}")],
        ),
    ]


def _latency() -> list[Builder[Panel]]:
    stages = rates("impasto_stage_seconds_sum", "stage", _METHOD)
    ended = rates(f"{_CALLS}_count", "", _METHOD)
    return [
        lines(
            "Latency of good calls",
            "Points are single calls that were traced; their trace_id finds the trace. Over the "
            "dashed bound: the split beside says whether they wait (queue) or compute.",
            "s",
            quantiles(_CALLS, _DONE),
            limits=_BOUND,
        ),
        heat_map(
            "Latency, all of it",
            "How many good calls took how long. Two bands are two kinds of calls: choose one "
            "method above.",
            "s",
            Query(
                rates(f"{_CALLS}_bucket", "le", _DONE), "{{le}}", exemplar=True, format="heatmap"
            ),
        ),
        stacked(
            "Where the time goes",
            "Seconds of each stage per call, on average. Pictures of one call are worked on side "
            "by side, so the sum may exceed the call's own latency; store comes after the answer. "
            "Much queue: more servers or instances.",
            "s",
            [Query(f"{stages} / on () group_left () ({ended} > 0)", "{{stage}}")],
        ),
        lines(
            "p99 by method",
            "Of good calls. Streaming calls last until the caller has taken everything.",
            "s",
            [Query(quantile(0.99, _CALLS, "method", _DONE), "{{method}}", exemplar=True)],
        ),
    ]


def _saturation() -> list[Builder[Panel]]:
    pictures = (("in flight", "in_flight"), ("backlog", "backlog"))
    used = [
        Query(
            f"{chosen(f'impasto_{name}_pictures')} / {chosen(f'impasto_{name}_limit_pictures')}",
            f"{label} {{{{instance}}}}",
        )
        for label, name in pictures
    ]
    shed = rates("impasto_rejections_total", "reason", _SHED)
    came = rates("impasto_calls_total")
    return [
        lines(
            "Room that is taken",
            "Pictures in flight and in the backlog, of what the server takes. Backlog at 1: calls "
            "are shed, add servers. In flight at 1: callers do not take their answers, or "
            "--max-in-flight is too small.",
            "percentunit",
            used,
            limits=Limits(1, 0.8),
        ),
        lines(
            "Shed, by reason",
            "Share of all calls. rate_limit, concurrency_limit: one API key asks for too much. "
            "queue_full: a model's queue policy. memory: inputs of inference requests.",
            "percentunit",
            [Query(f"{shed} / on () group_left () ({came} > 0)", "{{reason}}")],
            limits=Limits(MOST_SHED),
        ),
    ]


def _caches_and_store() -> list[Builder[Panel]]:
    lookups = "impasto_picture_cache_lookups_total"
    by_model = rates("impasto_cache_lookups_total", "model")
    hits = rates("impasto_cache_lookups_total", "model", 'outcome="hit"')
    return [
        lines(
            "Found in the caches",
            "Share of the looks. Nothing here: the caches are off, or nobody looked. A share "
            "near 0: the cache costs memory for nothing.",
            "percentunit",
            [
                Query(
                    share_of(rates(lookups, "", 'outcome=~"hit|shared"'), rates(lookups)),
                    "picture cache",
                ),
                Query(
                    share_of(or_none(hits, by_model), by_model),
                    "response cache of {{model}}",
                ),
            ],
            THIRD,
        ),
        lines(
            "Pictures that wait for the store",
            "Answered, and in the spool on this machine. Growing: the store takes fewer than are "
            "made; look at the store, at its network and at its catalogue.",
            "short",
            [Query(chosen("impasto_store_waiting_pictures"), "{{instance}}")],
            THIRD,
        ),
        _way_into_the_store(),
    ]


def _way_into_the_store() -> Builder[Panel]:
    failures, stored = "failures per second", 'stage="store"'
    panel = lines(
        "Way into the store",
        "How long a picture takes from the spool into the store, and how often the store "
        "failed, per second. Failures: the server's log says which part of it.",
        "s",
        [
            Query(quantile(0.5, "impasto_stage_seconds", "", stored), "p50"),
            Query(quantile(0.99, "impasto_stage_seconds", "", stored), "p99"),
            Query(rates("impasto_store_failures_total"), failures),
        ],
        THIRD,
    )
    return panel.override_by_name(failures, on_the_right("ops"))
