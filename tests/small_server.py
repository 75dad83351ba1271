"""A gRPC server that answers Generate after 2 ms and does what it is told besides; run by tests."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
from impasto.v1.image_service_pb2 import GenerateRequest, GenerateResponse
from impasto.v1.image_service_pb2_grpc import (
    ImageServiceServicer,
    add_ImageServiceServicer_to_server,
)

ANSWER_SECONDS = 0.002
STALL_SECONDS = 1.0
HINT_MILLISECONDS = 100


class SmallService(ImageServiceServicer):
    """Stalls as a whole when call number `stall_at` comes, and refuses beyond `most` at a time."""

    def __init__(self, stall_at: int, most: int) -> None:
        self.stall_at = stall_at
        self.most = most
        self.calls = 0
        self.under_way = 0

    async def Generate(self, request: GenerateRequest, context) -> GenerateResponse:  # noqa: N802
        self.calls += 1
        if self.calls == self.stall_at:
            time.sleep(STALL_SECONDS)
        if self.under_way >= self.most:
            context.set_trailing_metadata([("grpc-retry-pushback-ms", str(HINT_MILLISECONDS))])
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full")
        self.under_way += 1
        await asyncio.sleep(ANSWER_SECONDS)
        self.under_way -= 1
        return GenerateResponse()


async def serve(stall_at: int, most: int) -> None:
    server = grpc.aio.server()
    add_ImageServiceServicer_to_server(SmallService(stall_at, most), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready: 127.0.0.1:{port}", flush=True)  # noqa: T201
    await server.wait_for_termination()


@contextmanager
def small_server(stall_at: int = 0, most: int = 1000) -> Iterator[str]:
    """Its address."""
    command = [sys.executable, Path(__file__), str(stall_at), str(most)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.match(r"ready: (\S+)", process.stdout.readline())
        assert found is not None
        yield found[1]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
