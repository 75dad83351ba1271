"""The least that a server in Python could do: it answers at once, with bytes that mean nothing."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
from impasto.v1.image_service_pb2 import (
    OUTPUT_FORMAT_RAW_RGB8,
    GenerateRequest,
    GenerateResponse,
    Picture,
)
from impasto.v1.image_service_pb2_grpc import (
    ImageServiceServicer,
    add_ImageServiceServicer_to_server,
)
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

_SIDE = 256


class _Echo(GRPCInferenceServiceServicer):  # type: ignore[misc] # generated, untyped
    async def ModelInfer(  # noqa: N802 - the protocol's name
        self, request: pb.ModelInferRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ModelInferResponse:
        tensor = request.inputs[0]
        output = pb.ModelInferResponse.InferOutputTensor(
            name="y", datatype=tensor.datatype, shape=tensor.shape
        )
        return pb.ModelInferResponse(
            model_name=request.model_name,
            model_version="1",
            id=request.id,
            outputs=[output],
            raw_output_contents=request.raw_input_contents,
        )


class _Blank(ImageServiceServicer):
    async def Generate(  # noqa: N802 - the protocol's name
        self, request: GenerateRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> GenerateResponse:
        picture = Picture(data=bytes(_SIDE * _SIDE * 3), width=_SIDE, height=_SIDE)
        return GenerateResponse(pictures=[picture] * request.count, format=OUTPUT_FORMAT_RAW_RGB8)


async def _serve(transport: str) -> None:
    if transport == "native":
        import pygrpc_native.aio  # noqa: PLC0415 - an extra that not everybody has

        server = pygrpc_native.aio.server()
    else:
        server = grpc.aio.server()
    add_GRPCInferenceServiceServicer_to_server(_Echo(), server)
    add_ImageServiceServicer_to_server(_Blank(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready: grpc on 127.0.0.1:{port}", flush=True)  # noqa: T201
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
