"""The client's exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

# gRPC's own key for "retry after so many milliseconds"; client retry policies obey it.
RETRY_KEY = "grpc-retry-pushback-ms"


class ImpastoError(Exception):
    """The server refused or failed a call, or could not be reached.

    Attributes:
        code: the gRPC status code.
        details: the server's message.
        retry_after: seconds after which a retry has a chance, where the server said so.
    """

    def __init__(self, code: grpc.StatusCode, details: str, retry_after: float | None) -> None:
        super().__init__(f"{code.name}: {details}")
        self.code = code
        self.details = details
        self.retry_after = retry_after

    @classmethod
    def from_rpc(cls, error: grpc.RpcError) -> ImpastoError:
        """Translate what grpcio raised, from a sync or an asyncio call."""
        metadata = error.trailing_metadata() or ()
        hints = [value for key, value in metadata if key == RETRY_KEY]
        retry_after = int(hints[0]) / 1000 if hints else None
        return cls(error.code(), error.details() or "no details", retry_after)


@contextmanager
def rpc_errors() -> Iterator[None]:
    """Raise what grpcio raises in the block as an `ImpastoError`."""
    try:
        yield
    except grpc.RpcError as error:
        raise ImpastoError.from_rpc(error) from error
