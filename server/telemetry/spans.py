"""Traces as OpenTelemetry's spans: one for a call, and beneath it one for each of its stages."""

from __future__ import annotations

import time

import grpc
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from server.telemetry.otlp import Collector
from server.telemetry.traces import Attributes, Headers, Stage

_W3C = TraceContextTextMapPropagator()
_CALLERS = ("traceparent", "tracestate")
# What callers may add to a trace's own context; whoever comes after us is sent it, too.
_STATE_LENGTH = 512
# Of an error's message; a runtime's can be pages.
_TEXT_LENGTH = 512
# What OpenTelemetry's conventions call a server's error; the others are the caller's business.
_ERRORS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class SpanTraces:
    """See `Traces`.

    Args:
        collector: where they go.
    """

    def __init__(self, collector: Collector) -> None:
        """Keep the parts."""
        self._collector = collector
        self._tracer = collector.provider.get_tracer("impasto")
        self._batches = f"{collector.instance[:8]}-"

    def begin(
        self, name: str, began: float, headers: Headers, attributes: Attributes
    ) -> SpanTrace | None:
        """See `Traces.begin`."""
        clock = time.time_ns() - time.monotonic_ns()
        span = self._tracer.start_span(
            name, _callers(headers), SpanKind.SERVER, attributes, start_time=_at(clock, began)
        )
        if not span.get_span_context().trace_flags.sampled:
            return None
        return SpanTrace(self._tracer, span, clock, self._batches)

    async def close(self) -> None:
        """See `Traces.close`."""
        await self._collector.close()


class SpanTrace:
    """See `Trace`.

    Args:
        tracer: makes the stages' spans.
        span: of the call.
        clock: what the monotonic clock is behind the world's, in nanoseconds. The call's own, so
            that its stages lie within it, whatever happens to the world's clock meanwhile.
        batches: with a batch's number behind it, this names the batch among all processes'.
    """

    __slots__ = ("_batches", "_clock", "_context", "_headers", "_span", "_tracer", "id")

    def __init__(self, tracer: Tracer, span: Span, clock: int, batches: str) -> None:
        """Keep the parts."""
        self._tracer = tracer
        self._span = span
        self._batches = batches
        self._clock = clock
        self._context: Context | None = None
        self._headers: tuple[tuple[str, str], ...] | None = None
        self.id = f"{span.get_span_context().trace_id:032x}"

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """See `Trace`."""
        if self._headers is None:
            carrier: dict[str, str] = {}
            _W3C.inject(carrier, self._as_parent())
            self._headers = tuple(carrier.items())
        return self._headers

    def describe(self, attributes: Attributes) -> None:
        """See `Trace.describe`."""
        self._span.set_attributes(attributes)

    def stage(self, stage: Stage) -> None:
        """See `Trace.stage`."""
        attributes: dict[str, str | int] = {}
        if stage.model:
            attributes["impasto.model"] = stage.model
        if stage.batch_size:
            attributes["impasto.batch_size"] = stage.batch_size
        if stage.batch:
            attributes["impasto.batch"] = f"{self._batches}{stage.batch}"
        if stage.error:
            attributes["error.type"] = stage.error
        span = self._tracer.start_span(
            stage.name,
            self._as_parent(),
            attributes=attributes,
            start_time=_at(self._clock, stage.began),
        )
        if stage.error:
            span.set_status(Status(StatusCode.ERROR))
        span.end(_at(self._clock, stage.ended))

    def end(self, code: grpc.StatusCode, error: BaseException | None, reason: str | None) -> None:
        """See `Trace.end`."""
        span = self._span
        if error is not None:
            span.set_attribute("error.type", type(error).__name__)
            span.add_event("rejected", {"impasto.reason": str(reason)})
        if code in _ERRORS:
            span.set_status(Status(StatusCode.ERROR, str(error)[:_TEXT_LENGTH]))
        span.end(_at(self._clock, time.monotonic()))

    def _as_parent(self) -> Context:
        if self._context is None:
            self._context = set_span_in_context(self._span, Context())
        return self._context


def _at(clock: int, seconds: float) -> int:
    """Nanoseconds since 1970 of a moment of the monotonic clock."""
    return clock + round(seconds * 1e9)


def _callers(headers: Headers) -> Context:
    """The trace context that a caller sent; empty where there is none, or an invalid one."""
    carrier: dict[str, list[str]] = {}
    for key, value in headers:
        if key in _CALLERS and isinstance(value, str):
            carrier.setdefault(key, []).append(value)
    if len(carrier.get("traceparent", ())) != 1:
        return Context()
    if len(",".join(carrier.get("tracestate", ()))) > _STATE_LENGTH:
        del carrier["tracestate"]
    return _W3C.extract(carrier, Context())
