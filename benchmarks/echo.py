"""The least that an inference server in Python could do: it answers with the request's bytes."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import grpc
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)


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


async def _serve(transport: str) -> None:
    if transport == "native":
        import pygrpc_native.aio  # noqa: PLC0415 - an extra that not everybody has

        server = pygrpc_native.aio.server()
    else:
        server = grpc.aio.server()
    add_GRPCInferenceServiceServicer_to_server(_Echo(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready: grpc on 127.0.0.1:{port}", flush=True)  # noqa: T201
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
