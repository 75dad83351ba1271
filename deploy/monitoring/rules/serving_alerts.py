"""Alerts on servers, models and the picture store."""

from __future__ import annotations

from deploy.monitoring.objectives import FULL_REASONS, LEAST_BAD_CALLS, MOST_SHED, one_of
from deploy.monitoring.rules.documents import Alert, Group

_WHERE = "{{ $labels.instance }}"
_MODEL = "{{ $labels.model }}"
# The runtime's, as opposed to shed, given up or wrongly asked for.
_BROKEN = 'nv_inference_request_failure{reason="BACKEND"}'
_SPOOL_PICTURES = 100


def serving_group() -> Group:
    """Whether there are servers and what they refuse."""
    full = f'impasto_rejections_total{{reason=~"{one_of(FULL_REASONS)}"}}'
    away = 'impasto_rejections_total{reason="engine_unavailable"}'
    return Group(
        "impasto-serving",
        [
            Alert(
                "ImpastoServerDown",
                "critical",
                'up{job="impasto"} == 0',
                "1m",
                f"The gateway {_WHERE} does not answer.",
                "Prometheus cannot read its /metrics: it has ended, hangs or cannot be reached.",
            ),
            Alert(
                "ImpastoTritonDown",
                "critical",
                'up{job="triton"} == 0',
                "1m",
                f"The Triton {_WHERE} does not answer.",
                "Prometheus cannot read its metrics; gateways before it refuse their calls.",
            ),
            Alert(
                "ImpastoNotScraped",
                "critical",
                'absent(up{job="impasto"})',
                "5m",
                "Prometheus knows of no gateway at all.",
                "Every other alert is blind: the list of targets is empty or cannot be read.",
            ),
            Alert(
                "ImpastoRestarting",
                "warning",
                # Several workers do not tell when they started; but they count from 0 again.
                'changes(process_start_time_seconds{job="impasto"}[30m]) > 2\n'
                'or\nresets(impasto_calls_total{job="impasto"}[30m]) > 2',
                "1m",
                f"{_WHERE} has started {{{{ $value }}}} times within half an hour.",
                "It dies, or something ends it: too little memory, a failing liveness probe.",
            ),
            Alert(
                "ImpastoShedding",
                "warning",
                f"job:impasto_calls_shed_full:ratio_rate5m > {MOST_SHED}\n"
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
                _new('impasto_rejections_total{reason=~"internal|data_loss"}', "15m"),
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
    done = "sum by (job, instance, model) (increase(nv_inference_request_success[10m]))"
    up = 'and on (job, instance)\nup{job="impasto"} == 1'
    return Group(
        "impasto-models",
        [
            Alert(
                "ImpastoNoModels",
                "critical",
                'up{job="impasto"} == 1\nunless on (job, instance)\nimpasto_model_info',
                "5m",
                f"{_WHERE} serves no model.",
                "It answers Prometheus but has loaded nothing: it still loads, or cannot.",
            ),
            Alert(
                "ImpastoModelGone",
                "warning",
                "impasto_model_info offset 1h\nunless on (job, instance, model)\n"
                f"impasto_model_info\n{up}",
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
    stored = 'sum by (job, instance) (increase(impasto_stage_seconds_count{stage="store", '
    return Group(
        "impasto-store",
        [
            Alert(
                "ImpastoStoreFailing",
                "warning",
                "increase(impasto_store_failures_total[5m]) > 0",
                "5m",
                f"The picture store of {_WHERE} fails.",
                "It has not taken pictures that were then tried again. Nothing is lost yet.",
            ),
            Alert(
                "ImpastoStoreStuck",
                "critical",
                "min_over_time(impasto_store_waiting_pictures[10m]) > 0\n"
                f'unless on (job, instance)\n{stored}code="OK"}}[10m])) > 0',
                "5m",
                f"{_WHERE} cannot store any picture.",
                "{{ $value }} pictures or more have waited in the spool for ten minutes and none "
                "got out. When it is full, calls that want their pictures kept are refused.",
            ),
            Alert(
                "ImpastoSpoolGrowing",
                "warning",
                f"impasto_store_waiting_pictures > {_SPOOL_PICTURES}\n"
                "and\nderiv(impasto_store_waiting_pictures[15m]) > 0",
                "15m",
                f"{{{{ $value }}}} pictures wait for the store of {_WHERE}, ever more.",
                "The store takes fewer pictures than are made.",
            ),
            Alert(
                "ImpastoStoreRefusing",
                "critical",
                "sum by (job, instance) (rate(impasto_rejections_total"
                '{reason=~"store_busy|store_unavailable"}[5m])) > 0',
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
