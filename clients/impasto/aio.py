"""The client for asyncio code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Unpack

import grpc

from impasto.connection import (
    CHANNEL_OPTIONS,
    DEFAULT_TARGET,
    DEFAULT_TIMEOUT_SECONDS,
    Credentials,
)
from impasto.errors import rpc_errors
from impasto.options import (
    GenerateOptions,
    InterpolateOptions,
    ListOptions,
    StylizeOptions,
    Waypoint,
)
from impasto.pictures import ModelInfo, Picture, StoredPicture, StyleInfo
from impasto.v1 import image_service_pb2 as pb
from impasto.v1 import image_service_pb2_grpc as pb_grpc
from impasto.wire import (
    frame_of,
    generate_request,
    interpolate_request,
    list_request,
    models_of,
    picture_of,
    pictures_of,
    stored_picture_of,
    styles_of,
    stylize_request,
)


class AsyncClient:
    """One connection to a server, for one event loop.

    Methods, arguments and errors are those of `Client`; cancelling the awaiting task, or closing an
    iterator, cancels the call on the server.

    Args:
        target: the server's gRPC address, `host:port`.
        timeout: seconds that a call may take.
        credentials: TLS and an API key; None: neither.
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,
        credentials: Credentials | None = None,
    ) -> None:
        credentials = credentials or Credentials()
        secure = credentials.channel()
        if secure is None:
            self._channel = grpc.aio.insecure_channel(target, CHANNEL_OPTIONS)
        else:
            self._channel = grpc.aio.secure_channel(target, secure, CHANNEL_OPTIONS)
        self._service = pb_grpc.ImageServiceStub(self._channel)
        self._options = credentials.call_options(timeout)

    async def generate(self, **options: Unpack[GenerateOptions]) -> list[Picture]:
        """Generate pictures and paint them, in the order of their seeds."""
        request = generate_request(options)
        with rpc_errors():
            return pictures_of(await self._service.Generate(request, **self._options))

    async def generate_stream(
        self, **options: Unpack[GenerateOptions]
    ) -> AsyncIterator[tuple[int, Picture]]:
        """The same, each picture as soon as it is done, with its place in the order."""
        call = self._service.GenerateStream(generate_request(options), **self._options)
        try:
            with rpc_errors():
                async for part in call:
                    yield part.index, picture_of(part.picture, part.format, part.provenance)
        finally:
            call.cancel()

    async def stylize(self, picture: bytes, **options: Unpack[StylizeOptions]) -> Picture:
        """Paint a picture file (PNG, JPEG or WebP)."""
        request = stylize_request(picture, options)
        with rpc_errors():
            answer = await self._service.Stylize(request, **self._options)
        return picture_of(answer.picture, answer.format, answer.provenance)

    def interpolate(
        self, start: Waypoint, end: Waypoint, **options: Unpack[InterpolateOptions]
    ) -> AsyncIterator[Picture]:
        """Walk from one picture to another, frame by frame."""
        return self._walk(interpolate_request(start, end, options))

    async def animate(
        self,
        start: Waypoint,
        end: Waypoint,
        frame_milliseconds: int = 80,
        **options: Unpack[InterpolateOptions],
    ) -> Picture:
        """The same walk as one animated WebP; it has no `picture_format`."""
        more = {"animation": True, "frame_milliseconds": frame_milliseconds}
        (picture,) = [
            picture
            async for picture in self._walk(interpolate_request(start, end, options, **more))
        ]
        return picture

    async def _walk(self, request: pb.InterpolateRequest) -> AsyncIterator[Picture]:
        call = self._service.Interpolate(request, **self._options)
        try:
            with rpc_errors():
                async for part in call:
                    yield frame_of(part, request.preserve_colour)
        finally:
            call.cancel()

    async def pictures(self, **options: Unpack[ListOptions]) -> AsyncIterator[StoredPicture]:
        """The stored pictures, the newest first, without their data."""
        request = list_request(options)
        while True:
            with rpc_errors():
                page = await self._service.ListPictures(request, **self._options)
            for stored in page.pictures:
                yield stored_picture_of(stored)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def picture(self, picture_id: str) -> StoredPicture:
        """A stored picture."""
        request = pb.GetPictureRequest(id=picture_id)
        with rpc_errors():
            return stored_picture_of(await self._service.GetPicture(request, **self._options))

    async def delete_picture(self, picture_id: str) -> None:
        """Delete a stored picture."""
        request = pb.DeletePictureRequest(id=picture_id)
        with rpc_errors():
            await self._service.DeletePicture(request, **self._options)

    async def models(self) -> list[ModelInfo]:
        """The models that `model=` may name, the default first."""
        with rpc_errors():
            request = pb.ListModelsRequest()
            return models_of(await self._service.ListModels(request, **self._options))

    async def styles(self) -> list[StyleInfo]:
        """The styles that `style=` may name."""
        with rpc_errors():
            request = pb.ListStylesRequest()
            return styles_of(await self._service.ListStyles(request, **self._options))

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
