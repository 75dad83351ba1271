"""The calls under way, over all transports: their place in the drain and in the metrics."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

import grpc

from server.access.access import Access
from server.access.limits import Limits
from server.errors import Reason, Unavailable
from server.inference.memory import Memory
from server.telemetry.current import CallRecord, begin_call, reason_of
from server.telemetry.metrics import Metrics
from server.telemetry.traces import Attributes, Headers, Traces, current_trace, enter

# A stream of which nothing is taken for so long ends.
STALL_SECONDS = 30
# Connections stay open until nobody has called or was answered for so long, so that the last
# answers are read, and whoever calls again then is told to ask another server. But who does not
# listen is not waited for.
_QUIET_SECONDS = 0.5
_MOST_QUIET_SECONDS = 5.0
_LOADING = "the server is loading its models; try again soon", Reason.LOADING
_DRAINING = "the server is draining; ask another one", Reason.DRAINING


class Call:
    """One call under way.

    Args:
        limits: what it counts towards; None: nothing.
        delivered: is called once its answer has left.
    """

    __slots__ = ("_delivered", "_limits")

    def __init__(self, limits: Limits | None, delivered: Callable[[], None]) -> None:
        """Keep the parts."""
        self._limits = limits
        self._delivered = delivered

    def answered(self) -> None:
        """The handler has ended; what it has sent may wait for its caller for ever."""
        if self._limits is not None:
            self._limits.leave()
            self._limits = None

    def delivered(self, _: object = None) -> None:
        """The answer has left or was given up, which is later than the end of the handler."""
        self.answered()
        self._delivered()


class Calls:
    """The calls that are work, as opposed to a health watch that never ends.

    Attributes:
        reserved_metadata: whether the gRPC transport sends metadata under gRPC's own keys.
        traces: where calls are traced; None: nowhere.
        answers: what HTTP answers hold until they have left.

    Args:
        metrics: where they are counted.
        access: who may make which.
        reserved_metadata: see above.
        traces: see above.
    """

    def __init__(
        self,
        metrics: Metrics,
        access: Access,
        reserved_metadata: bool = True,
        traces: Traces | None = None,
    ) -> None:
        """Refuse calls until `open`."""
        self._access = access
        self.reserved_metadata = reserved_metadata
        self.traces = traces
        self.answers = Memory()
        self._metrics = metrics.calls
        self._refusal: tuple[str, Reason] | None = _LOADING
        self._under_way = 0
        self._latest = 0.0
        self._delivered = asyncio.Event()
        self._delivered.set()

    @property
    def accepting(self) -> bool:
        """Whether `begin` lets calls in."""
        return self._refusal is None

    def open(self) -> None:
        """Accept calls from now on."""
        self._refusal = None

    def arrived(self, method: str) -> CallRecord:
        """Count a call that has come; `begin` and `ended` must follow."""
        return self._metrics.arrived(method)

    def begin(self, record: CallRecord, authorization: str | None) -> Call:
        """Let a call in; its `delivered` must follow once its answer is sent or given up.

        Args:
            record: the call.
            authorization: the header of that name.

        Raises:
            Unavailable: calls are not accepted.
            Unauthenticated, Forbidden: its caller may not make it.
            Overloaded: its caller makes too many.
        """
        self._latest = time.monotonic()
        if self._refusal is not None:
            raise Unavailable(*self._refusal)
        limits = self._access.check(record.method, authorization)
        if limits is not None:
            limits.enter()
        self._under_way += 1
        self._metrics.under_way.set(self._under_way)
        self._delivered.clear()
        return Call(limits, self._end)

    def _end(self) -> None:
        self._latest = time.monotonic()
        self._under_way -= 1
        self._metrics.under_way.set(self._under_way)
        if not self._under_way:
            self._delivered.set()

    def trace(
        self, record: CallRecord, name: str, headers: Headers, attributes: Attributes
    ) -> None:
        """Trace a call that has come, unless traces are off; see `Traces.begin`."""
        if self.traces is None:
            return
        begin_call(record)
        enter(self.traces.begin(name, record.arrived, headers, attributes))

    def ended(self, record: CallRecord, code: grpc.StatusCode, error: BaseException | None) -> None:
        """Record that a call ended with `code` and, unless it ended well, by `error`."""
        reason = reason_of(error, code)
        self._metrics.ended(record, code, reason)
        trace = current_trace()
        if trace is not None:
            trace.describe({"impasto.method": record.method, "impasto.model": record.model})
            trace.end(code, error, reason)

    def close(self) -> None:
        """Refuse new calls from now on."""
        self._refusal = _DRAINING

    async def delivered(self) -> None:
        """Wait until no call is under way and all answers are sent."""
        await self._delivered.wait()

    async def quiet(self) -> None:
        """Wait until nobody has called or was answered for a moment, but not for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_MOST_QUIET_SECONDS):
                while (left := self._latest + _QUIET_SECONDS - time.monotonic()) > 0:
                    await asyncio.sleep(left)
