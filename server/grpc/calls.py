"""What every gRPC call shares: its place among the calls, its error's way to the wire."""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, Protocol, TypeAlias, TypeVar

import grpc
from impasto.errors import RETRY_KEY

from server.calls import Calls
from server.errors import ImpastoError, Overloaded

_log = logging.getLogger(__name__)
# Status details travel percent-encoded in a header, of which clients take 8 KiB.
_DETAILS_LENGTH = 512
_EARLY_SECONDS = 0.01
INTERNAL = "internal error; the server's log has the details"

Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class _Servicer(Protocol):
    """What has unary methods.

    Attributes:
        calls: the calls under way.
    """

    calls: Calls


Servicer = TypeVar("Servicer", bound=_Servicer)
Request = TypeVar("Request")
Response = TypeVar("Response")
Handler: TypeAlias = Callable[[Servicer, Request, Context], Coroutine[Any, Any, Response]]


def unary(handler: Handler[Servicer, Request, Response]) -> Handler[Servicer, Request, Response]:
    """Make a servicer's method a call: counted, measured, its errors ending the RPC by their code.

    One plain coroutine on purpose: this is on the way of every request.
    """
    method = handler.__name__

    @functools.wraps(handler)
    async def call(servicer: Servicer, request: Request, context: Context) -> Response:
        started = time.monotonic()
        code = grpc.StatusCode.OK
        try:
            servicer.calls.begin()
            # Called when gRPC has written the answer's last byte or given the call up.
            context.add_done_callback(servicer.calls.end)
            return await handler(servicer, request, context)
        except ImpastoError as error:
            code = error.code
            metadata = _retry_hint(error) if servicer.calls.reserved_metadata else ()
            await _abort(context, code, details(error), metadata)
        except asyncio.CancelledError:
            # gRPC cancels the call when its deadline passes, too; the caller's clock may be ahead.
            remaining = context.time_remaining()
            expired = remaining is not None and remaining < _EARLY_SECONDS
            code = grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED
            raise
        except Exception:
            # The caller learns nothing of our insides; the log has it all.
            _log.exception("%s failed", method)
            code = grpc.StatusCode.INTERNAL
            await _abort(context, code, INTERNAL, ())
        finally:
            servicer.calls.observe(method, code, started)

    return call


def details(error: ImpastoError) -> str:
    """The error's message, cut where a caller's own words have made it long."""
    text = str(error)
    return text if len(text) <= _DETAILS_LENGTH else f"{text[:_DETAILS_LENGTH]}..."


async def _abort(
    context: Context, code: grpc.StatusCode, text: str, metadata: tuple[tuple[str, str], ...]
) -> NoReturn:
    await context.abort(code, text, metadata)
    raise AssertionError("unreachable: abort raises")


def _retry_hint(error: ImpastoError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, Overloaded):
        return ((RETRY_KEY, str(round(error.retry_after * 1000))),)
    return ()
