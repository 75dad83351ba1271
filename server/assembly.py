"""The gateway's parts as its settings describe them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from server.engines.base import Engine
from server.engines.onnxruntime.cores import available_cores
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.errors import StartupError
from server.generation.catalogue import Catalogue
from server.settings import Settings
from server.storage.retention import Limits
from server.storage.store import PictureStore, Places
from server.telemetry.engine_families import EngineFamilies
from server.telemetry.exposition import Exposer
from server.telemetry.gpu import find_gpus
from server.telemetry.infos import BuildInfo, ModelInfo
from server.telemetry.metrics import Metrics
from server.telemetry.processor import Processor
from server.telemetry.traces import Traces
from server.tls import Tls, TlsFiles

if TYPE_CHECKING:
    from server.generation.content_credentials import Signer

_LEAST_BACKLOG = 12


def store_of(settings: Settings, metrics: Metrics) -> PictureStore | None:
    """The picture store; None: no pictures are kept."""
    if settings.store is None:
        return None
    places = Places(settings.store, settings.store_url, settings.store_database)
    limits = Limits(settings.store_max_byte_size, settings.store_max_age)
    return PictureStore(places, limits, metrics)


def exposer_of(
    settings: Settings, metrics: Metrics, engine: Engine, models: ModelInfo
) -> Exposer | None:
    """What shows the metrics; None: there are none."""
    if metrics.registry is None:
        return None
    exposer = Exposer(metrics.registry)
    exposer.add(BuildInfo(settings.engine))
    exposer.add(models)
    # A Triton shows these families itself.
    if isinstance(engine, OnnxRuntimeEngine):
        exposer.add(EngineFamilies(engine))
        exposer.register(Processor())
        if (gpus := find_gpus()) is not None:
            exposer.register(gpus)
    return exposer


def backlog_of(settings: Settings, catalogue: Catalogue) -> int:
    """Pictures that keep everything busy, and as many that wait as a load just below that has.

    At nine tenths of the capacity of a core, a queue of 12 sheds one request in a hundred, and a
    longer one only makes everybody wait when there are too many.
    """
    if settings.max_backlog is not None:
        return settings.max_backlog
    batch = max(chain.batch for chain in catalogue.chains.values())
    each = max(_LEAST_BACKLOG, batch + batch // 2)
    if settings.engine == "triton":
        return math.ceil(len(settings.triton_urls) * each / settings.workers)
    return each + available_cores() - 1


def tls_of(settings: Settings) -> Tls | None:
    """Certificates for both ports; None is plain text.

    Raises:
        StartupError: they cannot be used.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    files = TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
    return Tls(files)


def traces_of(settings: Settings) -> Traces | None:
    """Where the calls' traces go; None: nowhere.

    Raises:
        StartupError: the libraries are not installed, or are set up wrongly.
    """
    if settings.trace_url is None:
        return None
    try:
        # An extra that not everybody has, and that takes its time.
        from server.telemetry.otlp import Collector  # noqa: PLC0415
        from server.telemetry.spans import SpanTraces  # noqa: PLC0415
    except ImportError as error:
        raise StartupError(
            f"--trace-url needs OpenTelemetry ({error}): pip install '.[traces]'"
        ) from error
    try:
        return SpanTraces(Collector(settings.trace_url, settings.trace_share))
    # The library's exceptions share no base class below Exception.
    except Exception as error:
        raise StartupError(
            f"OpenTelemetry does not take its settings in the environment (OTEL_...): {error}"
        ) from error


def signer_of(settings: Settings) -> Signer | None:
    """What makes Content Credentials; None: nothing does.

    Raises:
        StartupError: the certificate cannot be used, or the library is not installed.
    """
    if settings.c2pa_certificate is None or settings.c2pa_key is None:
        return None
    try:
        # An extra that not everybody has.
        from server.generation.content_credentials import Signer  # noqa: PLC0415
    except ImportError as error:
        raise StartupError(
            "--c2pa-certificate needs the package c2pa-python: pip install '.[content-credentials]'"
        ) from error
    return Signer(settings.c2pa_certificate, settings.c2pa_key)
