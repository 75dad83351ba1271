"""Any server of the Open Inference Protocol v2 over gRPC, such as a bare Triton."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from loadtest.errors import LoadTestError
from loadtest.targets.base import Answer, Connection, Statistics
from loadtest.targets.grpc_calls import GrpcCalls
from loadtest.targets.model_statistics import statistics
from loadtest.targets.requests import TensorRequest
from loadtest.targets.tensors import Input, tensors


class OipGrpcTarget:
    """Inference over gRPC.

    Args:
        connection: how to reach the server.
        requests: as `TensorRequest` has them.
    """

    def __init__(self, connection: Connection, requests: Sequence[dict[str, Any]]) -> None:
        self._connection = connection
        self._requests = [TensorRequest.model_validate(request) for request in requests]
        self._messages: list[bytes] = []
        self._server = ""

    async def __aenter__(self) -> Self:
        """Connect, and make tensors for what the models say that they take."""
        self._calls = GrpcCalls(self._connection, "/inference.GRPCInferenceService/ModelInfer")
        stubs = [GRPCInferenceServiceStub(channel) for channel in self._calls.channels]
        self._stub = stubs[0]
        try:
            for stub in stubs:
                told = await stub.ServerMetadata(pb.ServerMetadataRequest(), **self._calls.options)
            self._server = f"{told.name} {told.version}".strip()
            self._messages = [await self._message(request) for request in self._requests]
        except grpc.aio.AioRpcError as error:
            await self._calls.close()
            raise LoadTestError(
                f"{self._connection.address}: {error.code().name}: {error.details()}"
            ) from error
        except BaseException:
            await self._calls.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._calls.close()

    async def call(self, entry: int, seed: int) -> Answer:
        """Infer."""
        return await self._calls.call(self._messages[entry], 0)

    async def server(self) -> str:
        """As its metadata says."""
        return self._server

    async def statistics(self) -> Statistics | None:
        """By ModelStatistics, which is Triton's; other servers do not have it."""
        try:
            told = await self._stub.ModelStatistics(
                pb.ModelStatisticsRequest(), **self._calls.options
            )
        except grpc.aio.AioRpcError:
            return None
        tested = {request.model for request in self._requests}
        return statistics(
            tested,
            [
                (
                    model.name,
                    {
                        field.name: (int(value.count), int(value.ns))
                        for field, value in model.inference_stats.ListFields()
                    },
                )
                for model in told.model_stats
            ],
        )

    async def _message(self, request: TensorRequest) -> bytes:
        told = await self._stub.ModelMetadata(
            pb.ModelMetadataRequest(name=request.model, version=request.version),
            **self._calls.options,
        )
        inputs = [Input(each.name, each.datatype, tuple(each.shape)) for each in told.inputs]
        message = pb.ModelInferRequest(model_name=request.model, model_version=request.version)
        for tensor in tensors(request, inputs):
            message.inputs.add(name=tensor.name, datatype=tensor.datatype, shape=tensor.shape)
            message.raw_input_contents.append(tensor.content)
        for name, value in request.parameters.items():
            _set(message.parameters[name], value)
        return bytes(message.SerializeToString())


def _set(parameter: pb.InferParameter, value: bool | int | str) -> None:
    if isinstance(value, bool):
        parameter.bool_param = value
    elif isinstance(value, int):
        parameter.int64_param = value
    else:
        parameter.string_param = value
