"""`ModelStreamInfer`: many requests on one call, answered in order, errors without its end."""

import asyncio
import queue
from collections.abc import AsyncIterator

import grpc
import numpy as np
import tritonclient.grpc as triton
from running_server import RunningServer
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc

PATIENCE = 60


def tensor(array: np.ndarray, name: str = "x") -> triton.InferInput:
    return triton.InferInput(name, list(array.shape), "FP32").set_data_from_numpy(array)


def request(identity: str, model: str = "add_one", elements: int = 4) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name=model, id=identity)
    message.inputs.add(name="x", datatype="FP32", shape=[1, elements])
    message.raw_input_contents.append(np.full(elements, int(identity), np.float32).tobytes())
    return message


def test_sync_client_streams(gateway: RunningServer) -> None:
    answers: queue.Queue[tuple[triton.InferResult | None, Exception | None]] = queue.Queue()
    count = 300
    with triton.InferenceServerClient(gateway.target) as client:
        client.start_stream(lambda result, error: answers.put((result, error)))
        for index in range(count):
            x = np.full((1, 3), index, np.float32)
            model = "add_one" if index % 10 else "mona_lisa"
            client.async_stream_infer(
                model, [tensor(x)], request_id=str(index), enable_empty_final_response=True
            )
        for index in range(count):
            result, error = answers.get(timeout=PATIENCE)
            if index % 10:
                assert error is None
                assert result is not None
                response = result.get_response()
                assert response.id == str(index), "in the order of the requests"
                assert response.parameters["triton_final_response"].bool_param
                assert (result.as_numpy("y") == index + 1).all()
            else:
                assert "mona_lisa" in str(error)
        client.stop_stream()
    assert answers.empty()


async def test_aio_client_streams(gateway: RunningServer) -> None:
    async def requests() -> AsyncIterator[dict[str, object]]:
        for index in range(5):
            x = np.full((1, 3), index, np.float32)
            yield {"model_name": "add_one", "inputs": [tensor(x)], "request_id": str(index)}

    async with triton.aio.InferenceServerClient(gateway.target) as client:
        answers = [
            (result.get_response().id, result.as_numpy("y")[0, 0])
            async for result, error in client.stream_infer(requests(), stream_timeout=PATIENCE)
            if error is None
        ]
    assert answers == [(str(index), index + 1) for index in range(5)]


async def test_error_names_its_request_and_the_stream_goes_on(gateway: RunningServer) -> None:
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        call = pb_grpc.GRPCInferenceServiceStub(channel).ModelStreamInfer(timeout=PATIENCE)
        broken = request("2")
        broken.inputs[0].shape[:] = [1, 5]
        for message in (request("1", "mona_lisa"), broken, request("3")):
            await call.write(message)
        unknown, short, good = [await call.read() for _ in range(3)]
        assert unknown.infer_response.id == "1"
        assert "mona_lisa" in unknown.error_message
        assert short.infer_response.id == "2"
        assert short.error_message == "input 'x': expected 20 bytes for FP32 [1, 5], got 16 bytes"
        assert good.error_message == ""
        assert np.frombuffer(good.infer_response.raw_output_contents[0], np.float32)[0] == 4
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_slow_reader_holds_up_only_itself(gateway: RunningServer) -> None:
    """Nobody reads the answers, so at some point the server reads no more requests."""
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        call = stub.ModelStreamInfer(timeout=PATIENCE)
        sent = 0

        async def send() -> None:
            nonlocal sent
            for index in range(400):
                await call.write(request(str(index), elements=100_000))
                sent += 1
            await call.done_writing()

        sender = asyncio.create_task(send())
        while True:
            before = sent
            assert await stub.ModelInfer(request("7"), timeout=PATIENCE)
            await asyncio.wait([sender], timeout=0.5)
            if sent == before:
                break
        assert sent < 400, "the server took in all, whatever the caller read"
        answers = [answer.infer_response.id async for answer in call]
        await sender
    assert answers == [str(index) for index in range(400)]


async def test_cancelled_stream_leaves_the_server_well(gateway: RunningServer) -> None:
    async with grpc.aio.insecure_channel(gateway.target) as channel:
        stub = pb_grpc.GRPCInferenceServiceStub(channel)
        for _ in range(20):
            call = stub.ModelStreamInfer()
            for index in range(10):
                await call.write(request(str(index)))
            call.cancel()
            assert await call.code() is grpc.StatusCode.CANCELLED
        assert await stub.ModelInfer(request("1"), timeout=PATIENCE)
