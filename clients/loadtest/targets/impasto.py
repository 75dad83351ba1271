"""Impasto's own API: `ImageService.Generate`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self, cast

import grpc
from impasto.options import GenerateOptions, Priority
from impasto.pictures import PictureFormat
from impasto.v1 import image_service_pb2 as pb
from impasto.v1.image_service_pb2_grpc import ImageServiceStub
from impasto.wire import generate_request

from loadtest.errors import LoadTestError
from loadtest.targets.base import Answer, Connection, Statistics
from loadtest.targets.grpc_calls import GrpcCalls
from loadtest.targets.requests import PictureRequest


class ImpastoTarget:
    """Pictures over gRPC.

    Args:
        connection: how to reach the server.
        requests: as `PictureRequest` has them.
    """

    def __init__(self, connection: Connection, requests: Sequence[dict[str, Any]]) -> None:
        wanted = [PictureRequest.model_validate(request) for request in requests]
        self._connection = connection
        self._messages = [_message(request) for request in wanted]
        self._counts = [request.count for request in wanted]
        self._fixed = [request.seed is not None for request in wanted]

    async def __aenter__(self) -> Self:
        """Connect."""
        self._calls = GrpcCalls(self._connection, "/impasto.v1.ImageService/Generate")
        for channel in self._calls.channels:
            stub = ImageServiceStub(channel)
            try:
                await stub.ListModels(pb.ListModelsRequest(), **self._calls.options)
            except grpc.aio.AioRpcError as error:
                # A server that does nothing but generate is there, too.
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                    await self._calls.close()
                    raise LoadTestError(
                        f"{self._connection.address}: {error.code().name}: {error.details()}"
                    ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._calls.close()

    async def call(self, entry: int, seed: int) -> Answer:
        """Generate."""
        message = self._messages[entry]
        if not self._fixed[entry]:
            # Messages of protobuf that are put one behind the other are one message.
            message += pb.GenerateRequest(seed=seed).SerializeToString()
        return await self._calls.call(message, self._counts[entry])

    async def server(self) -> str:
        """As it calls itself over the Open Inference Protocol, which it speaks, too."""
        # Takes longer to import than all the rest; the processes that make the calls need it not.
        from loadtest.targets.server_name import server_name  # noqa: PLC0415

        return await server_name(self._calls)

    async def statistics(self) -> Statistics | None:
        """Its protocol has none; its metrics have."""
        return None


def _message(request: PictureRequest) -> bytes:
    options = request.model_dump(exclude_none=True, exclude={"format", "priority"})
    options["picture_format"] = PictureFormat(request.format)
    if request.priority is not None:
        options["priority"] = Priority(request.priority)
    return generate_request(cast(GenerateOptions, options)).SerializeToString()
