"""The dashboard of whoever tunes the models."""

from __future__ import annotations

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import Dashboard, Panel

from deploy.monitoring.dashboards.frame import Row, choice, framed
from deploy.monitoring.dashboards.panels import THIRD, heat_map, lines, listing, stacked
from deploy.monitoring.dashboards.queries import (
    Query,
    chosen,
    mean,
    or_none,
    quantile,
    rates,
    share_of,
)
from deploy.monitoring.objectives import COMPUTE_STAGES, one_of

_MODEL = 'model=~"$model"'
_QUEUE = f'stage="queue", {_MODEL}'
_COMPUTE = f'stage=~"{one_of(COMPUTE_STAGES)}", {_MODEL}'
_SUCCESS = "nv_inference_request_success"
# Triton's durations are in microseconds.
_MICROSECONDS = 1e-6


def models() -> Dashboard:
    """Batches, queues and computing of each model."""
    return framed(
        "impasto-models",
        "models",
        "How the models are fed: batches, waiting, computing. The families nv_inference_* are "
        "Triton's; the onnxruntime engine counts in the same.",
        [
            Row("Batches", _batches()),
            Row("Waiting", _waiting()),
            Row("Computing", _computing()),
            Row("Failures and cache", _failures_and_cache()),
            Row("What is served", _served()),
            Row("Split of one inference", [_split()]),
        ],
        [choice("model", "Model", 'label_values(nv_inference_count{job=~"$job"}, model)')],
    )


def _batches() -> list[Builder[Panel]]:
    executions = rates("nv_inference_exec_count", "model", _MODEL)
    rows = rates("nv_inference_count", "model", _MODEL)
    return [
        lines(
            "Mean batch",
            "Rows that an execution computes together. Near 1 under load: nothing is gained by "
            "batching; look at the queue delay in config.pbtxt.",
            "none",
            [
                Query(share_of(rows, executions), "{{model}}, by executions"),
                Query(mean("impasto_batch_size", "model", _MODEL), "{{model}}, as requests see it"),
            ],
            THIRD,
        ),
        heat_map(
            "Batch sizes",
            "How many requests were computed in batches of which size.",
            "none",
            Query(rates("impasto_batch_size_bucket", "le", _MODEL), "{{le}}", format="heatmap"),
            THIRD,
        ),
        lines(
            "Inferences and executions",
            "Rows and batches per second. The further apart, the more batching saves.",
            "ops",
            [Query(rows, "{{model}} rows"), Query(executions, "{{model}} executions")],
            THIRD,
        ),
    ]


def _waiting() -> list[Builder[Panel]]:
    waits = "impasto_stage_seconds"
    return [
        lines(
            "Wait for a batch",
            "From the request to the start of its batch. Longer than computing takes: the model "
            "wants more instances or servers.",
            "s",
            [
                Query(quantile(0.5, waits, "model", _QUEUE), "p50 {{model}}"),
                Query(quantile(0.99, waits, "model", _QUEUE), "p99 {{model}}", exemplar=True),
            ],
        ),
        lines(
            "Requests in the queue",
            "Of the gateway's engine, and as Triton counts what is pending. Not falling back to "
            "0 between bursts: the model is the bottleneck.",
            "none",
            [
                Query(chosen("impasto_queue_depth", _MODEL), "{{model}} {{instance}}"),
                Query(
                    chosen("nv_inference_pending_request_count", _MODEL),
                    "pending {{model}} {{instance}}",
                ),
            ],
        ),
    ]


def _computing() -> list[Builder[Panel]]:
    times = "impasto_stage_seconds"
    by_threads = rates("impasto_inferences_total", "threads", _MODEL)
    return [
        lines(
            "Computing a batch",
            "Longer than usual at the same batch size: the machine is shared, throttled or out of "
            "memory bandwidth.",
            "s",
            [
                Query(quantile(0.5, times, "model", _COMPUTE), "p50 {{model}}"),
                Query(quantile(0.99, times, "model", _COMPUTE), "p99 {{model}}", exemplar=True),
            ],
        ),
        stacked(
            "Threads of a batch",
            "Inferences per second by the cores that computed them: all cores for a lone request, "
            "one each under load. 0: the engine does not tell.",
            "ops",
            [Query(by_threads, "{{threads}} threads")],
        ),
    ]


def _failures_and_cache() -> list[Builder[Panel]]:
    hits = rates("nv_cache_num_hits_per_model", "model", _MODEL)
    misses = rates("nv_cache_num_misses_per_model", "model", _MODEL)
    hit_time = rates("nv_cache_hit_duration_per_model", "model", _MODEL)
    failures = rates("nv_inference_request_failure", "model, reason", _MODEL)
    return [
        lines(
            "Failures by reason",
            "REJECTED: the queue was full or too slow. CANCELED: given up. BACKEND: the runtime "
            "failed; the server's log has it. OTHER: the request was wrong, or a step of this "
            "ensemble in Triton failed.",
            "reqps",
            [Query(failures, "{{model}} {{reason}}")],
            THIRD,
        ),
        lines(
            "Response cache: found",
            "Share of the looks. Nothing here: no model has a response cache.",
            "percentunit",
            [Query(share_of(hits, f"({hits} + {misses})"), "{{model}}")],
            THIRD,
        ),
        lines(
            "Response cache: time of a look",
            "Until something that is there is found.",
            "s",
            [Query(f"{hit_time} * {_MICROSECONDS} / ({or_none(hits, hit_time)} > 0)", "{{model}}")],
            THIRD,
        ),
    ]


def _served() -> list[Builder[Panel]]:
    return [
        listing(
            "Models",
            "Of each server. Missing on one of them: its log says why it could not be loaded.",
            Query(chosen("impasto_model_info", _MODEL), instant=True, format="table"),
            ("instance", "model", "version", "platform"),
        ),
        listing(
            "Servers",
            "Several versions beside each other: a roll-out is under way, or stuck.",
            Query(chosen("impasto_build_info"), instant=True, format="table"),
            ("instance", "version", "engine", "python", "onnxruntime"),
        ),
    ]


def _split() -> Builder[Panel]:
    parts = {
        "queue": "nv_inference_queue_duration_us",
        "input": "nv_inference_compute_input_duration_us",
        "infer": "nv_inference_compute_infer_duration_us",
        "output": "nv_inference_compute_output_duration_us",
    }
    done = rates(_SUCCESS, "", _MODEL)
    panel = stacked(
        "One inference of $model",
        "Mean seconds in Triton's four parts. Much input or output: tensors are copied a lot; "
        "much queue: see above.",
        "s",
        [
            Query(f"{rates(name, '', _MODEL)} * {_MICROSECONDS} / ({done} > 0)", part)
            for part, name in parts.items()
        ],
    )
    return panel.repeat("model").repeat_direction("h").max_per_row(3)
