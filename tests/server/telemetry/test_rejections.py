"""Why calls did not end well: each reason is made to happen, and counted once."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import grpc
import httpx
import pytest
from impasto import AsyncClient, Credentials, PictureFormat
from prometheus_client.parser import text_string_to_metric_families
from running_server import REPOSITORY, ROOT, RunningServer, running_server
from tiny_models import write_model
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc as pb_grpc

from server.access.api_keys import KeyFile, new_key
from server.access.callers import Scope
from server.errors import Reason

LIMIT = 64
MOST_REGIONS = 256
# A picture that keeps the server busy for long enough to be refused beside it.
LONG = {"count": LIMIT, "seed": 1}
# What takes a full memory, a store that is behind, another engine, a fault, or a call within the
# moment in which models come or go. That these are counted is not shown here.
ELSEWHERE = {
    Reason.MEMORY,
    Reason.STORE_BUSY,
    Reason.ENGINE_UNAVAILABLE,
    Reason.LOADING,
    Reason.UNLOADING,
    Reason.INTERNAL,
}
Expected = Counter[tuple[str, str]]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    both = [Scope.GENERATE, Scope.ADMIN]
    made = {
        "free": new_key("free", both),
        "guest": new_key("guest", [Scope.GENERATE]),
        "slow": new_key("slow", both, requests_per_second=0.01, burst=1),
        "narrow": new_key("narrow", both, max_in_flight=1),
    }
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    path.write_text(KeyFile(keys=[entry for _, entry in made.values()]).model_dump_json())
    return {"file": str(path)} | {name: key for name, (key, _) in made.items()}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed models, one that fails when it runs, one with a short queue, one broken."""
    folder = tmp_path_factory.mktemp("refusing")
    for model in filter(Path.is_dir, REPOSITORY.iterdir()):
        (folder / model.name).symlink_to(model)
    # Its matrix takes rows of 512 numbers only.
    write_model(folder, work=1, name="fragile")
    narrow = "dynamic_batching { default_queue_policy { max_queue_size: 1 } }"
    write_model(folder, f"{narrow} instance_group {{ count: 1 }}", work=2000, name="narrow")
    (write_model(folder, name="broken") / "1/model.onnx").write_bytes(b"broken")
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def server(keys: dict[str, str], models: Path, store: Path) -> Iterator[RunningServer]:
    flags = ["--model-repository", str(models), "--api-keys", keys["file"], "--allow-client-shm"]
    flags += ["--model-control-mode", "explicit", "--load-model", "landscapes"]
    flags += ["--load-model", "fragile", "--load-model", "narrow"]
    flags += ["--load-model", "landscapes_discriminator", "--store", str(store)]
    bounds = ["--max-in-flight", str(LIMIT), "--max-count", str(LIMIT), "--max-backlog", "1"]
    with running_server(*flags, *bounds) as running:
        yield running


class Caller:
    """Makes calls and keeps what the server should count for them."""

    def __init__(self, server: RunningServer, keys: dict[str, str]) -> None:
        self.expected = Expected()
        self.server = server
        self.target = server.target
        self.keys = keys
        self.http = httpx.AsyncClient(base_url=server.http, timeout=60)
        self.channel = grpc.aio.insecure_channel(server.target)
        self.stub = pb_grpc.GRPCInferenceServiceStub(self.channel)

    async def close(self) -> None:
        await self.http.aclose()
        await self.channel.close()

    def header(self, name: str) -> dict[str, str]:
        return {"authorization": f"Bearer {self.keys[name]}"} if name else {}

    async def post(self, path: str, body: object, key: str = "free", **headers: str) -> int:
        answer = await self.http.post(path, json=body, headers=self.header(key) | headers)
        return answer.status_code

    async def under_way(self, path: str) -> asyncio.Task[int]:
        """A long call that has been let in."""
        task = asyncio.create_task(self.post(path, LONG))
        while "impasto_in_flight_pictures 0.0" in (await self.http.get("/metrics")).text:
            assert not task.done()
            await asyncio.sleep(0.005)
        return task

    async def ask(self, method: str, message: object, **more: object) -> grpc.StatusCode:
        """The code with which a call of the inference protocol ends."""
        try:
            metadata = tuple(self.header("free").items())
            await getattr(self.stub, method)(message, metadata=metadata, **more)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK

    def expect(self, reason: Reason, method: str, count: int = 1) -> None:
        self.expected[reason.value, method] += count


def rows(model: str, size: int = 512) -> pb.ModelInferRequest:
    message = pb.ModelInferRequest(model_name=model)
    message.inputs.add(name="x", datatype="FP32", shape=[1, size])
    message.raw_input_contents.append(bytes(4 * size))
    return message


