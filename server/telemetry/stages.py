"""How long the stages of calls take, by model, method and code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import grpc
from prometheus_client import Counter, Histogram

from server.engines.base import StageTiming
from server.telemetry.current import CallRecord
from server.telemetry.exemplars import exemplar
from server.telemetry.families import Families

_BATCH_BUCKETS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 64)
# The stage of a model whose part in the making of pictures is not known.
_SOME_MODEL = "model"


class _ModelSeries(NamedTuple):
    queue: Histogram
    compute: Histogram
    batch_size: Histogram
    inferences: Counter


class Stages:
    """The families of stages; safe in any thread.

    Attributes:
        roles: by model, what its computing is called: generator, discriminator, stylizer,
            style_encoder.
        models: names that are models, or were; others do not become labels.

    Args:
        families: what makes them.
    """

    def __init__(self, families: Families) -> None:
        """Register them."""
        self.roles: dict[str, str] = {}
        self.models: set[str] = set()
        # Looking labels up costs more than counting. Models, methods, threads and codes are few.
        self._of_models: dict[tuple[str, str, int], _ModelSeries] = {}
        self._of_stages: dict[tuple[str, str, str, grpc.StatusCode], Histogram] = {}
        self._seconds = families.histogram(
            "impasto_stage_seconds",
            "Latency of one stage of a call: let in or refused, waiting for a batch, computing it "
            "by the part that the model plays, encoding, storing; with the code it ended with.",
            ["stage", "model", "method", "code"],
        )
        self._batch_size = families.histogram(
            "impasto_batch_size",
            "Rows of the batch that a request was computed in.",
            ["model"],
            _BATCH_BUCKETS,
        )
        self._inferences = families.counter(
            "impasto_inferences",
            "Requests that a model computed, by the threads of their batch.",
            ["model", "threads"],
        )

    def known(self, model: str) -> str:
        """The name, if it is a model's; else none, since callers may send any."""
        return model if model in self.models else ""

    def role(self, model: str) -> str:
        """What a model's computing is called."""
        return self.roles.get(model, _SOME_MODEL)

    def models_ran(self, record: CallRecord, timings: Sequence[StageTiming]) -> None:
        """Record what models did for one inference request of a call."""
        trace = exemplar()
        before = -1
        for model, queue_seconds, compute_seconds, batch_size, threads, _, batch in timings:
            key = model, record.method, threads
            series = self._of_models.get(key)
            if series is None:
                series = self._of_models[key] = self._model_series(*key)
            series.compute.observe(compute_seconds, trace)
            series.inferences.inc()
            # Only an engine in this process tells the wait from the computing.
            if threads:
                # Models that share a batch with the one before did not wait again.
                if batch != before:
                    series.queue.observe(queue_seconds, trace)
                series.batch_size.observe(batch_size)
            before = batch

    def observe(
        self,
        stage: str,
        model: str,
        method: str,
        code: grpc.StatusCode,
        seconds: float,
        trace: dict[str, str] | None = None,
    ) -> None:
        """Record one stage.

        Args:
            stage: its name.
            model: the served model that it is about; empty: none.
            method: of the call; empty: of none.
            code: with which it ended.
            seconds: how long it took.
            trace: the exemplar, which only the call's own task knows.
        """
        self._series(stage, model, method, code).observe(seconds, trace)

    def _series(self, stage: str, model: str, method: str, code: grpc.StatusCode) -> Histogram:
        key = stage, model, method, code
        series = self._of_stages.get(key)
        if series is None:
            series = self._of_stages[key] = self._seconds.labels(stage, model, method, code.name)
        return series

    def _model_series(self, model: str, method: str, threads: int) -> _ModelSeries:
        self.models.add(model)
        return _ModelSeries(
            self._series("queue", model, method, grpc.StatusCode.OK),
            self._series(self.role(model), model, method, grpc.StatusCode.OK),
            self._batch_size.labels(model),
            self._inferences.labels(model, str(threads)),
        )
