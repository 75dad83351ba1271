"""The chain behind a gRPC server that does nothing else: no checks, no queue, no batches."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import uvloop
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

from benchmarks.raw import OUTPUTS, Chain


class _Bare(ImageServiceServicer):
    """Runs the chain in a thread, as whoever does not want to hold up the event loop."""

    def __init__(self) -> None:
        self._chain = Chain(os.cpu_count() or 1)
        self._threads = ThreadPoolExecutor(1)

    async def Generate(  # noqa: N802 - the protocol's name
        self, request: GenerateRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> GenerateResponse:
        loop, output = asyncio.get_running_loop(), OUTPUTS[request.size]
        pixels = await loop.run_in_executor(self._threads, self._chain.run, 1, output)
        picture = Picture(data=pixels.tobytes(), width=request.size, height=request.size)
        return GenerateResponse(pictures=[picture], format=OUTPUT_FORMAT_RAW_RGB8)


async def _serve() -> None:
    server = grpc.aio.server()
    add_ImageServiceServicer_to_server(_Bare(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready: grpc on 127.0.0.1:{port}", flush=True)  # noqa: T201
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(_serve())