def region(name: str, key: str) -> pb.SystemSharedMemoryRegisterRequest:
    return pb.SystemSharedMemoryRegisterRequest(name=name, key=key, offset=0, byte_size=64)


async def over_the_bounds(caller: Caller) -> None:
    """A request that never fits, pictures in flight, and the backlog."""
    assert await caller.post("/v1/generate", LONG | {"size": 512}) == 413
    caller.expect(Reason.TOO_LARGE, "Generate")
    # What somebody does not take stays in flight, and keeps nobody waiting.
    async with AsyncClient(caller.target, credentials=Credentials(caller.keys["free"])) as client:
        stream = client.generate_stream(count=LIMIT, picture_format=PictureFormat.RAW_RGB8)
        await anext(stream)
        while caller.server.metrics()["impasto_backlog_pictures",]:
            await asyncio.sleep(0.01)
        assert await caller.post("/v1/generate", LONG) == 429
        await stream.aclose()
    caller.expect(Reason.FULL, "Generate")
    caller.expect(Reason.CANCELLED, "GenerateStream")
    await settled(caller.server)
    # What comes while others wait is refused, unless it comes at once, by the machine's own pace.
    refused, pause = 0, 0.03
    while not refused:
        refused = await _beside_a_backlog(caller, pause)
        pause *= 2
    caller.expect(Reason.BACKLOG, "Generate", refused)


async def _beside_a_backlog(caller: Caller, pause: float) -> int:
    """How many of a few small calls are refused while pictures are made; there is room for all."""
    calls = [asyncio.create_task(caller.post("/v1/generate", {"count": 8, "candidates": 4}))]
    for _ in range(4):
        await asyncio.sleep(pause)
        calls.append(asyncio.create_task(caller.post("/v1/generate", {"count": 1})))
    return sum(code == 429 for code in await asyncio.gather(*calls))


async def by_whom(caller: Caller) -> None:
    """Keys: none, an unknown one, one that is not good for it, and what each may ask for."""
    assert await caller.post("/v1/generate", {}, key="") == 401
    caller.expect(Reason.UNAUTHENTICATED, "Generate")
    assert await caller.post("/v2/repository/models/narrow/unload", {}, key="guest") == 403
    caller.expect(Reason.FORBIDDEN, "RepositoryModelUnload")
    codes = [await caller.post("/v2/repository/index", {}, key="slow") for _ in range(2)]
    assert codes == [200, 429]
    caller.expect(Reason.RATE_LIMIT, "RepositoryIndex")
    two = (caller.post("/v1/generate", {"seed": 1}, key="narrow") for _ in range(2))
    assert sorted(await asyncio.gather(*two)) == [200, 429]
    caller.expect(Reason.CONCURRENCY_LIMIT, "Generate")


async def wrong(caller: Caller) -> None:
    """Requests that nobody can answer."""
    assert await caller.post("/v1/generate", {"count": 0}) == 400
    caller.expect(Reason.INVALID, "Generate")
    assert await caller.post("/v2/nowhere", {}) == 404
    caller.expect(Reason.NOT_FOUND, "Unknown")
    assert await caller.ask("ModelInfer", rows("mona_lisa")) is grpc.StatusCode.NOT_FOUND
    caller.expect(Reason.NOT_FOUND, "ModelInfer")
    load = pb.RepositoryModelLoadRequest(model_name="broken")
    assert await caller.ask("RepositoryModelLoad", load) is grpc.StatusCode.INTERNAL
    caller.expect(Reason.MODEL_BROKEN, "RepositoryModelLoad")
    load.parameters["file:1/model.onnx"].bytes_param = b"mine"
    assert await caller.ask("RepositoryModelLoad", load) is grpc.StatusCode.UNIMPLEMENTED
    caller.expect(Reason.NOT_SUPPORTED, "RepositoryModelLoad")
    assert await caller.ask("ModelInfer", rows("fragile", 4)) is grpc.StatusCode.INTERNAL
    caller.expect(Reason.INFERENCE_FAILED, "ModelInfer")


async def regions(caller: Caller) -> None:
    """More shared memory than there is room for, and a name that is taken."""
    method, shared = "SystemSharedMemoryRegister", SharedMemory(create=True, size=64)
    try:
        for index in range(MOST_REGIONS):
            code = await caller.ask(method, region(f"r{index}", shared.name))
            assert code is grpc.StatusCode.OK
        full = await caller.ask(method, region("more", shared.name))
        assert full is grpc.StatusCode.RESOURCE_EXHAUSTED
        caller.expect(Reason.REGIONS, method)
        taken = await caller.ask(method, region("r0", shared.name))
        assert taken is grpc.StatusCode.ALREADY_EXISTS
        caller.expect(Reason.ALREADY_EXISTS, method)
    finally:
        shared.close()
        shared.unlink()


