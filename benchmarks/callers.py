"""So many callers, each sending its next call when its last is answered. Prints one JSON object."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import click
import grpc
import numpy as np
from impasto import AsyncClient, PictureFormat
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from benchmarks.raw import STYLE

Call = Callable[[], Awaitable[object]]
_WARM_UP_SHARE = 0.25


@asynccontextmanager
async def generate(target: str, count: int) -> AsyncIterator[Call]:
    """`count` painted pictures as raw pixels."""
    async with AsyncClient(target) as client:
        yield partial(
            client.generate,
            seed=1,
            style=STYLE,
            count=count,
            picture_format=PictureFormat.RAW_RGB8,
        )


@asynccontextmanager
async def infer(target: str, count: int) -> AsyncIterator[Call]:
    """`count` rows of the benchmark's trivial model; one message for all calls."""
    request = pb.ModelInferRequest(model_name="add_one")
    request.inputs.add(name="x", datatype="FP32", shape=[count, 128])
    request.raw_input_contents.append(np.ones((count, 128), np.float32).tobytes())
    async with grpc.aio.insecure_channel(target) as channel:
        yield partial(GRPCInferenceServiceStub(channel).ModelInfer, request)


async def closed_loop(call: Call, callers: int, seconds: float) -> tuple[float, list[float]]:
    """Calls per second, and the latency of each call in seconds."""
    latencies: list[float] = []
    started = time.perf_counter()

    async def caller() -> None:
        while (begin := time.perf_counter()) < started + seconds:
            await call()
            latencies.append(time.perf_counter() - begin)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return len(latencies) / (time.perf_counter() - started), latencies


async def run(kind: str, target: str, callers: int, count: int, seconds: float) -> None:
    """Warm up, measure and print."""
    connect = {"generate": generate, "infer": infer}[kind]
    async with connect(target, count) as call:
        await closed_loop(call, callers, seconds * _WARM_UP_SHARE)
        rate, latencies = await closed_loop(call, callers, seconds)
    click.echo(json.dumps({"rate": rate * count, "latencies": latencies}))


@click.command(help=__doc__)
@click.argument("kind", type=click.Choice(["generate", "infer"]))
@click.argument("target")
@click.option("--callers", default=1, help="Calls at a time.")
@click.option("--count", default=1, help="Pictures or rows of one call.")
@click.option("--seconds", default=5.0, help="How long, after a warm-up.")
def main(kind: str, target: str, callers: int, count: int, seconds: float) -> None:
    """Measure."""
    asyncio.run(run(kind, target, callers, count, seconds))


if __name__ == "__main__":
    main()
