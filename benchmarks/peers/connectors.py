"""One client for each protocol; all take the number of a row and give back the answer's bytes."""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import aiohttp
import grpc
import numpy as np
from impasto import AsyncClient, PictureFormat
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from benchmarks.peers.servers.work import Work
from benchmarks.raw import STYLE, style_code
from server.generation.latents import latents

# So many different rows are asked for in turn.
ROWS = 16
# One grey level of rounding in each of two runs of the models; sums have none.
TOLERANCES = {"64": 2, "256": 2, "tiny": 0}
MODELS = {"64": "landscapes_64", "256": "landscapes", "tiny": "add_one"}
_PATIENCE_SECONDS = 60.0

Call = Callable[[int], Awaitable[bytes]]
Tensors = dict[str, np.ndarray]


def inputs(size: str) -> list[Tensors]:
    """What is asked: tensors [1, N] by name; the latents are those of the seeds 0, 1, 2, ..."""
    if size == "tiny":
        return [{"x": np.full((1, 128), seed, np.float32)} for seed in range(ROWS)]
    code = style_code()[None]
    return [
        {"latent": latent[None], "style_code": code} for latent in latents(range(ROWS), size=64)
    ]


def rows(size: str) -> list[bytes]:
    """The same, each with its tensors one after the other."""
    return [b"".join(one.tobytes() for one in tensors.values()) for tensors in inputs(size)]


def references(size: str) -> list[bytes]:
    """The right answers, by bare onnxruntime, one row at a time."""
    work = Work(size, threads=1)
    return [work([row])[0] for row in rows(size)]


def difference(size: str, answer: bytes, reference: bytes) -> float:
    """Greatest distance of an answer's numbers from the right ones; infinite of another length."""
    if len(answer) != len(reference):
        return float("inf")
    kind = np.float32 if size == "tiny" else np.uint8
    got, right = (np.frombuffer(data, kind).astype(float) for data in (answer, reference))
    return float(np.abs(got - right).max())


@asynccontextmanager
async def tensors(target: str, size: str) -> AsyncIterator[Call]:
    """Open Inference Protocol, gRPC, raw tensors."""
    messages = []
    for one in inputs(size):
        message = pb.ModelInferRequest(model_name=MODELS[size])
        for name, tensor in one.items():
            message.inputs.add(name=name, datatype="FP32", shape=tensor.shape)
            message.raw_input_contents.append(tensor.tobytes())
        messages.append(message)
    async with _infer(target, messages) as call:
        yield call


@asynccontextmanager
async def strings(target: str, size: str) -> AsyncIterator[Call]:
    """The same with rows and answers as tensors of bytes, for a server that unpacks numbers."""
    messages = []
    for row in rows(size):
        message = pb.ModelInferRequest(model_name="work")
        message.inputs.add(name="row", datatype="BYTES", shape=[1, 1])
        message.raw_input_contents.append(struct.pack("<I", len(row)) + row)
        messages.append(message)
    async with _infer(target, messages) as call:

        async def unpacked(index: int) -> bytes:
            return (await call(index))[4:]

        yield unpacked


@asynccontextmanager
async def octets(target: str, size: str) -> AsyncIterator[Call]:
    """HTTP with bodies of raw bytes."""
    async with _post(f"http://{target}/inference", rows(size), "application/octet-stream") as call:
        yield call


@asynccontextmanager
async def base64_json(target: str, size: str) -> AsyncIterator[Call]:
    """HTTP with base64 in JSON; the answer is raw bytes."""
    bodies = [json.dumps({"row": base64.b64encode(row).decode()}).encode() for row in rows(size)]
    async with _post(f"http://{target}/predict", bodies, "application/json") as call:
        yield call


@asynccontextmanager
async def generate(target: str, size: str) -> AsyncIterator[Call]:
    """Impasto's own protocol: a seed and a style's name come in, raw pixels go out."""
    async with AsyncClient(target, _PATIENCE_SECONDS) as client:

        async def call(index: int) -> bytes:
            (picture,) = await client.generate(
                seed=index, style=STYLE, size=int(size), picture_format=PictureFormat.RAW_RGB8
            )
            return picture.data

        yield call


CONNECTORS: dict[str, Callable[[str, str], AbstractAsyncContextManager[Call]]] = {
    "OIP gRPC, raw tensors": tensors,
    "OIP gRPC, tensors of bytes": strings,
    "HTTP, raw bytes": octets,
    "HTTP, base64 in, raw bytes out": base64_json,
    "Generate": generate,
}


@asynccontextmanager
async def _infer(target: str, messages: Sequence[pb.ModelInferRequest]) -> AsyncIterator[Call]:
    async with grpc.aio.insecure_channel(target) as channel:
        infer = GRPCInferenceServiceStub(channel).ModelInfer

        async def call(index: int) -> bytes:
            answer = await infer(messages[index], timeout=_PATIENCE_SECONDS)
            data: bytes = answer.raw_output_contents[0]
            return data

        yield call


@asynccontextmanager
async def _post(url: str, bodies: Sequence[bytes], media_type: str) -> AsyncIterator[Call]:
    # A connection for each call under way, kept for the next.
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS),
        headers={"content-type": media_type},
    ) as session:

        async def call(index: int) -> bytes:
            async with session.post(url, data=bodies[index]) as answer:
                answer.raise_for_status()
                return await answer.read()

        yield call
