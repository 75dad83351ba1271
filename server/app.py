"""The gateway's life: load, listen, serve, drain."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from server.access.access import Access
from server.assembly import backlog_of, exposer_of, signer_of, store_of, tls_of, traces_of
from server.calls import Calls
from server.engines.base import Engine
from server.engines.choice import engine_of
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
from server.http.documents import ServerDocument
from server.http.inference import HttpInference
from server.http.listener import HttpListener
from server.http.rest import Rest
from server.http.studio import studio_routes
from server.inference.regions import Regions
from server.inference.service import InferenceService
from server.logs import log_lines
from server.settings import Settings, address
from server.telemetry.infos import ModelInfo
from server.telemetry.metrics import Metrics
from server.threads import Threads

_log = logging.getLogger(__name__)
_YOUNG_OBJECTS = 50_000


class Gateway:
    """One gateway process.

    Args:
        settings: everything that can be set.
        ready: is told what is served, once it is; None: the log is.
    """

    def __init__(
        self, settings: Settings, ready: Callable[[Sequence[str]], None] | None = None
    ) -> None:
        """Bind the ports; nothing answers yet.

        Raises:
            StartupError: a port is taken.
        """
        self._settings = settings
        self._ready = ready or log_lines
        self._stop = asyncio.Event()
        self._metrics = Metrics(settings.metrics)
        self._access = Access.of(settings)
        self._tls = tls_of(settings)
        self._signer = signer_of(settings)
        # pygrpc-native fails a call that sends gRPC's own keys.
        reserved = settings.grpc_transport == "grpcio"
        self._traces = traces_of(settings)
        self._calls = Calls(self._metrics, self._access, reserved, self._traces)
        self._store = store_of(settings, self._metrics)
        self._engine: Engine = engine_of(settings, self._metrics)
        self._models = ModelInfo(self._engine)
        self._exposer = exposer_of(settings, self._metrics, self._engine, self._models)
        self._inference = InferenceService(self._engine, Regions(settings.allow_client_shm))
        about = ServerDocument.of(settings)
        self._rest = Rest(self._calls, self._inference.memory, self._metrics, about)
        self._http = HttpListener(
            self._exposer,
            settings.host,
            settings.http_port,
            [
                *HttpInference(self._inference, self._calls).routes(),
                *self._rest.routes(),
                *studio_routes(),
            ],
            self._tls,
            shared=settings.workers > 1,
        )
        self._grpc = GrpcListener(
            settings.host,
            settings.port,
            settings.grpc_transport,
            self._tls,
            shared=settings.workers > 1,
        )

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain; a second signal ends the process at once.

        Raises:
            ImpastoError: the models do not load or cannot make a picture.
        """
        self._handle_signals()
        await self._http.start()
        pipeline: Pipeline | None = None
        watches = [self._access.watch()]
        if self._tls is not None:
            watches.append(self._tls.watch())
        renewals = [asyncio.create_task(watch) for watch in watches]
        try:
            pipeline = await _unless(self._stop, self._start())
            await self._stop.wait()
            await self._drain()
        finally:
            for renewal in renewals:
                renewal.cancel()
            # First whoever still asks, then who answers.
            await self._http.stop()
            if pipeline is not None:
                pipeline.close()
            ended = self._store is None or await self._store.close()
            await self._engine.close()
            if self._traces is not None:
                await self._traces.close()
        _log.info("stopped")
        if not ended:
            # The interpreter would wait for the threads for ever.
            os._exit(0)

    def stop(self) -> None:
        """Drain and end, or do not even begin."""
        self._stop.set()

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
            self._metrics.stages.roles.update(chain.roles)
        self._metrics.stages.models.update(await self._models.names())
        parts = Parts(
            catalogue,
            Admission(settings.max_in_flight, backlog_of(settings, catalogue), self._metrics),
            threads,
            Encoder(encoders, self._metrics, self._signer),
            PictureCache(settings.picture_cache_byte_size, self._metrics),
            Keeping(self._store),
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

    def _handle_signals(self) -> None:
        def on_signal() -> None:
            if self._stop.is_set():
                _log.warning("second signal: ending at once")
                os._exit(1)
            self.stop()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)

    def _announce(self, catalogue: Catalogue) -> None:
        host = self._settings.host
        scheme = "http" if self._tls is None else "https"
        share, collector = self._settings.trace_share, self._settings.trace_url
        traces = [f"traces of {100 * share:g} % of the calls to {collector}"] if collector else []
        self._ready(
            [
                *traces,
                f"models: {', '.join(catalogue.chains)}",
                f"styles: {', '.join(catalogue.default.stylizer.table.names)}",
                f"http on {scheme}://{address(host, self._http.port)}/metrics",
                f"ready: grpc on {address(host, self._grpc.port)}",
            ]
        )

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