async def broken_store(caller: Caller, store: Path) -> None:
    """A stored picture whose file is gone, and a folder that takes none."""
    stored = {"seed": 1, "store": True}
    assert await caller.post("/v1/generate", stored) == 200
    spool = store / "spool"
    while not (files := [*store.glob("pictures/*/*.png")]) or [*spool.glob("[!.]*")]:
        await asyncio.sleep(0.01)
    (file,) = files
    file.unlink()
    path = f"/v1/pictures/{file.stem}/file"
    assert (await caller.http.get(path, headers=caller.header("free"))).status_code == 500
    caller.expect(Reason.DATA_LOSS, "GetPictureFile")
    away = spool.rename(store / "away")
    assert await caller.post("/v1/generate", stored) == 503
    caller.expect(Reason.STORE_UNAVAILABLE, "Generate")
    away.rename(spool)


async def out_of_time(caller: Caller) -> None:
    """A full queue, a deadline, and a caller who goes away."""
    many = [caller.ask("ModelInfer", rows("narrow")) for _ in range(6)]
    codes = Counter(await asyncio.gather(*many))
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED}
    caller.expect(Reason.QUEUE_FULL, "ModelInfer", codes[grpc.StatusCode.RESOURCE_EXHAUSTED])
    late = {"Request-Timeout": "0.01"}
    assert await caller.post("/v1/generate", LONG, **late) == 504
    caller.expect(Reason.DEADLINE, "Generate")
    leaving = await caller.under_way("/v1/generate")
    leaving.cancel()
    caller.expect(Reason.CANCELLED, "Generate")


def stages_that_failed(server: RunningServer, expected: Expected) -> None:
    def stage(name: str, code: str, **labels: str) -> float:
        return server.total("impasto_stage_seconds_count", stage=name, code=code, **labels)

    refused = sum(expected[reason, "Generate"] for reason in ("full", "backlog", "too_large"))
    assert stage("admission", "RESOURCE_EXHAUSTED", method="Generate") == refused
    full = expected["queue_full", "ModelInfer"]
    assert stage("queue", "RESOURCE_EXHAUSTED", model="narrow", method="ModelInfer") == full
    assert stage("model", "INTERNAL", model="fragile", method="ModelInfer") == 1


async def draining(caller: Caller, server: RunningServer) -> None:
    """Calls that come after SIGTERM, while an earlier one is finished."""
    long = await caller.under_way("/v1/generate/stream")
    server.process.send_signal(signal.SIGTERM)
    while (await caller.http.get("/health/ready")).status_code == 200:
        await asyncio.sleep(0.005)
    status = 200
    while status != 503:
        status = await caller.post("/v2/repository/index", {})
    caller.expect(Reason.DRAINING, "RepositoryIndex")
    assert counted(server) == caller.expected
    assert await long == 200


async def test_every_reason_is_counted_once(
    server: RunningServer, keys: dict[str, str], store: Path
) -> None:
    caller = Caller(server, keys)
    acts: list[Callable[[Caller], object]] = [over_the_bounds, by_whom, wrong, regions, out_of_time]
    try:
        for act in acts:
            await act(caller)  # type: ignore[misc]
            await settled(server)
        await broken_store(caller, store)
        assert counted(server) == caller.expected
        badly = server.total("impasto_request_seconds_count")
        badly -= server.total("impasto_request_seconds_count", code="OK")
        assert badly == caller.expected.total()
        stages_that_failed(server, caller.expected)
        await draining(caller, server)
    finally:
        await caller.close()
    made = {reason for reason, _ in caller.expected}
    assert made == {reason.value for reason in set(Reason) - ELSEWHERE}


def test_every_reason_is_explained() -> None:
    text = (ROOT / "docs/metrics.md").read_text()
    assert not [reason for reason in Reason if f"| `{reason}` |" not in text]


async def settled(server: RunningServer) -> None:
    patience = time.monotonic() + 30
    while server.metrics()["impasto_calls_under_way",]:
        assert time.monotonic() < patience
        await asyncio.sleep(0.01)
    await server.wait_for_in_flight(0)


def counted(server: RunningServer) -> Expected:
    text = httpx.get(f"{server.http}/metrics").text
    return Counter(
        {
            (sample.labels["reason"], sample.labels["method"]): int(sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "impasto_rejections_total"
        }
    )
