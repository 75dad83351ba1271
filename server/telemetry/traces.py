"""Traces of calls, as the rest of the gateway knows them; nothing here needs OpenTelemetry.

The trace of a call is a context variable: tasks that a call starts have it, and so do the tasks
that happen to be started by a call and then work for others. So only whoever waits for a stage in
its caller's place may record it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, Protocol

import grpc

Attributes = Mapping[str, str | int | float | bool]
# Of a gRPC call or of an HTTP request, keys in small letters.
Headers = Iterable[tuple[str, str | bytes]]


class Stage(NamedTuple):
    """One stage of a call, when it is over.

    Attributes:
        name: as in the metrics: `queue`, `generator`, `encode`, ...
        began: monotonic seconds.
        ended: monotonic seconds.
        model: that worked, or was waited for; empty: none.
        batch: which batch of this process the model computed; 0: unknown, or none.
        batch_size: its rows, those of other calls included.
        error: what ended it, by the name of its class; empty: nothing did.
    """

    name: str
    began: float
    ended: float
    model: str = ""
    batch: int = 0
    batch_size: int = 0
    error: str = ""


class Trace(Protocol):
    """What a traced call tells of itself.

    Attributes:
        id: its 32 hexadecimal digits.
        headers: what a server that works for the call is sent, so that it joins the trace.
    """

    @property
    def id(self) -> str:
        """See above."""

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """See above."""

    def describe(self, attributes: Attributes) -> None:
        """Say more of the call."""

    def stage(self, stage: Stage) -> None:
        """Record a stage."""

    def end(self, code: grpc.StatusCode, error: BaseException | None, reason: str | None) -> None:
        """The call has ended with `code` and, unless it ended well, by `error`, for `reason`."""


class Traces(Protocol):
    """Where traces begin and end up."""

    def begin(
        self, name: str, began: float, headers: Headers, attributes: Attributes
    ) -> Trace | None:
        """Begin a call's trace, or go on with that of its caller; None: it is not to be traced.

        Args:
            name: of the call.
            began: monotonic seconds.
            headers: what its caller sent, W3C trace context among it; what is invalid is ignored.
            attributes: that say what was called.
        """

    async def close(self) -> None:
        """Send what is left, but do not wait for long."""


_current: ContextVar[Trace | None] = ContextVar("impasto_trace", default=None)


def enter(trace: Trace | None) -> None:
    """Make a trace the one of this task, and of those that it starts from now on; None: none."""
    _current.set(trace)


def current_trace() -> Trace | None:
    """The trace of the call that this task works for; None: it is not traced."""
    return _current.get()


def sampled_trace_id() -> str | None:
    """Its 32 hexadecimal digits."""
    trace = _current.get()
    return None if trace is None else trace.id


def trace_headers() -> tuple[tuple[str, str], ...] | None:
    """What a server that works for this task's call is sent; None: the call is not traced.

    Triton traces whatever comes with a trace context, even if that says not to.
    """
    trace = _current.get()
    return None if trace is None else trace.headers


@contextmanager
def traced(stage: str) -> Iterator[None]:
    """Record the block as a stage."""
    trace = _current.get()
    if trace is None:
        yield
        return
    began, error = time.monotonic(), ""
    try:
        yield
    except BaseException as failure:
        error = type(failure).__name__
        raise
    finally:
        trace.stage(Stage(stage, began, time.monotonic(), error=error))
