"""How calls end: their latencies by method, model and code, and why they did not end well."""

from __future__ import annotations

import time

import grpc
from prometheus_client import Counter, Histogram

from server.errors import Reason
from server.telemetry.current import CallRecord, begin_call
from server.telemetry.exemplars import exemplar
from server.telemetry.families import Families
from server.telemetry.stages import Stages

_OK = grpc.StatusCode.OK


class CallMetrics:
    """The families of calls; lives on the event loop.

    Attributes:
        under_way: calls whose answers have not all left yet.

    Args:
        families: what makes them.
        stages: where the calls' stages are recorded.
    """

    def __init__(self, families: Families, stages: Stages) -> None:
        """Register them."""
        self._enabled = families.enabled
        self._stages = stages
        # Looking labels up costs more than counting, and codes cost more than names. Nearly all
        # calls end well.
        self._series: dict[tuple[str, str, grpc.StatusCode], Histogram] = {}
        self._ended_well: dict[tuple[str, str], Histogram] = {}
        self._refused: dict[str, dict[Reason, Counter]] = {}
        self._seconds = families.histogram(
            "impasto_request_seconds",
            "Latency of whole calls, by method, model and the code they ended with.",
            ["method", "model", "code"],
        )
        self._calls = families.counter("impasto_calls", "Calls that came, whatever became of them.")
        self._rejections = families.counter(
            "impasto_rejections",
            "Calls that were refused or did not end well, each under one reason.",
            ["reason", "method"],
        )
        self.under_way = families.gauge(
            "impasto_calls_under_way", "Calls whose answers have not all left yet."
        )

    def arrived(self, method: str) -> CallRecord:
        """A call has come; `ended` must follow. From now on the current task works for it."""
        self._calls.inc()
        if method not in self._refused:
            # From 0 on, or a rate would miss the burst that makes a series.
            self._refused[method] = {
                reason: self._rejections.labels(reason.value, method) for reason in Reason
            }
        record = CallRecord(method, self._stages)
        if self._enabled:
            begin_call(record)
        return record

    def ended(self, record: CallRecord, code: grpc.StatusCode, reason: Reason | None) -> None:
        """A call has ended with `code`; unless it ended well, for `reason`."""
        seconds = time.monotonic() - record.arrived
        if code is _OK:
            series = self._ended_well.get((record.method, record.model))
        else:
            series = self._series.get((record.method, record.model, code))
        if series is None:
            series = self._first_of(record, code)
        series.observe(seconds, exemplar())
        if reason is not None:
            self._refused[record.method][reason].inc()

    def _first_of(self, record: CallRecord, code: grpc.StatusCode) -> Histogram:
        """The series of a call that is the first of its kind, or names what is no model."""
        if code is _OK and record.model:
            # Who got an answer from a model has named one; it may have been loaded a moment ago.
            self._stages.models.add(record.model)
        model = self._stages.known(record.model)
        key = record.method, model, code
        if key not in self._series:
            self._series[key] = self._seconds.labels(record.method, model, code.name)
        if code is _OK:
            self._ended_well[record.method, model] = self._series[key]
        return self._series[key]
