"""What Triton's errors mean: the same gRPC code stands for several things, so its words decide."""

from __future__ import annotations

import re
from collections.abc import Callable

import grpc

from server.errors import (
    DeadlineExceeded,
    ImpastoError,
    InferenceFailed,
    InvalidArgument,
    NotFound,
    NotSupported,
    Overloaded,
    Reason,
    Unavailable,
)

# Triton gives no hint; about as long as a full queue of slow pictures takes to move.
_RETRY_AFTER_SECONDS = 1.0
_REQUEST_ID = re.compile(r"^\[request id: [^]]*\] ")


class Lost(Unavailable):
    """The endpoint did not do the work: it cannot be reached, or it is on its way out."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Reason.ENGINE_UNAVAILABLE)


class NotServed(Lost):
    """The model has no version there: it was unloaded, or the endpoint is draining."""


class Refused(InvalidArgument):
    """Triton found the request wrong; its own words say how.

    Args:
        field: the model.
        text: Triton's message.
    """

    def __init__(self, field: str, text: str) -> None:
        ImpastoError.__init__(self, f"{field}: {text}")
        self.field = field


def _overloaded(subject: str, text: str) -> ImpastoError:
    return Overloaded(f"{subject}: {text}", _RETRY_AFTER_SECONDS, Reason.QUEUE_FULL)


def _said(kind: type[ImpastoError]) -> Callable[[str, str], ImpastoError]:
    return lambda subject, text: kind(f"{subject}: {text}")


# Triton's words, core 2.51; looked for from top to bottom, before the code is looked at.
_BY_WORDS: tuple[tuple[str, Callable[[str, str], ImpastoError]], ...] = (
    ("Exceeds maximum queue size", _overloaded),
    ("Request timeout expired", _said(DeadlineExceeded)),
    ("has no available versions", _said(NotServed)),
    ("requested model", _said(NotFound)),
    ("explicit model load / unload is not allowed", _said(NotSupported)),
    ("This protocol is restricted", _said(NotSupported)),
)
_BY_CODE: dict[grpc.StatusCode, Callable[[str, str], ImpastoError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: Refused,
    grpc.StatusCode.NOT_FOUND: _said(NotFound),
    grpc.StatusCode.UNIMPLEMENTED: _said(NotSupported),
    grpc.StatusCode.DEADLINE_EXCEEDED: _said(DeadlineExceeded),
    grpc.StatusCode.UNAVAILABLE: _said(Lost),
    # Nobody here cancelled: the awaiting task would have ended with CancelledError instead.
    grpc.StatusCode.CANCELLED: _said(Lost),
}


def meaning(error: grpc.aio.AioRpcError, subject: str) -> ImpastoError:
    """The error of our tree that a failed call stands for.

    Args:
        error: what the call raised.
        subject: what the call was about, for the message.
    """
    text = words(error)
    for known, make in _BY_WORDS:
        if known in text:
            return make(subject, text)
    make = _BY_CODE.get(error.code(), _said(InferenceFailed))
    return make(subject, text)


def words(error: grpc.aio.AioRpcError) -> str:
    """Triton's message without the request's id, or the code's name where there is none."""
    return _REQUEST_ID.sub("", error.details() or "") or error.code().name
