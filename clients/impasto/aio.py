"""The client for asyncio code."""

from __future__ import annotations

from types import TracebackType

import grpc

from impasto.errors import ImpastoError
from impasto.pictures import Picture, PictureFormat
from impasto.v1 import image_service_pb2_grpc as pb_grpc
from impasto.wire import (
    CHANNEL_OPTIONS,
    DEFAULT_TARGET,
    DEFAULT_TIMEOUT_SECONDS,
    generate_request,
    pictures_of,
)


class AsyncClient:
    """One connection to a server, for one event loop.

    Args:
        target: the server's gRPC address, `host:port`.
        timeout: seconds that a call may take.
    """

    def __init__(
        self, target: str = DEFAULT_TARGET, timeout: float = DEFAULT_TIMEOUT_SECONDS
    ) -> None:
        self._channel = grpc.aio.insecure_channel(target, CHANNEL_OPTIONS)
        self._service = pb_grpc.ImageServiceStub(self._channel)
        self._timeout = timeout

    async def generate(
        self,
        seed: int | None = None,
        style: str = "",
        count: int = 1,
        style_strength: float = 1.0,
        picture_format: PictureFormat = PictureFormat.PNG,
        preserve_colour: bool = False,
    ) -> list[Picture]:
        """Generate pictures and paint them; arguments and errors as in `Client.generate`.

        Cancelling the awaiting task cancels the call on the server.
        """
        request = generate_request(
            seed, style, count, style_strength, picture_format, preserve_colour
        )
        try:
            response = await self._service.Generate(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise ImpastoError.from_rpc(error) from error
        return pictures_of(response)

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        """Use as a context manager to close the connection at the end."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        await self.close()
