"""What every gRPC call shares: its place among the calls, its error's way to the wire."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

import grpc
from impasto.errors import RETRY_KEY

from server.calls import STALL_SECONDS, Calls
from server.errors import DeadlineExceeded, ImpastoError, Overloaded
from server.telemetry.current import CallRecord, code_of
from server.telemetry.traces import current_trace

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
        service: its full name.
    """

    calls: Calls
    service: ClassVar[str]


Servicer = TypeVar("Servicer", bound=_Servicer)
Request = TypeVar("Request")
Response = TypeVar("Response")
Handler: TypeAlias = Callable[[Servicer, Request, Context], Coroutine[Any, Any, Response]]
StreamHandler: TypeAlias = Callable[[Servicer, Request, Context], AsyncGenerator[Response, None]]


def unary(handler: Handler[Servicer, Request, Response]) -> Handler[Servicer, Request, Response]:
    """Make a servicer's method a call: counted, measured, its errors ending the RPC by their code.

    One plain coroutine on purpose: this is on the way of every request.
    """
    method = handler.__name__

    @functools.wraps(handler)
    async def call(servicer: Servicer, request: Request, context: Context) -> Response:
        record = arrived(servicer.calls, servicer.service, method, context)
        code = grpc.StatusCode.OK
        ending: BaseException | None = None
        try:
            begun = servicer.calls.begin(record, authorization(context))
            # Called when gRPC has written the answer's last byte or given the call up.
            context.add_done_callback(begun.delivered)
            try:
                return await handler(servicer, request, context)
            finally:
                begun.answered()
        except BaseException as error:
            code, ending = code_of_call(error, context), error
            await _end(servicer, method, error, context)
            raise
        finally:
            ended(servicer.calls, record, code, ending)

    return call


def streaming(
    handler: StreamHandler[Servicer, Request, Response],
) -> Handler[Servicer, Request, None]:
    """The same for a method that answers with a stream.

    A caller who takes nothing for a while loses the stream: it holds places that others wait for.
    """

    @functools.wraps(handler)
    async def write_all(servicer: Servicer, request: Request, context: Context) -> None:
        async with aclosing(handler(servicer, request, context)) as answers:
            async for answer in answers:
                await until_taken(context.write(answer))

    return unary(write_all)


def arrived(calls: Calls, service: str, method: str, context: Context) -> CallRecord:
    """Count a call that has come, and trace it; `ended` must follow."""
    record = calls.arrived(method)
    if calls.traces is not None:
        name = f"{service}/{method}"
        attributes = {"rpc.system.name": "grpc", "rpc.method": name}
        calls.trace(record, name, context.invocation_metadata() or (), attributes)
    return record


def ended(
    calls: Calls, record: CallRecord, code: grpc.StatusCode, error: BaseException | None
) -> None:
    """Record how a call ended; see `Calls.ended`."""
    trace = current_trace()
    if trace is not None:
        trace.describe({"rpc.response.status_code": code.name})
    calls.ended(record, code, error)


def authorization(context: Context) -> str | None:
    """What the caller sent under that key."""
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            return value if isinstance(value, str) else None
    return None


async def until_taken(sending: Awaitable[object]) -> None:
    """Wait until a caller has taken a part of a stream.

    Raises:
        DeadlineExceeded: it takes too long.
        CancelledError: the caller has gone.
    """
    try:
        async with asyncio.timeout(STALL_SECONDS):
            await sending
    except grpc.aio.BaseError as error:
        # A write that waits is told so a moment before its task is cancelled.
        raise asyncio.CancelledError from error
    except TimeoutError as error:
        raise DeadlineExceeded(f"the caller took nothing for {STALL_SECONDS} s") from error


def code_of_call(error: BaseException | None, context: Context) -> grpc.StatusCode:
    """The code with which a call ends that `error` ended; None: nothing did."""
    if isinstance(error, asyncio.CancelledError):
        # gRPC cancels the call when its deadline passes, too; the caller's clock may be ahead.
        remaining = context.time_remaining()
        expired = remaining is not None and remaining < _EARLY_SECONDS
        return grpc.StatusCode.DEADLINE_EXCEEDED if expired else grpc.StatusCode.CANCELLED
    return code_of(error)


async def _end(servicer: _Servicer, method: str, error: BaseException, context: Context) -> None:
    """End the RPC by the error's code; return where the caller has left already."""
    if isinstance(error, ImpastoError):
        metadata = _retry_hint(error) if servicer.calls.reserved_metadata else ()
        await context.abort(error.code, details(error), metadata)
    if isinstance(error, Exception):
        # The caller learns nothing of our insides; the log has it all.
        _log.error("%s failed", method, exc_info=error)
        await context.abort(grpc.StatusCode.INTERNAL, INTERNAL, ())


def details(error: ImpastoError) -> str:
    """The error's message, cut where a caller's own words have made it long."""
    text = str(error)
    return text if len(text) <= _DETAILS_LENGTH else f"{text[:_DETAILS_LENGTH]}..."


def _retry_hint(error: ImpastoError) -> tuple[tuple[str, str], ...]:
    if isinstance(error, Overloaded):
        return ((RETRY_KEY, str(round(error.retry_after * 1000))),)
    return ()
