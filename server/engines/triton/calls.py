"""One call to Triton: bounded in time, repeated where an endpoint was lost, errors translated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from tritonclient.grpc import service_pb2
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from server.engines.base import Deadline
from server.engines.triton.errors import Lost, NotServed, meaning
from server.errors import DeadlineExceeded, NotFound, Reason, Unavailable
from server.telemetry.traces import trace_headers

Answer = TypeVar("Answer")
Method = Callable[..., Awaitable[Answer]]

_log = logging.getLogger(__name__)
# Together under 2 s. Two endpoints take turns, so a draining one is met at every other attempt.
_BACKOFF_SECONDS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
_PROBE_SECONDS = 2.0
_UNSERVED_ATTEMPTS = 3


class Calls:
    """Calls over one channel, which join the trace of whom they are made for.

    Everything that is called repeats without harm, so a call that an endpoint lost is made again
    where there may be another one. gRPC's own retry policy would do that by code alone and so would
    also repeat what Triton refused because of a full queue or an expired queue timeout.

    Attributes:
        stub: Triton's methods.

    Args:
        channel: connects, and takes turns between endpoints.
        urls: for messages.
        several: whether there may be another endpoint to turn to.
    """

    def __init__(self, channel: grpc.aio.Channel, urls: str, several: bool) -> None:
        self.stub = GRPCInferenceServiceStub(channel)
        self._urls = urls
        self._backoff = _BACKOFF_SECONDS if several else ()

    async def __call__(
        self, method: Method[Answer], message: Message, subject: str, deadline: Deadline
    ) -> Answer:
        """The answer of `method` to `message`.

        Raises:
            ImpastoError: what the failure means.
        """
        unserved = 0
        for pause in self._backoff:
            try:
                return await self._once(method, message, subject, deadline)
            except Lost as error:
                _log.debug("again: %s", error)
                unserved += isinstance(error, NotServed)
            if unserved == _UNSERVED_ATTEMPTS:
                # More likely unloaded everywhere than all endpoints exiting.
                break
            if deadline.remaining is not None and deadline.remaining < pause:
                raise DeadlineExceeded(f"{subject}: the deadline passed while Triton was away")
            await asyncio.sleep(pause)
        return await self.once(method, message, subject, deadline)

    async def once(
        self, method: Method[Answer], message: Message, subject: str, deadline: Deadline
    ) -> Answer:
        """The answer of `method` to `message`, or what its failure means, at the first attempt.

        Raises:
            ImpastoError: what the failure means.
        """
        try:
            return await self._once(method, message, subject, deadline)
        except NotServed as error:
            if await self._is_live():
                raise NotFound(str(error)) from error
            exiting = f"{subject}: Triton at {self._urls} is exiting"
            raise Unavailable(exiting, Reason.ENGINE_UNAVAILABLE) from error
        except Lost as error:
            away = f"Triton at {self._urls}: {error}"
            raise Unavailable(away, Reason.ENGINE_UNAVAILABLE) from error

    async def _once(
        self, method: Method[Answer], message: Message, subject: str, deadline: Deadline
    ) -> Answer:
        try:
            return await method(message, timeout=deadline.remaining, metadata=trace_headers())
        except grpc.aio.AioRpcError as error:
            raise meaning(error, subject) from error

    async def _is_live(self) -> bool:
        """Whether Triton means to stay; a draining one says that it is exiting."""
        try:
            request = service_pb2.ServerLiveRequest()
            return bool((await self.stub.ServerLive(request, timeout=_PROBE_SECONDS)).live)
        except grpc.aio.AioRpcError:
            return False
