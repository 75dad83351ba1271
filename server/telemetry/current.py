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
from server.telemetry.traces import Stage, Trace, current_trace

if TYPE_CHECKING:
    from server.engines.base import StageTiming
    from server.telemetry.stages import Stages


class CallRecord:
    """What the metrics know of one call.

    Attributes:
        method: the RPC's or REST operation's name.
        model: the model that it names or means; empty until that is known.
        arrived: when it came, in seconds of the monotonic clock.
        admitted: whether it was let in or refused already.
        stages: where its stages are recorded.

    Args:
        method: see above.
        stages: see above.
    """

    __slots__ = ("admitted", "arrived", "method", "model", "stages")

    def __init__(self, method: str, stages: Stages) -> None:
        """Begin now."""
        self.method = method
        self.model = ""
        self.admitted = False
        self.arrived = time.monotonic()
        self.stages = stages


_current: ContextVar[CallRecord | None] = ContextVar("current_call", default=None)


def begin_call(record: CallRecord) -> None:
    """Work from now on, in this task and those that it starts, for this call."""
    _current.set(record)


def current_call() -> CallRecord | None:
    """The call that is being worked on; None: none is, or nothing is measured."""
    return _current.get()


def name_model(model: str, pictures: int = 0) -> None:
    """Tell which model the current call is about, and how many pictures it asks for."""
    record = _current.get()
    if record is not None:
        record.model = model
    trace = current_trace()
    if trace is not None and pictures:
        trace.describe({"impasto.pictures": pictures})


def models_ran(timings: Sequence[StageTiming]) -> None:
    """Record what models did for the current call."""
    record = _current.get()
    if record is not None:
        record.stages.models_ran(record, timings)
        trace = current_trace()
        if trace is not None:
            _trace_models(trace, record.stages, timings)


def _trace_models(trace: Trace, stages: Stages, timings: Sequence[StageTiming]) -> None:
    for model, queue_seconds, compute_seconds, batch_size, threads, began, batch in timings:
        # Models that share a batch with the one before did not wait.
        if queue_seconds:
            trace.stage(Stage("queue", began - queue_seconds, began, model))
        # Only an engine in this process tells the batch.
        size = batch_size if threads else 0
        stage = stages.role(model)
        trace.stage(Stage(stage, began, began + compute_seconds, model, batch, size))


def queue_ended(
    model: str, began: float, error: BaseException | None = None, ended: float | None = None
) -> None:
    """Record a wait in a model's queue that no answer followed.

    Args:
        model: that was waited for.
        began: monotonic seconds, as `ended`.
        error: what ended it; None: its batch began.
        ended: None: just now.
    """
    record = _current.get()
    if record is not None:
        _observe(record, "queue", model, began, error, ended)


def model_failed(model: str, began: float, error: BaseException) -> None:
    """Record that a model's computing for the current call, since `began`, ended with an error."""
    record = _current.get()
    if record is not None:
        _observe(record, record.stages.role(model), model, began, error)


def admission_ended(error: ImpastoError | None = None) -> None:
    """Record that the current call was let in, or refused by `error`; the first time only.

    A call that asks for more places later has been let in all the same.
    """
    record = _current.get()
    if record is not None and not record.admitted:
        record.admitted = True
        _observe(record, "admission", record.model, record.arrived, error)


def _observe(
    record: CallRecord,
    stage: str,
    model: str,
    began: float,
    error: BaseException | None,
    ended: float | None = None,
) -> None:
    ended = time.monotonic() if ended is None else ended
    model, code = record.stages.known(model), code_of(error)
    record.stages.observe(stage, model, record.method, code, ended - began, exemplar())
    trace = current_trace()
    if trace is not None:
        trace.stage(Stage(stage, began, ended, model, error=name_of(error)))


def name_of(error: BaseException | None) -> str:
    """The name of an error's class; empty: there is none."""
    return "" if error is None else type(error).__name__


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
