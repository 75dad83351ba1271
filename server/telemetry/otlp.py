"""Where traces go: OpenTelemetry's exporters, and what they say of themselves."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import uuid
from importlib.metadata import version
from urllib.parse import urlsplit

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.environment_variables import (
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
    OTEL_BSP_MAX_QUEUE_SIZE,
)
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

_log = logging.getLogger(__name__)
_HTTP_PATH = "/v1/traces"
# One line in so long of what the exporter has to say: a collector that is away is no news for long.
_SILENT_SECONDS = 60.0
_FLUSH_SECONDS = 3.0
_ATTRIBUTE_LENGTH = 256
# Encoding spans holds up the event loop: the library's own 512 for as long as two pictures take.
_BATCH_SIZE = 64


class Collector:
    """The OpenTelemetry provider of this process, and the collector that it sends to.

    Its queue is bounded (OTEL_BSP_MAX_QUEUE_SIZE, 2048 spans); what does not fit is dropped.

    Attributes:
        provider: makes the spans.
        instance: this process, 32 hexadecimal digits.

    Args:
        url: OTLP endpoint.
        share: of the traces whose caller has not decided, 0 to 1.

    Raises:
        Exception: whatever the library says of its own settings, in the environment.
    """

    def __init__(self, url: str, share: float) -> None:
        """Start the thread that exports; nothing is connected yet."""
        self.instance = uuid.uuid4().hex
        _Seldom().take("opentelemetry")
        self.provider = TracerProvider(
            ParentBased(TraceIdRatioBased(share)),
            _resource(self.instance),
            shutdown_on_exit=False,
            # Paths and names of models are the callers' own words.
            span_limits=SpanLimits(max_attribute_length=_ATTRIBUTE_LENGTH),
        )
        # The library takes no batch that is larger than its queue.
        fitting = min(_BATCH_SIZE, int(os.environ.get(OTEL_BSP_MAX_QUEUE_SIZE, _BATCH_SIZE)))
        size = int(os.environ.get(OTEL_BSP_MAX_EXPORT_BATCH_SIZE, fitting))
        processor = BatchSpanProcessor(_exporter(url), max_export_batch_size=size)
        self.provider.add_span_processor(processor)

    async def close(self) -> None:
        """Send what is left, but do not wait for long."""
        # A daemon, as the exporter's own: neither holds up the end of the process.
        ending = threading.Thread(target=self.provider.shutdown, daemon=True)
        ending.start()
        until = time.monotonic() + _FLUSH_SECONDS
        while ending.is_alive() and time.monotonic() < until:
            await asyncio.sleep(0.01)
        if ending.is_alive():
            _log.warning("traces: the last ones did not get away in %.0f s", _FLUSH_SECONDS)


class _Seldom(logging.Handler):
    """Passes one line on in a while, without stack traces."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._silent_until = 0.0
        self._left_out = 0

    def take(self, library: str) -> None:
        """Be the only one who hears a library."""
        logger = logging.getLogger(library)
        logger.handlers = [self]
        logger.propagate = False

    def emit(self, record: logging.LogRecord) -> None:
        """Pass a line on, if it is time."""
        now = time.monotonic()
        if now < self._silent_until:
            self._left_out += 1
            return
        left_out, self._left_out = self._left_out, 0
        self._silent_until = now + _SILENT_SECONDS
        text = record.getMessage()
        if record.exc_info:
            text += f" {record.exc_info[1]}"
        before = f" ({left_out} such lines were left out before)" if left_out else ""
        _log.warning("traces: %s%s", text, before)


def _exporter(url: str) -> SpanExporter:
    parts = urlsplit(url)
    if parts.scheme in ("grpc", "grpcs"):
        return GrpcExporter(endpoint=parts.netloc, insecure=parts.scheme == "grpc")
    if parts.path in ("", "/"):
        url = parts._replace(path=_HTTP_PATH).geturl()
    return HttpExporter(endpoint=url)


def _resource(instance: str) -> Resource:
    """Who sends the traces; the environment (OTEL_SERVICE_NAME, ...) has the last word."""
    ours = {
        "service.name": "impasto",
        "service.version": version("impasto"),
        "service.instance.id": instance,
    }
    return Resource.create().merge(Resource(ours)).merge(OTELResourceDetector().detect())
