"""The one exception tree; what the caller sees of an error stands on its class.

A message names the thing, what was expected, what came and what to do.
"""

from __future__ import annotations

import math
from enum import StrEnum

import grpc

_GOT_LENGTH = 100


class Reason(StrEnum):
    """Why a call did not end well, as the metrics count it; docs/metrics.md explains each."""

    FULL = "full"
    BACKLOG = "backlog"
    TOO_LARGE = "too_large"
    RATE_LIMIT = "rate_limit"
    CONCURRENCY_LIMIT = "concurrency_limit"
    QUEUE_FULL = "queue_full"
    MEMORY = "memory"
    REGIONS = "regions"
    STORE_BUSY = "store_busy"
    STORE_UNAVAILABLE = "store_unavailable"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    INVALID = "invalid"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    NOT_SUPPORTED = "not_supported"
    LOADING = "loading"
    DRAINING = "draining"
    UNLOADING = "unloading"
    ENGINE_UNAVAILABLE = "engine_unavailable"
    MODEL_BROKEN = "model_broken"
    INFERENCE_FAILED = "inference_failed"
    DATA_LOSS = "data_loss"
    INTERNAL = "internal"


# What is refused because there is too much of it.
SHED = frozenset(
    {
        Reason.FULL,
        Reason.BACKLOG,
        Reason.TOO_LARGE,
        Reason.RATE_LIMIT,
        Reason.CONCURRENCY_LIMIT,
        Reason.QUEUE_FULL,
        Reason.MEMORY,
    }
)


class ImpastoError(Exception):
    """Base of everything that the gateway raises on purpose."""

    code: grpc.StatusCode = grpc.StatusCode.INTERNAL
    reason = Reason.INTERNAL
    http_status = 500


class InvalidArgument(ImpastoError):
    """A request field is out of bounds.

    Args:
        field: the field's name in the request.
        expected: what would have been right.
        got: what came.
    """

    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = Reason.INVALID
    http_status = 400

    def __init__(self, field: str, expected: str, got: object) -> None:
        super().__init__(f"{field}: expected {expected}, got {_shortened(str(got))}")
        self.field = field


def _shortened(text: str) -> str:
    """What came, cut: a status message travels in a header of bounded size."""
    if len(text) <= _GOT_LENGTH:
        return text
    return f"{text[:_GOT_LENGTH]}... ({len(text)} characters)"


class NotFound(ImpastoError):
    """There is no model, version, shared memory region or stored picture of that name."""

    code = grpc.StatusCode.NOT_FOUND
    reason = Reason.NOT_FOUND
    http_status = 404


class AlreadyExists(ImpastoError):
    """The name is taken."""

    code = grpc.StatusCode.ALREADY_EXISTS
    reason = Reason.ALREADY_EXISTS
    http_status = 409


class Unauthenticated(ImpastoError):
    """The call brings no API key or token, or none that is known."""

    code = grpc.StatusCode.UNAUTHENTICATED
    reason = Reason.UNAUTHENTICATED
    http_status = 401


class Forbidden(ImpastoError):
    """The call's API key or token is not good for it."""

    code = grpc.StatusCode.PERMISSION_DENIED
    reason = Reason.FORBIDDEN
    http_status = 403


class NotSupported(ImpastoError):
    """The server does not do this, or was started with it switched off."""

    code = grpc.StatusCode.UNIMPLEMENTED
    reason = Reason.NOT_SUPPORTED
    http_status = 501


class Overloaded(ImpastoError):
    """The request was shed: the server is full, or its caller asks for too much.

    Args:
        message: what is full.
        retry_after: seconds after which a retry has a chance.
        reason: which bound it is.
    """

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 429

    def __init__(self, message: str, retry_after: float, reason: Reason) -> None:
        super().__init__(f"{message}; retry after {math.ceil(10 * retry_after) / 10:.1f} s")
        self.retry_after = retry_after
        self.reason = reason


class DeadlineExceeded(ImpastoError):
    """The caller's deadline passed before the work was done."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    reason = Reason.DEADLINE
    http_status = 504


class Unavailable(ImpastoError):
    """The server or a model is coming or going, or the engine or the store cannot be reached.

    Args:
        message: what is away.
        reason: what the metrics count it as.
    """

    code = grpc.StatusCode.UNAVAILABLE
    http_status = 503

    def __init__(self, message: str, reason: Reason) -> None:
        super().__init__(message)
        self.reason = reason


class TooLarge(ImpastoError):
    """A request is larger than the server takes; gRPC itself says the same with the same code."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 413
    reason = Reason.TOO_LARGE


class Cancelled(ImpastoError):
    """The caller went away; nobody reads this, but it is counted."""

    code = grpc.StatusCode.CANCELLED
    reason = Reason.CANCELLED
    http_status = 499


class DataLoss(ImpastoError):
    """What was stored is gone or damaged."""

    code = grpc.StatusCode.DATA_LOSS
    reason = Reason.DATA_LOSS
    http_status = 500


class InferenceFailed(ImpastoError):
    """The runtime failed on a request that had passed every check."""

    reason = Reason.INFERENCE_FAILED


class StartupError(ImpastoError):
    """The server cannot start as configured; nothing was served."""


class ModelLoadError(StartupError):
    """A model repository entry is broken.

    Args:
        place: the file, with line and column where they are known.
        fault: what is wrong and what was expected.
    """

    reason = Reason.MODEL_BROKEN

    def __init__(self, place: object, fault: str) -> None:
        super().__init__(f"{place}: {fault}")
