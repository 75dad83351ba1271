"""The call that is being worked on, known to whatever works on it without being handed around.

It travels in a context variable, which tasks inherit and threads do not. Work for no call, such as
a first picture at the start, is not measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextvars import ContextVar
from typing import TYPE_CHECKING

import grpc

from server.errors import ImpastoError, Reason
from server.telemetry.exemplars import exemplar

if TYPE_CHECKING:
    from server.engines.base import StageTiming
    from server.telemetry.stages import Stages


class CallRecord:
    """What the metrics know of one call.

    Attributes:
        method: the RPC's or REST operation's name.
        model: the model that it names or means; empty until that is known.
        arrived: when it came, in seconds of the monotonic clock.
        stages: where its stages are recorded.

    Args:
        method: see above.
        stages: see above.
    """

    __slots__ = ("arrived", "method", "model", "stages")

    def __init__(self, method: str, stages: Stages) -> None:
        """Begin now."""
        self.method = method
        self.model = ""
        self.arrived = time.monotonic()
        self.stages = stages


_current: ContextVar[CallRecord | None] = ContextVar("current_call", default=None)


def begin_call(record: CallRecord) -> None:
    """Work from now on, in this task and those that it starts, for this call."""
    _current.set(record)


def current_call() -> CallRecord | None:
    """The call that is being worked on; None: none is, or nothing is measured."""
    return _current.get()


def name_model(model: str) -> None:
    """Tell the metrics which model the current call is about."""
    record = _current.get()
    if record is not None:
        record.model = model


def models_ran(timings: Sequence[StageTiming]) -> None:
    """Record what models did for the current call."""
    record = _current.get()
    if record is not None:
        record.stages.models_ran(record, timings)


def queue_ended(model: str, seconds: float, error: BaseException | None = None) -> None:
    """Record a wait in a model's queue that no answer followed."""
    record = _current.get()
    if record is not None:
        _observe(record, "queue", model, seconds, error)


def model_failed(model: str, seconds: float, error: BaseException) -> None:
    """Record that a model's computing for the current call ended with an error."""
    record = _current.get()
    if record is not None:
        _observe(record, record.stages.role(model), model, seconds, error)


def admission_ended(error: ImpastoError | None = None) -> None:
    """Record that the current call was let in, or refused by `error`."""
    record = _current.get()
    if record is not None:
        seconds = time.monotonic() - record.arrived
        _observe(record, "admission", record.model, seconds, error)


def _observe(
    record: CallRecord, stage: str, model: str, seconds: float, error: BaseException | None
) -> None:
    model, code = record.stages.known(model), code_of(error)
    record.stages.observe(stage, model, record.method, code, seconds, exemplar())


def code_of(error: BaseException | None) -> grpc.StatusCode:
    """The code with which something ends that `error` ended; None: nothing did."""
    if error is None:
        return grpc.StatusCode.OK
    if isinstance(error, ImpastoError):
        return error.code
    if isinstance(error, asyncio.CancelledError):
        return grpc.StatusCode.CANCELLED
    return grpc.StatusCode.INTERNAL


def reason_of(error: BaseException | None, code: grpc.StatusCode) -> Reason | None:
    """Why a call did not end well, which `error` ended with `code`; None: nothing did."""
    if error is None:
        return None
    if isinstance(error, ImpastoError):
        return error.reason
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return Reason.DEADLINE
    return Reason.CANCELLED if code == grpc.StatusCode.CANCELLED else Reason.INTERNAL
