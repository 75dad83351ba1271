import inspect
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import tritonclient.grpc
import tritonclient.grpc.aio
import tritonclient.http
import tritonclient.http.aio
from running_server import REPOSITORY, RunningServer, running_server
from tiny_models import write_model


@dataclass
class TritonClient:
    """One of tritonclient's four clients; its calls are awaited whether they need it or not."""

    module: Any
    client: Any
    kind: str

    async def call(self, method: str, *args: Any, **options: Any) -> Any:
        value = getattr(self.client, method)(*args, **options)
        return await value if inspect.isawaitable(value) else value

    async def document(self, method: str, *args: Any) -> Any:
        """An answer as plain values, which HTTP's always are."""
        options = {"as_json": True} if self.kind.startswith("grpc") else {}
        return await self.call(method, *args, **options)

    def input(self, name: str, array: np.ndarray, **options: Any) -> Any:
        datatype = tritonclient.utils.np_to_triton_dtype(array.dtype)
        tensor = self.module.InferInput(name, list(array.shape), datatype)
        return tensor.set_data_from_numpy(array, **options)

    def output(self, name: str, **options: Any) -> Any:
        return self.module.InferRequestedOutput(name, **options)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed models, and add_one: y = x + 1."""
    repository = tmp_path_factory.mktemp("inference") / "models"
    shutil.copytree(REPOSITORY, repository)
    write_model(repository)
    return repository


@pytest.fixture(scope="session")
def gateway(repository: Path) -> Iterator[RunningServer]:
    """A gateway that lets clients use shared memory."""
    flags = ("--model-repository", str(repository), "--allow-client-shm")
    with running_server(*flags) as running:
        yield running


Connect = Callable[[RunningServer, str], Awaitable[TritonClient]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects one of tritonclient's clients."""
    opened: list[TritonClient] = []

    async def connect(server: RunningServer, kind: str) -> TritonClient:
        transport, *aio = kind.split(" ")
        module = getattr(tritonclient, transport)
        # The asyncio halves take their tensors from the synchronous ones.
        home = module.aio if aio else module
        address = server.target if transport == "grpc" else server.http.removeprefix("http://")
        opened.append(TritonClient(module, home.InferenceServerClient(address), kind))
        return opened[-1]

    yield connect
    for each in opened:
        await each.call("close")


@pytest.fixture(params=["grpc", "grpc aio", "http", "http aio"])
async def client(
    request: pytest.FixtureRequest, gateway: RunningServer, connect: Connect
) -> TritonClient:
    return await connect(gateway, request.param)


@pytest.fixture(scope="session")
def run_onnx(repository: Path) -> Callable[..., dict[str, np.ndarray]]:
    """Runs a model by onnxruntime alone."""

    def run(model: str, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        session = ort.InferenceSession(
            str(repository / model / "1/model.onnx"), providers=["CPUExecutionProvider"]
        )
        names = [item.name for item in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    return run
