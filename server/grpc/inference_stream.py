"""One `ModelStreamInfer` call: many requests, answered in their order; errors do not end it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from tritonclient.grpc import service_pb2 as pb

from server.calls import Call, Calls
from server.engines.base import Deadline
from server.errors import ImpastoError
from server.grpc.calls import (
    INTERNAL,
    Context,
    arrived,
    authorization,
    code_of_call,
    details,
    ended,
)
from server.inference.memory import Share
from server.inference.messages import decode, encode
from server.inference.service import InferenceService
from server.telemetry.current import CallRecord, name_model

_log = logging.getLogger(__name__)
_SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_METHOD = "ModelStreamInfer"
# The stream is not read on while so many of its requests wait for their answers.
_MAX_OUTSTANDING = 64


@dataclass(frozen=True, slots=True)
class _Outstanding:
    """One request: the id by which its caller knows it, its answer, its place among the calls."""

    id: str
    answer: asyncio.Future[pb.ModelStreamInferResponse]
    call: Call | None


class InferenceStream:
    """Requests run side by side; their answers leave in the order of the requests, as Triton's do.

    Only the requests are work that a drain waits for; a stream without any may be cut.

    Args:
        core: what answers.
        calls: the calls under way.
        requests: what the caller sends.
        context: the call.
    """

    def __init__(
        self,
        core: InferenceService,
        calls: Calls,
        requests: AsyncIterator[pb.ModelInferRequest],
        context: Context,
    ) -> None:
        """Keep the parts."""
        self._core = core
        self._calls = calls
        self._requests = requests
        self._context = context
        self._slots = asyncio.Semaphore(_MAX_OUTSTANDING)
        self._queue: asyncio.Queue[_Outstanding | None] = asyncio.Queue()
        self._outstanding: set[_Outstanding] = set()

    async def run(self) -> None:
        """Answer until the caller has no more requests."""
        reader = asyncio.create_task(self._read())
        try:
            while (item := await self._queue.get()) is not None:
                await self._context.write(await _response(item))
                self._forget(item)
                self._slots.release()
            await reader
        finally:
            reader.cancel()
            for item in list(self._outstanding):
                item.answer.cancel()
                self._forget(item)

    async def _read(self) -> None:
        try:
            await self._slots.acquire()
            async for request in self._requests:
                self._start(request)
                await self._slots.acquire()
        finally:
            self._queue.put_nowait(None)

    def _start(self, request: pb.ModelInferRequest) -> None:
        # The task of its answer inherits it, and so does what is called at the task's end.
        record = arrived(self._calls, _SERVICE, _METHOD, self._context)
        try:
            call = self._calls.begin(record, authorization(self._context))
        except ImpastoError as error:
            ended(self._calls, record, error.code, error)
            item = _Outstanding(request.id, _refused(request.id, error), None)
        else:
            deadline = Deadline.after(self._context.time_remaining())
            answer = asyncio.create_task(self._infer(request, deadline))
            # Not the task itself: one that is cancelled before its first step runs none of its own.
            answer.add_done_callback(partial(self._ended, record, call))
            item = _Outstanding(request.id, answer, call)
        self._outstanding.add(item)
        self._queue.put_nowait(item)

    def _forget(self, item: _Outstanding) -> None:
        self._outstanding.discard(item)
        if item.call is not None:
            item.call.delivered()

    def _ended(
        self, record: CallRecord, call: Call, answer: asyncio.Future[pb.ModelStreamInferResponse]
    ) -> None:
        error = asyncio.CancelledError() if answer.cancelled() else answer.exception()
        if isinstance(error, Exception) and not isinstance(error, ImpastoError):
            _log.error("%s failed", _METHOD, exc_info=error)
        call.answered()
        ended(self._calls, record, code_of_call(error, self._context), error)

    async def _infer(
        self, request: pb.ModelInferRequest, deadline: Deadline
    ) -> pb.ModelStreamInferResponse:
        name_model(request.model_name)
        share = Share(self._core.memory)
        try:
            inference = decode(request, deadline, self._core.regions, share)
            response = encode(inference, await self._core.engine.infer(inference.request))
        finally:
            share.give_back()
        # Every model gives one answer, so that is its last, too.
        response.parameters["triton_final_response"].bool_param = True
        return pb.ModelStreamInferResponse(infer_response=response)


async def _response(item: _Outstanding) -> pb.ModelStreamInferResponse:
    """The answer, or what the caller is told instead of it."""
    try:
        return await item.answer
    except ImpastoError as error:
        return _error(item.id, details(error))
    except Exception:
        return _error(item.id, INTERNAL)


def _refused(request_id: str, error: ImpastoError) -> asyncio.Future[pb.ModelStreamInferResponse]:
    answer = asyncio.get_running_loop().create_future()
    answer.set_result(_error(request_id, details(error)))
    return answer


def _error(request_id: str, message: str) -> pb.ModelStreamInferResponse:
    """An error with the id by which the caller knows the request."""
    return pb.ModelStreamInferResponse(
        error_message=message, infer_response=pb.ModelInferResponse(id=request_id)
    )
