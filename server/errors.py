"""The one exception tree; what the caller sees of an error stands on its class.

A message names the thing, what was expected, what came and what to do.
"""

from __future__ import annotations

import grpc

_GOT_LENGTH = 100


class ImpastoError(Exception):
    """Base of everything that the gateway raises on purpose."""

    code: grpc.StatusCode = grpc.StatusCode.INTERNAL


class InvalidArgument(ImpastoError):
    """A request field is out of bounds.

    Args:
        field: the field's name in the request.
        expected: what would have been right.
        got: what came.
    """

    code = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, field: str, expected: str, got: object) -> None:
        super().__init__(f"{field}: expected {expected}, got {_shortened(str(got))}")
        self.field = field


def _shortened(text: str) -> str:
    """What came, cut: a status message travels in a header of bounded size."""
    if len(text) <= _GOT_LENGTH:
        return text
    return f"{text[:_GOT_LENGTH]}... ({len(text)} characters)"


class Overloaded(ImpastoError):
    """The request was shed: the server is full.

    Args:
        message: what is full.
        retry_after: seconds after which a retry has a chance.
    """

    code = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(f"{message}; retry after {retry_after:.1f} s")
        self.retry_after = retry_after


class DeadlineExceeded(ImpastoError):
    """The caller's deadline passed before the work was done."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED


class Unavailable(ImpastoError):
    """The server is draining."""

    code = grpc.StatusCode.UNAVAILABLE


class InferenceFailed(ImpastoError):
    """The runtime failed on a request that had passed every check."""


class StartupError(ImpastoError):
    """The server cannot start as configured; nothing was served."""


class ModelLoadError(StartupError):
    """A model repository entry is broken.

    Args:
        place: the file, with line and column where they are known.
        reason: what is wrong and what was expected.
    """

    def __init__(self, place: object, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
