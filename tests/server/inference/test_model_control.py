"""Loading and unloading through tritonclient, where the server is told to take that."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from running_server import REPOSITORY, RunningServer, running_server
from tiny_models import write_model, write_version
from tritonclient.utils import InferenceServerException


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = tmp_path_factory.mktemp("control") / "models"
    shutil.copytree(REPOSITORY, repository)
    write_model(repository)
    return repository


@pytest.fixture(scope="module")
def gateway(folder: Path) -> Iterator[RunningServer]:
    """Overrides the one that loads all models: this one loads the painting's at first."""
    flags = ("--model-control-mode", "explicit", "--load-model", "landscapes")
    with running_server("--model-repository", str(folder), *flags) as running:
        yield running


async def add(client, value: float = 1.0, rows: int = 1) -> float:
    x = np.full((rows, 2), value, np.float32)
    result = await client.call("infer", "add_one", [client.input("x", x)])
    return float(result.as_numpy("y")[0, 0])


async def test_load_and_unload(client) -> None:
    assert not await client.call("is_model_ready", "add_one")
    await client.call("load_model", "add_one")
    assert await client.call("is_model_ready", "add_one")
    assert await add(client) == 2
    await client.call("unload_model", "add_one", unload_dependents=True)
    with pytest.raises(InferenceServerException):
        await add(client)
    assert await client.call("is_server_ready")


async def test_load_again_takes_what_is_new(client, folder: Path) -> None:
    await client.call("load_model", "add_one")
    try:
        write_version(folder / "add_one", "2", added=5.0)
        await client.call("load_model", "add_one")
        assert await add(client) == 6
    finally:
        shutil.rmtree(folder / "add_one/2")
        await client.call("unload_model", "add_one")


async def test_config_in_the_request_counts(client) -> None:
    await client.call("load_model", "add_one")
    config = (await client.document("get_model_config", "add_one")).get("config")
    config = config or await client.document("get_model_config", "add_one")
    await client.call("load_model", "add_one", config=json.dumps(config | {"max_batch_size": 2}))
    try:
        assert await add(client, rows=2) == 2
        with pytest.raises(InferenceServerException):
            await add(client, rows=3)
    finally:
        await client.call("unload_model", "add_one")


async def test_unknown_model_cannot_be_loaded(client) -> None:
    with pytest.raises(InferenceServerException, match="mona_lisa"):
        await client.call("load_model", "mona_lisa")


async def test_files_in_the_request_are_refused(client) -> None:
    code = "StatusCode.UNIMPLEMENTED" if client.kind.startswith("grpc") else "501"
    with pytest.raises(InferenceServerException, match="model files") as caught:
        await client.call("load_model", "add_one", config="{}", files={"file:1/model.onnx": b"x"})
    assert caught.value.status() == code
