"""What every call shares: its place in the drain and the metrics, its error's way to the wire."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import grpc
from impasto.errors import RETRY_KEY

from server.errors import ImpastoError, Overloaded, Unavailable
from server.telemetry.metrics import Metrics

_log = logging.getLogger(__name__)

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class Calls:
    """The calls that are work, as opposed to a health watch that never ends.

    Args:
        metrics: where call latencies go.
    """

    def __init__(self, metrics: Metrics) -> None:
        """Start accepting."""
        self._metrics = metrics
        self._accepting = True
        self._under_way = 0
        self._delivered = asyncio.Event()
        self._delivered.set()

    @asynccontextmanager
    async def call(self, method: str, context: Context) -> AsyncIterator[None]:
        """Run a call's body: measure it, and end the RPC with the code that its error carries."""
        started = time.monotonic()
        code = grpc.StatusCode.OK
        try:
            self._accept(context)
            yield
        except ImpastoError as error:
            code = error.code
            await context.abort(code, str(error), _trailing_metadata(error))
        except asyncio.CancelledError:
            # gRPC cancels the call when its deadline passes, too.
            expired = context.time_remaining() == 0
            code = grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED
            raise
        except Exception:
            # The caller learns nothing of our insides; the log has it all.
            _log.exception("%s failed", method)
            code = grpc.StatusCode.INTERNAL
            await context.abort(code, "internal error; the server's log has the details")
        finally:
            seconds = time.monotonic() - started
            self._metrics.request_seconds.labels(method, code.name).observe(seconds)

    async def drain(self) -> None:
        """Refuse new calls from now on, and wait until the answers of all others are sent."""
        self._accepting = False
        await self._delivered.wait()

    def _accept(self, context: Context) -> None:
        if not self._accepting:
            raise Unavailable("the server is draining; ask another one")
        self._under_way += 1
        self._delivered.clear()
        # Called when gRPC has written the answer's last byte or given the call up, which is later
        # than the end of the handler.
        context.add_done_callback(self._on_done)

    def _on_done(self, _: Context) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._delivered.set()


def _trailing_metadata(error: ImpastoError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, Overloaded):
        return ((RETRY_KEY, str(round(error.retry_after * 1000))),)
    return ()
