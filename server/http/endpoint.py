"""What every HTTP call shares: its place among the calls, its error's way to the wire."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, TypeAlias, TypeVar

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from server.calls import STALL_SECONDS, Calls
from server.engines.base import Deadline
from server.errors import (
    Cancelled,
    DeadlineExceeded,
    ImpastoError,
    Overloaded,
    Unauthenticated,
)
from server.http.deadlines import begin_deadline
from server.http.lines import LineResponse
from server.inference.memory import Share
from server.telemetry.current import CallRecord, code_of
from server.telemetry.traces import current_trace

# So much at least must be taken at a time.
_PART_BYTES = 256 * 1024
_log = logging.getLogger(__name__)
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]
Result = TypeVar("Result")


class Endpoint:
    """An ASGI application around a handler: counted, measured, its errors answered as JSON.

    Args:
        calls: the calls under way.
        method: what the metrics call it.
        handler: makes the answer.
        route: its path, with names in the place of what varies.
    """

    def __init__(self, calls: Calls, method: str, handler: Handler, route: str) -> None:
        """Keep the parts."""
        self._route = route
        self._calls = calls
        self._method = method
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; it is under way until its answer is handed over."""
        record = self._arrived(scope)
        try:
            begun = self._calls.begin(record, Headers(scope=scope).get("authorization"))
        except ImpastoError as error:
            self._end(record, error, error.http_status)
            await _error(error)(scope, receive, send)
            return
        share = Share(self._calls.answers)
        try:
            response = await self._respond(Request(scope, receive), record, share)
            if not self._calls.accepting:
                # The caller's next request is for another server.
                response.headers["Connection"] = "close"
            if isinstance(response, LineResponse):
                # A stream has only begun.
                response.ended = partial(self._stream_ended, record, response)
            await response(scope, receive, _delivering(send))
        except (TimeoutError, ClientDisconnect):
            # Returning before the answer is complete closes the connection.
            _log.info("%s: the caller took nothing for %d s", self._method, STALL_SECONDS)
        finally:
            share.give_back()
            begun.delivered()

    async def _respond(self, request: Request, record: CallRecord, share: Share) -> Response:
        """The response, whose body `share` holds; what fails becomes one."""
        try:
            response = await _in_time(begin_deadline(request), self._handler(request))
            share.take(len(getattr(response, "body", b"")))
        except ImpastoError as error:
            # Nothing reaches a caller who has gone.
            self._end(record, error, None if isinstance(error, Cancelled) else error.http_status)
            return _error(error)
        except asyncio.CancelledError as error:
            self._end(record, error, None)
            raise
        except Exception as error:
            # The caller learns nothing of our insides; the log has it all.
            _log.exception("%s failed", self._method)
            self._end(record, error, 500)
            return json_response({"error": "internal error; the server's log has the details"}, 500)
        if not isinstance(response, LineResponse):
            self._end(record, None, response.status_code)
        return response

    def _arrived(self, scope: Scope) -> CallRecord:
        """Count a request that has come, and trace it."""
        record = self._calls.arrived(self._method)
        if self._calls.traces is not None:
            attributes = {
                "http.request.method": scope["method"],
                "http.route": self._route,
                "url.path": scope["path"],
                "url.scheme": scope["scheme"],
            }
            name = f"{scope['method']} {self._route}"
            self._calls.trace(record, name, Headers(scope=scope).items(), attributes)
        return record

    def _stream_ended(
        self, record: CallRecord, response: LineResponse, error: BaseException | None
    ) -> None:
        self._end(record, error, response.status_code if response.began else None)

    def _end(self, record: CallRecord, error: BaseException | None, status: int | None) -> None:
        """The call ended, unless well, by `error`; its answer's status is None if none was sent."""
        trace = current_trace()
        if trace is not None and status is not None:
            trace.describe({"http.response.status_code": status})
        self._calls.ended(record, code_of(error), error)


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work`, unless the caller closes the connection first; the body must have been read.

    Raises:
        Cancelled: the caller did.
    """
    task = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Cancelled("the caller went away")
        return task.result()
    finally:
        gone.cancel()
        task.cancel()


async def _in_time(deadline: Deadline, answer: Awaitable[Response]) -> Response:
    """Await an answer; what is left of the work is given up at the deadline.

    Raises:
        DeadlineExceeded: it passed.
    """
    try:
        async with asyncio.timeout(deadline.remaining) as patience:
            return await answer
    except TimeoutError as error:
        if not patience.expired():
            raise
        raise DeadlineExceeded("the time that the request gave has passed") from error


def _delivering(send: Send) -> Send:
    """A `send` that returns once the answer has left, all but what a connection always buffers.

    Only the part after the next one waits for those before it, so an empty one is sent last. A
    caller who takes none of the parts for a while loses the rest: TimeoutError.
    """

    async def patient(message: Message) -> None:
        async with asyncio.timeout(STALL_SECONDS):
            await send(message)

    async def deliver(message: Message) -> None:
        if message["type"] != "http.response.body" or not message.get("body"):
            await patient(message)
            return
        body = memoryview(message["body"])
        for first in range(0, len(body), _PART_BYTES):
            part = bytes(body[first : first + _PART_BYTES])
            await patient({"type": "http.response.body", "body": part, "more_body": True})
        if not message.get("more_body"):
            await patient({"type": "http.response.body"})

    return deliver


def json_response(document: Any, status: int = 200) -> Response:
    """`document` as JSON; not-a-number is written as Triton does, against the letter of JSON."""
    text = json.dumps(document, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _error(error: ImpastoError) -> Response:
    response = json_response({"error": str(error)}, error.http_status)
    if isinstance(error, Unauthenticated):
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Overloaded):
        response.headers["Retry-After"] = str(math.ceil(error.retry_after))
    return response
