"""The client for ordinary code."""

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


class Client:
    """One connection to a server; thread-safe, made to be kept and shared.

    Args:
        target: the server's gRPC address, `host:port`.
        timeout: seconds that a call may take.
    """

    def __init__(
        self, target: str = DEFAULT_TARGET, timeout: float = DEFAULT_TIMEOUT_SECONDS
    ) -> None:
        self._channel = grpc.insecure_channel(target, CHANNEL_OPTIONS)
        self._service = pb_grpc.ImageServiceStub(self._channel)
        self._timeout = timeout

    def generate(
        self,
        seed: int | None = None,
        style: str = "",
        count: int = 1,
        style_strength: float = 1.0,
        picture_format: PictureFormat = PictureFormat.PNG,
        preserve_colour: bool = False,
    ) -> list[Picture]:
        """Generate pictures and paint them.

        Args:
            seed: of the first picture, 0 to 2**64 - 1; picture i is made from seed + i. None: the
                server draws one; it is in the pictures.
            style: a style that the server knows; empty: not painted.
            count: number of pictures.
            style_strength: 0 (not painted) to 1.
            picture_format: of `Picture.data`.
            preserve_colour: whether the painting changes the luminance alone.

        Raises:
            ImpastoError: the server refused or failed the call, or cannot be reached.
            ValueError: a number does not fit the wire at all.
        """
        request = generate_request(
            seed, style, count, style_strength, picture_format, preserve_colour
        )
        try:
            response = self._service.Generate(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise ImpastoError.from_rpc(error) from error
        return pictures_of(response)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def __enter__(self) -> Client:
        """Use as a context manager to close the connection at the end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()
