"""What a drain waits for, and what it does not."""

import asyncio
import signal

import grpc
import httpx
import numpy as np
import pytest
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from running_server import RunningServer, running_server
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc

ROWS = 8
COUNT = 6
GRACE = ("--drain-grace", "3600")


def painting() -> pb.ModelInferRequest:
    """Takes a good part of a second."""
    request = pb.ModelInferRequest(model_name="landscapes")
    for name, size in (("latent", 64), ("style_code", 1352)):
        request.inputs.add(name=name, datatype="FP32", shape=[ROWS, size])
        request.raw_input_contents.append(np.zeros((ROWS, size), np.float32).tobytes())
    return request


def painting_document() -> dict[str, object]:
    return {
        "inputs": [
            {"name": name, "datatype": "FP32", "shape": [ROWS, size], "data": [0] * ROWS * size}
            for name, size in (("latent", 64), ("style_code", 1352))
        ],
        "outputs": [{"name": "pixels", "parameters": {"binary_data": True}}],
    }


async def test_accepted_http_requests_finish_and_new_ones_are_refused() -> None:
    with running_server(*GRACE) as running:
        async with httpx.AsyncClient(base_url=running.http, timeout=60) as client:
            path = "/v2/models/landscapes/infer"
            calls = [
                asyncio.create_task(client.post(path, json=painting_document()))
                for _ in range(COUNT)
            ]
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            running.process.send_signal(signal.SIGTERM)
            while (await client.get("/v2/health/ready")).status_code == 200:
                await asyncio.sleep(0.005)
            refused = await client.post(path, json=painting_document())
            assert refused.status_code == 503
            assert "draining" in refused.json()["error"]
            for call in calls:
                answer = await call
                assert answer.status_code == 200
                assert len(answer.content) > ROWS * 256 * 256 * 3
        assert await asyncio.to_thread(running.process.wait, 60) == 0


async def test_outstanding_requests_of_a_stream_finish() -> None:
    with running_server(*GRACE) as running:
        async with grpc.aio.insecure_channel(running.target) as channel:
            stub = pb_grpc.GRPCInferenceServiceStub(channel)
            call = stub.ModelStreamInfer()
            for _ in range(COUNT):
                await call.write(painting())
            assert (await call.read()).infer_response.raw_output_contents
            running.process.send_signal(signal.SIGTERM)
            while (await stub.ServerReady(pb.ServerReadyRequest())).ready:
                await asyncio.sleep(0.005)
            await call.write(painting())
            for _ in range(COUNT - 1):
                assert (await call.read()).infer_response.raw_output_contents
            assert "draining" in (await call.read()).error_message
        assert await asyncio.to_thread(running.process.wait, 60) == 0


async def test_idle_stream_does_not_hold_up_the_drain() -> None:
    with running_server(*GRACE) as running:
        async with grpc.aio.insecure_channel(running.target) as channel:
            call = pb_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer()
            await call.write(painting())
            assert (await call.read()).infer_response.raw_output_contents
            running.process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(running.process.wait, 60) == 0


def test_reflection_and_health_know_the_service(gateway: RunningServer) -> None:
    name = "inference.GRPCInferenceService"
    with grpc.insecure_channel(gateway.target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert name in database.get_services()
        assert database.FindFileContainingSymbol(name).package == "inference"


async def test_expired_deadline_is_said_and_counted(gateway: RunningServer) -> None:
    before = gateway.calls("ModelInfer", "DEADLINE_EXCEEDED")
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        busy = [
            asyncio.ensure_future(stub.ModelInfer(painting(), timeout=60)) for _ in range(COUNT)
        ]
        await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
        # More than one: a deadline may pass before the request has left.
        while gateway.calls("ModelInfer", "DEADLINE_EXCEEDED") == before:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ModelInfer(painting(), timeout=0.02)
            assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await asyncio.gather(*busy)


async def test_who_hangs_up_gives_up_the_place_in_the_queue(gateway: RunningServer) -> None:
    before = gateway.calls("ModelInfer", "CANCELLED")
    path = f"{gateway.http}/v2/models/landscapes/infer"
    async with httpx.AsyncClient(timeout=60) as client:
        busy = [
            asyncio.create_task(client.post(path, json=painting_document())) for _ in range(COUNT)
        ]
        await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
        for call in busy:
            call.cancel()
        await asyncio.wait(busy)
    while gateway.calls("ModelInfer", "CANCELLED") == before:
        await asyncio.sleep(0.01)
