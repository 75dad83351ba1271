"""The HTTP listener: `/metrics` for Prometheus, `/health/...` for orchestrators, and the rest."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from server.errors import StartupError
from server.settings import address
from server.telemetry.exposition import Exposer
from server.tls import Tls

# A scrape that is under way may finish; a client that reads nothing may not hold up the exit.
_SHUTDOWN_SECONDS = 5


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: the process has one owner of signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpListener:
    """Listens from `start` to `stop`.

    Attributes:
        port: the bound port.
        ready: what `/health/ready` says.

    Args:
        exposer: what `/metrics` shows; None: the server measures nothing.
        host: address to bind.
        port: port to bind; 0 picks a free one.
        routes: what else it serves.
        tls: certificates; None is plain text.
        shared: whether other workers of this server listen on the same port.
    """

    def __init__(
        self,
        exposer: Exposer | None,
        host: str,
        port: int,
        routes: Sequence[BaseRoute] = (),
        tls: Tls | None = None,
        shared: bool = False,
    ) -> None:
        """Bind the port.

        Raises:
            StartupError: it cannot be bound.
        """
        self.ready = False
        self._exposer = exposer
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, reuse_port=shared)
        except OSError as error:
            raise StartupError(
                f"HTTP cannot listen on {address(host, port)}: {error.strerror}. Choose another "
                f"--host or --http-port (0 picks a free one)"
            ) from error
        self.port: int = self._socket.getsockname()[1]
        app = Starlette(
            routes=[
                Route("/health/live", self._live),
                Route("/health/ready", self._ready),
                Route("/metrics", self._show_metrics),
                *routes,
            ]
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
            # A context and not file names, so that it can be renewed.
            ssl_context_factory=None if tls is None else lambda *_: tls.context,
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Answer requests; not ready yet."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Finish what runs and close the port."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()

    async def _live(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("live\n")

    async def _ready(self, request: Request) -> PlainTextResponse:
        if self.ready:
            return PlainTextResponse("ready\n")
        return PlainTextResponse("not ready\n", status_code=503)

    async def _show_metrics(self, request: Request) -> Response:
        if self._exposer is None:
            text = "this server measures nothing; start it without --no-metrics\n"
            return PlainTextResponse(text, status_code=404)
        accept = request.headers.get("accept", "")
        shown = await self._exposer.render(accept, request.headers.get("accept-encoding", ""))
        return Response(shown.body, media_type=shown.media_type, headers=shown.headers)
