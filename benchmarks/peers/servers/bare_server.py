"""grpc.aio around the work and nothing else: no checks, no batches; one thread for each worker."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import uvloop
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import (
    GRPCInferenceServiceServicer,
    add_GRPCInferenceServiceServicer_to_server,
)

from benchmarks.peers.servers.work import PORT, WORKERS, setting, work_of_this_server


class _Bare(GRPCInferenceServiceServicer):  # type: ignore[misc] # generated, untyped
    def __init__(self) -> None:
        self._work = work_of_this_server()
        self._threads = ThreadPoolExecutor(setting(WORKERS))

    async def ModelInfer(  # noqa: N802 - the protocol's name
        self, request: pb.ModelInferRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.ModelInferResponse:
        row = b"".join(request.raw_input_contents)
        loop = asyncio.get_running_loop()
        answers = await loop.run_in_executor(self._threads, self._work, [row])
        return pb.ModelInferResponse(model_name=request.model_name, raw_output_contents=answers)


async def _serve() -> None:
    server = grpc.aio.server()
    add_GRPCInferenceServiceServicer_to_server(_Bare(), server)
    server.add_insecure_port(f"127.0.0.1:{setting(PORT)}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(_serve())
