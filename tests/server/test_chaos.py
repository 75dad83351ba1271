"""Thousands of callers, many of them rude; afterwards everything adds up and nothing has grown."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import httpx
import numpy as np
import pytest
from impasto import AsyncClient, ImpastoError, PictureFormat
from running_server import REPOSITORY, RunningServer, running_server
from tiny_models import WORK_SIZE, write_model
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

REQUESTS = 10_000
CONCURRENCY = 64
SETTLED = 1_000
QUEUE = 8
METHOD = "/inference.GRPCInferenceService/ModelInfer"
Status = grpc.StatusCode


@pytest.fixture(params=["grpcio", "native"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    if request.param == "native":
        pytest.importorskip("pygrpc_native", reason="no wheel of pygrpc-native for this platform")
    for model in REPOSITORY.iterdir():
        if model.is_dir():
            (tmp_path / model.name).symlink_to(model)
    write_model(tmp_path, "dynamic_batching {}")
    bounded = f"dynamic_batching {{ default_queue_policy {{ max_queue_size: {QUEUE} }} }}"
    write_model(tmp_path, f"{bounded} instance_group {{ count: 1 }}", name="busy", work=500)
    flags = ("--model-repository", str(tmp_path), "--grpc-transport", request.param)
    with running_server(*flags) as running:
        yield running


def message(model: str, value: float, rows: int = 1) -> pb.ModelInferRequest:
    data = np.full((rows, WORK_SIZE), value, np.float32)
    request = pb.ModelInferRequest(model_name=model)
    request.inputs.add(name="x", datatype="FP32", shape=data.shape)
    request.raw_input_contents.append(data.tobytes())
    return request


def wrong_messages() -> list[tuple[pb.ModelInferRequest, Status]]:
    """Every kind of bad body, and what it must get."""
    unknown = message("nobody", 1)
    version = message("add_one", 1)
    version.model_version = "7"
    shape = message("add_one", 1)
    shape.inputs[0].shape[:] = [1, 3]
    negative = message("add_one", 1)
    negative.inputs[0].shape[:] = [-1, WORK_SIZE]
    datatype = message("add_one", 1)
    datatype.inputs[0].datatype = "INT32"
    missing = pb.ModelInferRequest(model_name="add_one")
    extra = message("add_one", 1)
    extra.inputs.add(name="z", datatype="FP32", shape=[1, WORK_SIZE])
    extra.raw_input_contents.append(extra.raw_input_contents[0])
    output = message("add_one", 1)
    output.outputs.add(name="z")
    invalid = [shape, negative, datatype, missing, extra, output, message("add_one", 1, rows=5)]
    wrong = [(request, Status.INVALID_ARGUMENT) for request in invalid]
    return [*wrong, (unknown, Status.NOT_FOUND), (version, Status.NOT_FOUND)]


@dataclass
class Crowd:
    """The callers; `answers` counts what they saw, by what they did and how it ended."""

    server: RunningServer
    channels: list[grpc.aio.Channel]
    pictures: AsyncClient
    http: httpx.AsyncClient
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    answers: Counter[tuple[str, Status | int]] = field(default_factory=Counter)

    def stub(self) -> GRPCInferenceServiceStub:
        return GRPCInferenceServiceStub(self.chance.choice(self.channels))

    async def _infer(self, what: str, model: str, timeout: float | None = None) -> None:
        value = self.chance.randrange(1000)
        try:
            answer = await self.stub().ModelInfer(message(model, value), timeout=timeout)
        except grpc.RpcError as error:
            self.answers[what, error.code()] += 1
        else:
            got = np.frombuffer(answer.raw_output_contents[0], np.float32)
            assert np.array_equal(got, np.full(WORK_SIZE, value + 1, np.float32)), "own answer"
            self.answers[what, Status.OK] += 1

    async def good(self) -> None:
        await self._infer("good", "add_one")

    async def burst(self) -> None:
        await asyncio.gather(*(self._infer("burst", "busy") for _ in range(2 * QUEUE)))

    async def late(self) -> None:
        await self._infer("late", "busy", timeout=self.chance.choice([0.0, 0.001, 0.005]))

    async def bad(self) -> None:
        request, expected = self.chance.choice(wrong_messages())
        with pytest.raises(grpc.RpcError) as caught:
            await self.stub().ModelInfer(request)
        assert caught.value.code() is expected, (request, caught.value.details())
        self.answers["bad", expected] += 1

    async def garbage(self) -> None:
        call = self.chance.choice(self.channels).unary_unary(METHOD)
        with pytest.raises(grpc.RpcError) as caught:
            await call(self.chance.randbytes(50) + b"\xff")
        self.answers["garbage", caught.value.code()] += 1

    async def cancel(self) -> None:
        call = self.stub().ModelInfer(message(self.chance.choice(["add_one", "busy"]), 1))
        await asyncio.sleep(self.chance.uniform(0, 0.005))
        call.cancel()
        try:
            self.answers["cancel", await call.code()] += 1
        except asyncio.CancelledError:
            self.answers["cancel", Status.CANCELLED] += 1

    async def hang_up(self) -> None:
        """A connection of its own that closes while the server works."""
        channel = grpc.aio.insecure_channel(
            self.server.target, options=[("grpc.use_local_subchannel_pool", 1)]
        )
        call = GRPCInferenceServiceStub(channel).ModelInfer(message("busy", 1))
        await asyncio.sleep(self.chance.uniform(0, 0.01))
        await channel.close()
        with contextlib.suppress(grpc.RpcError, asyncio.CancelledError):
            await call
        self.answers["hang up", 0] += 1

    async def hang_up_http(self) -> None:
        """A promise of a body that never comes."""
        host, port = self.server.http.removeprefix("http://").rsplit(":", 1)
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /v2/models/add_one/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        self.answers["hang up http", 0] += 1

    async def post(self) -> None:
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}
        answer = await self.http.post("/v2/models/add_one/infer", json=body)
        assert answer.json()["outputs"][0]["data"] == [2, 3]
        self.answers["post", answer.status_code] += 1

    async def bad_post(self) -> None:
        body, path = self.chance.choice(
            [
                (b"{", "add_one"),
                (b"[]", "add_one"),
                (b'{"inputs": 3}', "add_one"),
                (b'{"inputs": []}', "nobody"),
            ]
        )
        answer = await self.http.post(f"/v2/models/{path}/infer", content=body)
        assert answer.status_code in (400, 404), answer.text
        assert answer.json()["error"]
        self.answers["bad post", answer.status_code] += 1

    async def picture(self) -> None:
        seed = self.chance.randrange(1000)
        try:
            made = await self.pictures.generate(seed=seed, picture_format=PictureFormat.RAW_RGB8)
        except ImpastoError as error:
            self.answers["picture", error.code] += 1
        else:
            assert made[0].seed == seed
            self.answers["picture", Status.OK] += 1

    def action(self) -> tuple[int, Callable[[], Awaitable[None]]]:
        """What somebody does next, and how many requests that is."""
        actions: list[tuple[int, int, Callable[[], Awaitable[None]]]] = [
            (40, 1, self.good),
            (12, 1, self.bad),
            (3, 1, self.garbage),
            (10, 1, self.late),
            (12, 1, self.cancel),
            (4, 1, self.hang_up),
            (4, 1, self.hang_up_http),
            (6, 1, self.post),
            (4, 1, self.bad_post),
            (1, 1, self.picture),
            (2, 2 * QUEUE, self.burst),
        ]
        (chosen,) = self.chance.choices(actions, [weight for weight, _, _ in actions])
        return chosen[1], chosen[2]

    async def go(self, requests: int) -> None:
        """So many requests, CONCURRENCY callers at a time."""
        left = requests

        async def caller() -> None:
            nonlocal left
            while left > 0:
                count, act = self.action()
                left -= count
                await act()

        await asyncio.gather(*(caller() for _ in range(CONCURRENCY)))


async def settle(server: RunningServer) -> dict[tuple[str, ...], float]:
    """The metrics once nothing is under way."""
    async with asyncio.timeout(30):
        while True:
            metrics = server.metrics()
            if metrics["impasto_calls_under_way",] == 0:
                return metrics
            await asyncio.sleep(0.05)


def resident_mebibytes(server: RunningServer) -> float:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


async def test_ten_thousand_mixed_requests_leave_no_trace(server: RunningServer) -> None:
    channels = [
        grpc.aio.insecure_channel(server.target, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(4)
    ]
    async with (
        AsyncClient(server.target) as pictures,
        httpx.AsyncClient(base_url=server.http) as http,
    ):
        crowd = Crowd(server, channels, pictures, http)
        # Memory grows with the largest batch of pictures so far, which must come before the count.
        await asyncio.gather(*(crowd.picture() for _ in range(32)))
        await crowd.go(SETTLED)
        await settle(server)
        before = resident_mebibytes(server)
        await crowd.go(REQUESTS - SETTLED)
        metrics = await settle(server)
        after = resident_mebibytes(server)

        ended = Counter[str]()
        for key, count in metrics.items():
            if key[0] == "impasto_request_seconds_count":
                (code,) = Status.__members__.keys() & set(key)
                ended[code] += int(count)
        assert metrics["impasto_calls_total",] == ended.total()
        # Whatever did not end well is counted once, under one reason.
        rejected = [count for key, count in metrics.items() if key[0] == "impasto_rejections_total"]
        assert sum(rejected) == ended.total() - ended["OK"]
        assert set(ended) == {
            "OK",
            "INVALID_ARGUMENT",
            "NOT_FOUND",
            "RESOURCE_EXHAUSTED",
            "DEADLINE_EXCEEDED",
            "CANCELLED",
        }
        assert set(crowd.answers) >= {
            ("burst", Status.OK),
            ("burst", Status.RESOURCE_EXHAUSTED),
            ("late", Status.DEADLINE_EXCEEDED),
            ("cancel", Status.CANCELLED),
        }
        assert {code for what, code in crowd.answers if what == "good"} == {Status.OK}
        assert metrics["impasto_in_flight_pictures",] == 0
        assert after < before * 1.1, f"grew from {before:.0f} MiB to {after:.0f} MiB"

        # One runs and all places of the queue are free.
        full = [crowd.stub().ModelInfer(message("busy", 1)) for _ in range(1 + QUEUE)]
        assert len(await asyncio.gather(*full)) == 1 + QUEUE
        assert await pictures.generate(seed=1)
    for channel in channels:
        await channel.close()
