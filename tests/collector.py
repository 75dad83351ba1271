"""A real OTLP receiver: it keeps what it is sent, over HTTP or gRPC, in protobuf or JSON."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

_PATIENCE_SECONDS = 20
# The server exports soon, so that tests need not wait.
PROMPT = {"OTEL_BSP_SCHEDULE_DELAY": "50"}


@dataclass(frozen=True)
class ReceivedSpan:
    """A span, its ids in hexadecimal; `resource` says who sent it."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    start: int
    end: int
    failed: bool
    attributes: dict[str, Any]
    events: dict[str, dict[str, Any]]
    resource: dict[str, Any]


@dataclass
class Collector:
    """What was received; `url` is what --trace-url takes."""

    url: str
    spans: list[ReceivedSpan] = field(default_factory=list)

    def take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            sender = _plain(resource.resource.attributes)
            for scope in resource.scope_spans:
                self.spans += [
                    ReceivedSpan(
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        span.kind,
                        span.start_time_unix_nano,
                        span.end_time_unix_nano,
                        span.status.code == span.status.STATUS_CODE_ERROR,
                        _plain(span.attributes),
                        {event.name: _plain(event.attributes) for event in span.events},
                        sender,
                    )
                    for span in scope.spans
                ]

    def wait_for(self, name: str, count: int = 1) -> list[ReceivedSpan]:
        """Wait for so many spans of that name; the last of a call is its own."""
        found = self.look_for(name, count)
        assert len(found) == count, f"{len(found)} of {count} {name}: {self.spans}"
        return found

    def look_for(
        self, name: str, count: int = 1, seconds: float = _PATIENCE_SECONDS
    ) -> list[ReceivedSpan]:
        """The spans of that name, once there are so many or so many seconds have passed."""
        patience = time.monotonic() + seconds
        while True:
            found = [span for span in self.spans if span.name == name]
            if len(found) >= count or time.monotonic() > patience:
                return found
            time.sleep(0.01)

    def children(self, parent: ReceivedSpan) -> list[ReceivedSpan]:
        """What lies directly beneath a span, by its beginning."""
        found = [span for span in self.spans if span.parent == parent.id]
        return sorted(found, key=lambda span: (span.start, span.end))


@contextmanager
def http_collector(kind: type[Collector] = Collector) -> Iterator[Collector]:
    collector = kind("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            known = self.path == "/v1/traces"
            if known:
                collector.take(_parsed(body, self.headers["content-type"]))
            self.send_response(200 if known else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def grpc_collector() -> Iterator[Collector]:
    collector = Collector("")

    class Service(TraceServiceServicer):  # type: ignore[misc] # generated, untyped
        def Export(  # noqa: N802 - the protocol's name
            self, request: ExportTraceServiceRequest, context: grpc.ServicerContext
        ) -> ExportTraceServiceResponse:
            collector.take(request)
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(2))
    add_TraceServiceServicer_to_server(Service(), server)
    collector.url = f"grpc://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(None).wait()


def _parsed(body: bytes, content_type: str) -> ExportTraceServiceRequest:
    if content_type != "application/json":
        return ExportTraceServiceRequest.FromString(body)
    document = json.loads(body)
    for span in (
        span
        for resource in document["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    ):
        # Here OTLP departs from protobuf's own JSON.
        for key in {"traceId", "spanId", "parentSpanId"} & span.keys():
            span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
    return json_format.ParseDict(document, ExportTraceServiceRequest(), ignore_unknown_fields=True)


def _plain(attributes: list[KeyValue]) -> dict[str, Any]:
    return {
        item.key: getattr(item.value, item.value.WhichOneof("value") or "string_value")
        for item in attributes
    }
