"""HTTP/1.1 with little work for each call: a parser in C, and no more than a load tester needs."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import httptools

# Servers close connections that were idle for long.
_IDLE_SECONDS = 0.1
# Of the event loop, until it has read what came.
_READING_TURNS = 3


class HttpAnswer(NamedTuple):
    """What came.

    Attributes:
        status: of HTTP.
        wait: seconds that Retry-After says; 0 without it.
        body: as it came.
    """

    status: int
    wait: float
    body: bytes


@dataclass(frozen=True)
class Place:
    """Where a server listens.

    Attributes:
        host: its name or address.
        port: of it.
        tls: None: plain text.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None


class HttpConnection(asyncio.Protocol):
    """A connection for one call at a time.

    Attributes:
        is_usable: whether another call may follow.
        idle_since: when its last call ended, on the monotonic clock.
    """

    def __init__(self) -> None:
        self.is_usable = True
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[HttpAnswer] | None = None
        self._wait = 0.0
        self._parts: list[bytes] = []
        self._is_answering = False

    async def call(self, request: bytes) -> HttpAnswer:
        """Send a whole request and wait for the whole answer.

        Raises:
            ConnectionError: it was lost before or in the middle of the answer, or that is no HTTP.
        """
        if self._transport is None or not self.is_usable:
            raise ConnectionError("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._wait, self._parts, self._is_answering = 0.0, [], False
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            if not self._answer.done() or self._answer.cancelled():
                # Nobody waits for what is still to come.
                self.close()

    def close(self) -> None:
        """Disconnect."""
        self.is_usable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """By the event loop."""
        # uvloop's own are of no class of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """By the event loop."""
        self._is_answering = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"the answer is no HTTP: {error}"))
            self.close()

    def eof_received(self) -> None:
        """By the event loop."""
        self.is_usable = False

    def connection_lost(self, exc: Exception | None) -> None:
        """By the event loop."""
        self.is_usable = False
        if self._is_answering:
            self._fail(ConnectionError("the connection was lost in the middle of the answer"))
        else:
            self._fail(ConnectionError("the connection was lost before an answer"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """By the parser."""
        if name.lower() == b"retry-after" and value.isdigit():
            self._wait = float(value)

    def on_body(self, body: bytes) -> None:
        """By the parser."""
        self._parts.append(body)

    def on_message_complete(self) -> None:
        """By the parser."""
        self.is_usable = self.is_usable and self._parser.should_keep_alive()
        if self._answer is not None and not self._answer.done():
            status = self._parser.get_status_code()
            self._answer.set_result(HttpAnswer(status, self._wait, b"".join(self._parts)))

    def _fail(self, error: Exception) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


@dataclass
class HttpPool:
    """As many connections as there are calls at a time, each kept for the next.

    Attributes:
        place: where they go.
    """

    place: Place
    _idle: list[HttpConnection] = field(default_factory=list)

    async def call(self, request: bytes) -> HttpAnswer:
        """One call.

        Raises:
            OSError: nobody listens, or the connection was lost.
        """
        connection = await self._connection()
        answer = await connection.call(request)
        if connection.is_usable:
            connection.idle_since = time.monotonic()
            self._idle.append(connection)
        else:
            connection.close()
        return answer

    def close(self) -> None:
        """Disconnect."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    async def _connection(self) -> HttpConnection:
        """One that the server has not closed so far: no call is sent twice."""
        while self._idle:
            connection = self._idle.pop()
            if time.monotonic() - connection.idle_since > _IDLE_SECONDS:
                # That it was closed may have come and not been read yet.
                for _ in range(_READING_TURNS):
                    await asyncio.sleep(0)
            if connection.is_usable:
                return connection
        return await self._connected()

    async def _connected(self) -> HttpConnection:
        place = self.place
        _, connection = await asyncio.get_running_loop().create_connection(
            HttpConnection, place.host, place.port, ssl=place.tls
        )
        return connection
