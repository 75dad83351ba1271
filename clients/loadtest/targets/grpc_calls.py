"""Calls of one gRPC method with messages that are serialised beforehand."""

from __future__ import annotations

import time
from itertools import cycle
from typing import Any

import grpc
from impasto.connection import CHANNEL_OPTIONS
from impasto.errors import RETRY_KEY

from loadtest.codes import OK
from loadtest.targets.base import Answer, Connection

# No call is repeated behind the tester's back, and each connection is one of its own.
# gRPC itself would not look for minutes whether a server that was lost is there again.
_OPTIONS = (
    *CHANNEL_OPTIONS,
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class GrpcCalls:
    """Connections to a server, and one method of it.

    Bytes go out and come in as they are: a message that is the same for all calls is serialised
    once, and an answer whose pictures nobody looks at is not parsed.

    Args:
        connection: how to reach it.
        method: its full name, such as "/impasto.v1.ImageService/Generate".

    Raises:
        OSError: a file of the credentials cannot be read.
    """

    def __init__(self, connection: Connection, method: str) -> None:
        secure = connection.credentials.channel()
        self.channels = [
            grpc.aio.insecure_channel(connection.address, _OPTIONS)
            if secure is None
            else grpc.aio.secure_channel(connection.address, secure, _OPTIONS)
            for _ in range(connection.connections)
        ]
        self.options: dict[str, Any] = connection.credentials.call_options(connection.timeout)
        self._timeout = connection.timeout
        self._methods = cycle([channel.unary_unary(method) for channel in self.channels])

    async def close(self) -> None:
        """Disconnect."""
        for channel in self.channels:
            await channel.close()

    async def call(self, message: bytes, pictures: int) -> Answer:
        """Make one call; `pictures` are what a good answer brings."""
        begun = time.monotonic()
        try:
            await next(self._methods)(message, **self.options)
        except grpc.aio.AioRpcError as error:
            answer = _failed(error)
            is_over = time.monotonic() - begun >= self._timeout
            # A server that sees the deadline first says so in another way.
            if is_over and answer.code == "CANCELLED":
                return answer._replace(code="DEADLINE_EXCEEDED")
            return answer
        return Answer(OK, pictures)


def _failed(error: grpc.aio.AioRpcError) -> Answer:
    hints = [value for key, value in error.trailing_metadata() or () if key == RETRY_KEY]
    wait = int(hints[0]) / 1000 if hints else 0.0
    return Answer(error.code().name, 0, wait, error.details() or "no details")
