"""The client for ordinary code."""

from __future__ import annotations

from collections.abc import Iterator
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


class Client:
    """One connection to a server; thread-safe, made to be kept and shared.

    Every method raises `ImpastoError` where the server refused or failed the call or cannot be
    reached, and `ValueError` where a number does not fit the wire at all.

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
            self._channel = grpc.insecure_channel(target, CHANNEL_OPTIONS)
        else:
            self._channel = grpc.secure_channel(target, secure, CHANNEL_OPTIONS)
        self._service = pb_grpc.ImageServiceStub(self._channel)
        self._options = credentials.call_options(timeout)

    def generate(self, **options: Unpack[GenerateOptions]) -> list[Picture]:
        """Generate pictures and paint them, in the order of their seeds; see `GenerateOptions`."""
        request = generate_request(options)
        with rpc_errors():
            return pictures_of(self._service.Generate(request, **self._options))

    def generate_stream(self, **options: Unpack[GenerateOptions]) -> Iterator[tuple[int, Picture]]:
        """The same, each picture as soon as it is done, with its place in the order.

        Closing the iterator cancels the call on the server.
        """
        call = self._service.GenerateStream(generate_request(options), **self._options)
        try:
            with rpc_errors():
                for part in call:
                    yield part.index, picture_of(part.picture, part.format, part.provenance)
        finally:
            call.cancel()

    def stylize(self, picture: bytes, **options: Unpack[StylizeOptions]) -> Picture:
        """Paint a picture file (PNG, JPEG or WebP); see `StylizeOptions`."""
        request = stylize_request(picture, options)
        with rpc_errors():
            answer = self._service.Stylize(request, **self._options)
        return picture_of(answer.picture, answer.format, answer.provenance)

    def interpolate(
        self, start: Waypoint, end: Waypoint, **options: Unpack[InterpolateOptions]
    ) -> Iterator[Picture]:
        """Walk from one picture to another, frame by frame; see `InterpolateOptions`.

        Closing the iterator cancels the call on the server.
        """
        return self._walk(interpolate_request(start, end, options))

    def animate(
        self,
        start: Waypoint,
        end: Waypoint,
        frame_milliseconds: int = 80,
        **options: Unpack[InterpolateOptions],
    ) -> Picture:
        """The same walk as one animated WebP; it has no `picture_format`."""
        more = {"animation": True, "frame_milliseconds": frame_milliseconds}
        (picture,) = self._walk(interpolate_request(start, end, options, **more))
        return picture

    def _walk(self, request: pb.InterpolateRequest) -> Iterator[Picture]:
        call = self._service.Interpolate(request, **self._options)
        try:
            with rpc_errors():
                for part in call:
                    yield frame_of(part, request.preserve_colour)
        finally:
            call.cancel()

    def pictures(self, **options: Unpack[ListOptions]) -> Iterator[StoredPicture]:
        """The stored pictures, the newest first, without their data; see `ListOptions`."""
        request = list_request(options)
        while True:
            with rpc_errors():
                page = self._service.ListPictures(request, **self._options)
            for stored in page.pictures:
                yield stored_picture_of(stored)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def picture(self, picture_id: str) -> StoredPicture:
        """A stored picture."""
        request = pb.GetPictureRequest(id=picture_id)
        with rpc_errors():
            return stored_picture_of(self._service.GetPicture(request, **self._options))

    def delete_picture(self, picture_id: str) -> None:
        """Delete a stored picture, for ever; takes an API key of scope `admin`."""
        request = pb.DeletePictureRequest(id=picture_id)
        with rpc_errors():
            self._service.DeletePicture(request, **self._options)

    def models(self) -> list[ModelInfo]:
        """The models that `model=` may name, the default first."""
        with rpc_errors():
            request = pb.ListModelsRequest()
            return models_of(self._service.ListModels(request, **self._options))

    def styles(self) -> list[StyleInfo]:
        """The styles that `style=` may name."""
        with rpc_errors():
            request = pb.ListStylesRequest()
            return styles_of(self._service.ListStyles(request, **self._options))

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
