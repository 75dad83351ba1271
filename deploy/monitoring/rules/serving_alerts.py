"""Alerts on servers, models and the picture store."""

from __future__ import annotations

from deploy.monitoring.objectives import (
    FULL_REASONS,
    GATEWAYS,
    LEAST_BAD_CALLS,
    MOST_SHED,
    TRITONS,
    one_of,
)
from deploy.monitoring.rules.documents import Alert, Group
from deploy.monitoring.rules.selectors import of, ours

_WHERE = "{{ $labels.instance }}"
_MODEL = "{{ $labels.model }}"
# The runtime's, as opposed to shed, given up or wrongly asked for.
_BROKEN = ours("nv_inference_request_failure", 'reason="BACKEND"')
_REJECTIONS = "impasto_rejections_total"
_SPOOL_PICTURES = 100


def serving_group() -> Group:
    """Whether there are servers and what they refuse."""
    full = ours(_REJECTIONS, f'reason=~"{one_of(FULL_REASONS)}"')
    away = ours(_REJECTIONS, 'reason="engine_unavailable"')
    broken = ours(_REJECTIONS, 'reason=~"internal|data_loss"')
    started = of(GATEWAYS, "process_start_time_seconds")
    counted = of(GATEWAYS, "impasto_calls_total")
    return Group(
        "impasto-serving",
        [
            Alert(
                "ImpastoWatchdog",
                "none",
                "vector(1)",
                "0m",
                "Alerts get from Prometheus to their receiver.",
                "It always fires. A receiver that no longer gets it should call somebody.",
            ),
            Alert(
                "ImpastoServerDown",
                "critical",
                f"{of(GATEWAYS, 'up')} == 0",
                "1m",
                f"The gateway {_WHERE} does not answer.",
                "Prometheus cannot read its /metrics: it has ended, hangs or cannot be reached.",
            ),
            Alert(
                "ImpastoTritonDown",
                "critical",
                f"{of(TRITONS, 'up')} == 0",
                "1m",
                f"The Triton {_WHERE} does not answer.",
                "Prometheus cannot read its metrics; gateways before it refuse their calls.",
            ),
            Alert(
                "ImpastoNotScraped",
                "critical",
                f"absent({of(GATEWAYS, 'up')})",
                "5m",
                "Prometheus knows of no gateway at all.",
                "Every other alert is blind: the list of targets is empty or cannot be read.",
            ),
            Alert(
                "ImpastoRestarting",
                "warning",
                # Several workers do not tell when they started; but they count from 0 again.
                f"changes({started}[30m]) > 2\nor\nresets({counted}[30m]) > 2",
                "1m",
                f"{_WHERE} has started {{{{ $value }}}} times within half an hour.",
                "It dies, or something ends it: too little memory, a failing liveness probe.",
            ),
            Alert(
                "ImpastoShedding",
                "warning",
                f"{ours('job:impasto_calls_shed_full:ratio_rate5m')} > {MOST_SHED}\n"
                f"and on (job)\nsum by (job) (increase({full}[5m])) > {LEAST_BAD_CALLS}",
                "5m",
                "{{ $value | humanizePercentage }} of the calls of {{ $labels.job }} are shed.",
                "More comes than can be made. Accepted calls are as fast as ever.",
            ),
            Alert(
                "ImpastoEngineUnavailable",
                "critical",
                f"sum by (job, instance) (increase({away}[5m])) > {LEAST_BAD_CALLS}",
                "1m",
                f"{_WHERE} cannot reach its engine.",
                "Calls are refused because no Triton answers.",
            ),
            Alert(
                "ImpastoInternalErrors",
                "warning",
                _new(broken, "15m"),
                "0m",
                f"{_WHERE} fails in a way that it should not.",
                "Calls of {{ $labels.method }} ended in an error that is none of the caller's: "
                "{{ $labels.reason }}.",
            ),
        ],
    )


def model_group() -> Group:
    """Whether the models are there and work."""
    failed = f"sum by (job, instance, model) (increase({_BROKEN}[10m]))"
    succeeded = ours("nv_inference_request_success")
    done = f"sum by (job, instance, model) (increase({succeeded}[10m]))"
    up = f"{of(GATEWAYS, 'up')} == 1"
    served = ours("impasto_model_info")
    return Group(
        "impasto-models",
        [
            Alert(
                "ImpastoNoModels",
                "critical",
                f"{up}\nunless on (job, instance)\n{served}",
                "5m",
                f"{_WHERE} serves no model.",
                "It answers Prometheus but has loaded nothing: it still loads, or cannot.",
            ),
            Alert(
                "ImpastoModelGone",
                "warning",
                f"{served} offset 1h\nunless on (job, instance, model)\n{served}\n"
                f"and on (job, instance)\n{up}",
                "5m",
                f"{_WHERE} no longer serves {_MODEL}.",
                "It did an hour ago. Nothing is wrong if somebody has unloaded it on purpose.",
            ),
            Alert(
                "ImpastoModelFailing",
                "critical",
                f"{failed} / ({failed} + {done}) > 0.05\nand\n{failed} > {LEAST_BAD_CALLS}",
                "2m",
                f"{{{{ $value | humanizePercentage }}}} of the inferences of {_MODEL} fail.",
                f"On {_WHERE} the runtime fails on inputs that had passed every check.",
            ),
        ],
    )


def store_group() -> Group:
    """Whether pictures get from the spool into the store."""
    stored = ours("impasto_stage_seconds_count", 'stage="store", code="OK"')
    waiting = ours("impasto_store_waiting_pictures")
    refused = ours(_REJECTIONS, 'reason=~"store_busy|store_unavailable"')
    return Group(
        "impasto-store",
        [
            Alert(
                "ImpastoStoreFailing",
                "warning",
                f"increase({ours('impasto_store_failures_total')}[5m]) > 0",
                "5m",
                f"The picture store of {_WHERE} fails.",
                "It has not taken pictures that were then tried again. Nothing is lost yet.",
            ),
            Alert(
                "ImpastoStoreStuck",
                "critical",
                f"min_over_time({waiting}[10m]) > 0\nunless on (job, instance)\n"
                f"sum by (job, instance) (increase({stored}[10m])) > 0",
                "5m",
                f"{_WHERE} cannot store any picture.",
                "{{ $value }} pictures or more have waited in the spool for ten minutes and none "
                "got out. When it is full, calls that want their pictures kept are refused.",
            ),
            Alert(
                "ImpastoSpoolGrowing",
                "warning",
                f"{waiting} > {_SPOOL_PICTURES}\nand\nderiv({waiting}[15m]) > 0",
                "15m",
                f"{{{{ $value }}}} pictures wait for the store of {_WHERE}, ever more.",
                "The store takes fewer pictures than are made.",
            ),
            Alert(
                "ImpastoStoreRefusing",
                "critical",
                f"sum by (job, instance) (rate({refused}[5m])) > 0",
                "5m",
                f"{_WHERE} refuses calls because of its picture store.",
                "The spool is full, or the store or its catalogue does not answer.",
            ),
        ],
    )


def _new(counter: str, window: str) -> str:
    """Whether a counter has counted; what it had when it was first seen is no increase."""
    return (
        f"increase({counter}[{window}]) > 0\nor\n({counter} > 0 unless {counter} offset {window})"
    )
