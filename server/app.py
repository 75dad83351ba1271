"""The gateway's life: load, listen, serve, drain."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from server.access.access import Access
from server.calls import Calls
from server.engines.base import Engine
from server.engines.choice import engine_of
from server.engines.onnxruntime.cores import available_cores
from server.errors import StartupError
from server.generation.admission import Admission
from server.generation.catalogue import Catalogue, read_catalogue
from server.generation.encoding import Encoder
from server.generation.keeping import Keeping
from server.generation.parts import Parts
from server.generation.picture_cache import PictureCache
from server.generation.pipeline import Pipeline
from server.grpc.image_service import ImageService
from server.grpc.inference_service import GrpcInferenceService
from server.grpc.listener import GrpcListener
from server.http.inference import HttpInference
from server.http.listener import HttpListener
from server.http.rest import Rest
from server.inference.regions import Regions
from server.inference.service import InferenceService
from server.settings import Settings, address
from server.storage.retention import Limits
from server.storage.store import PictureStore, Places
from server.telemetry.metrics import Metrics
from server.threads import Threads
from server.tls import Tls, TlsFiles

if TYPE_CHECKING:
    from server.generation.content_credentials import Signer

_log = logging.getLogger(__name__)
_YOUNG_OBJECTS = 50_000
_LEAST_BACKLOG = 16


class Gateway:
    """One gateway process.

    Args:
        settings: everything that can be set.
    """

    def __init__(self, settings: Settings) -> None:
        """Bind the ports; nothing answers yet.

        Raises:
            StartupError: a port is taken.
        """
        self._settings = settings
        self._metrics = Metrics()
        self._access = Access.of(settings, self._metrics)
        self._tls = _tls(settings)
        self._signer = _signer(settings)
        # pygrpc-native fails a call that sends gRPC's own keys.
        reserved = settings.grpc_transport == "grpcio"
        self._calls = Calls(self._metrics, self._access, reserved)
        self._store = _store(settings, self._metrics)
        self._engine: Engine = engine_of(settings, self._metrics)
        self._inference = InferenceService(self._engine, Regions(settings.allow_client_shm))
        self._rest = Rest(self._calls, self._inference.memory, self._metrics)
        self._http = HttpListener(
            self._metrics,
            settings.host,
            settings.http_port,
            [*HttpInference(self._inference, self._calls).routes(), *self._rest.routes()],
            self._tls,
        )
        self._grpc = GrpcListener(settings.host, settings.port, settings.grpc_transport, self._tls)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain; a second signal ends the process at once.

        Raises:
            ImpastoError: the models do not load or cannot make a picture.
        """
        stop = asyncio.Event()
        self._handle_signals(stop)
        await self._http.start()
        pipeline: Pipeline | None = None
        watches = [self._access.watch()]
        if self._tls is not None:
            watches.append(self._tls.watch())
        renewals = [asyncio.create_task(watch) for watch in watches]
        try:
            pipeline = await _unless(stop, self._start())
            await stop.wait()
            await self._drain()
        finally:
            for renewal in renewals:
                renewal.cancel()
            # First whoever still asks, then who answers.
            await self._http.stop()
            if pipeline is not None:
                pipeline.close()
            if self._store is not None:
                await self._store.close()
            await self._engine.close()
        _log.info("stopped")

    async def _start(self) -> Pipeline:
        """Load the models, make a first picture, and answer calls from then on."""
        settings = self._settings
        await self._access.load()
        if self._store is not None:
            await self._store.start()
        await self._engine.start()
        # Apart, so that no caller's file holds up the pictures of the others.
        threads, encoders = Threads("decode"), Threads("encode")
        catalogue = await read_catalogue(
            self._engine, settings.model, settings.model_repository, threads
        )
        for chain in catalogue.chains.values():
            await chain.warm_up()
        parts = Parts(
            catalogue,
            Admission(settings.max_in_flight, _backlog(settings, catalogue), self._metrics),
            threads,
            Encoder(encoders, self._metrics, self._signer),
            PictureCache(settings.picture_cache_byte_size, self._metrics),
            Keeping(self._store),
            self._metrics,
            settings.max_count,
        )
        pipeline = Pipeline(parts)
        self._grpc.add(ImageService(pipeline, self._calls, self._metrics, self._inference.memory))
        self._rest.serve(pipeline)
        self._grpc.add_inference(GrpcInferenceService(self._inference, self._calls))
        self._calls.open()
        _spare_the_collector()
        await self._grpc.start()
        self._http.ready = True
        self._announce(catalogue)
        return pipeline

    def _handle_signals(self, stop: asyncio.Event) -> None:
        def on_signal() -> None:
            if stop.is_set():
                _log.warning("second signal: ending at once")
                os._exit(1)
            stop.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)

    def _announce(self, catalogue: Catalogue) -> None:
        host = self._settings.host
        _log.info("models: %s", ", ".join(catalogue.chains))
        _log.info("styles: %s", ", ".join(catalogue.default.stylizer.table.names))
        scheme = "http" if self._tls is None else "https"
        _log.info("http on %s://%s/metrics", scheme, address(host, self._http.port))
        _log.info("ready: grpc on %s", address(host, self._grpc.port))

    async def _drain(self) -> None:
        _log.info("draining: up to %.0f s for accepted requests", self._settings.drain_grace)
        # First whoever chooses a server shall know, then who asks this one all the same.
        self._http.ready = False
        await self._grpc.turn_away()
        self._calls.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_grace):
                await self._calls.delivered()
        await self._calls.quiet()
        await self._grpc.stop()


def _store(settings: Settings, metrics: Metrics) -> PictureStore | None:
    if settings.store is None:
        return None
    places = Places(settings.store, settings.store_url, settings.store_database)
    limits = Limits(settings.store_max_byte_size, settings.store_max_age)
    return PictureStore(places, limits, metrics)


def _backlog(settings: Settings, catalogue: Catalogue) -> int:
    """Pictures that keep everything busy, and as many that wait as a load just below that has.

    At nine tenths of the capacity of a core, a queue of 16 sheds one request in two hundred, and a
    longer one only makes everybody wait when there are too many.
    """
    if settings.max_backlog is not None:
        return settings.max_backlog
    batch = max(chain.batch for chain in catalogue.chains.values())
    each = max(_LEAST_BACKLOG, 2 * batch)
    if settings.engine == "triton":
        return len(settings.triton_urls) * each
    return each + available_cores() - 1


def _tls(settings: Settings) -> Tls | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    files = TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
    return Tls(files)


def _signer(settings: Settings) -> Signer | None:
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


async def _unless(stop: asyncio.Event, start: Coroutine[Any, Any, Pipeline]) -> Pipeline:
    """What `start` makes.

    Raises:
        StartupError: `stop` came before.
    """
    starting, stopping = asyncio.create_task(start), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            raise StartupError("told to stop before the models were ready")
        return starting.result()
    finally:
        stopping.cancel()
        starting.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)


def _spare_the_collector() -> None:
    """Keep what lives as long as the process out of garbage collection, and collect less often.

    A call makes no cycles, but hundreds of objects: with Python's own thresholds every other call
    pays for a collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS)
