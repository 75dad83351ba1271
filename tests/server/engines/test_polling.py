"""Model control mode poll: the engine follows what changes in the repository."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from running_engine import ask, reason, request, running_engine, states, until
from tiny_models import write_config, write_ensemble, write_model, write_version

from server.engines.onnxruntime.control import ControlMode, ModelControl
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.errors import ModelLoadError

POLL = ModelControl(ControlMode.POLL, poll_seconds=0.02)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[OnnxRuntimeEngine]:
    """Polls a repository with the model add_one."""
    write_model(tmp_path)
    async with running_engine(tmp_path, POLL) as running:
        yield running


async def test_new_version(engine: OnnxRuntimeEngine, tmp_path: Path) -> None:
    write_version(tmp_path / "add_one", "2", added=20)
    await until(lambda: served_as(engine, "2"))
    assert await ask(engine) == 20


async def test_removed_version(engine: OnnxRuntimeEngine, tmp_path: Path) -> None:
    write_version(tmp_path / "add_one", "2", added=20)
    await until(lambda: served_as(engine, "2"))
    shutil.rmtree(tmp_path / "add_one/2")
    await until(lambda: served_as(engine, "1"))
    assert await ask(engine) == 1


async def test_changed_file(engine: OnnxRuntimeEngine, tmp_path: Path) -> None:
    write_version(tmp_path / "add_one", "1", added=5)

    async def changed() -> bool:
        return await ask(engine) == 5

    await until(changed)


async def test_changed_config(engine: OnnxRuntimeEngine, tmp_path: Path) -> None:
    write_config(tmp_path / "add_one", "dynamic_batching {}")

    async def changed() -> bool:
        return (await engine.config("add_one")).HasField("dynamic_batching")

    await until(changed)


async def test_new_and_removed_models(engine: OnnxRuntimeEngine, tmp_path: Path) -> None:
    write_model(tmp_path, name="add_two", added=2)
    write_ensemble(tmp_path, ["add_one", "add_two"])

    async def chained() -> bool:
        return await engine.model_ready("chain")

    await until(chained)
    assert await ask(engine, "chain") == 3
    shutil.rmtree(tmp_path / "add_two")

    async def gone() -> bool:
        return not await engine.model_ready("add_two")

    await until(gone)
    assert not await engine.model_ready("chain"), "it misses a step"
    assert await ask(engine) == 1
    assert ("add_two", "1") not in await states(engine)


async def test_half_written_model(
    engine: OnnxRuntimeEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = (tmp_path / "add_one/1/model.onnx").read_bytes()
    half = tmp_path / "add_one/2/model.onnx"
    beside = tmp_path.with_name(tmp_path.name + "-half")
    beside.mkdir()
    (beside / "model.onnx").write_bytes(whole[:50])
    beside.rename(half.parent)

    async def refused() -> bool:
        return "onnxruntime cannot load it" in await reason_of(engine, "2")

    await until(refused)
    assert await ask(engine) == 1, "the old one serves on"
    write_model(tmp_path, name="witness")

    async def looked_again() -> bool:
        return await engine.model_ready("witness")

    await until(looked_again)
    errors = [item for item in caplog.records if "cannot load it" in item.getMessage()]
    assert len(errors) == 1, "once per change, not at every look"
    half.write_bytes(whole)
    await until(lambda: served_as(engine, "2"))
    assert await reason(engine, "add_one") in ("", "unloaded")


async def test_step_that_is_mended_brings_its_ensemble(
    engine: OnnxRuntimeEngine, tmp_path: Path
) -> None:
    folder = write_model(tmp_path, name="add_two", added=2)
    whole = (folder / "1/model.onnx").read_bytes()
    (folder / "1/model.onnx").write_bytes(whole[:50])
    write_ensemble(tmp_path, ["add_one", "add_two"])

    async def refused() -> bool:
        return "step 'add_two'" in await reason_of(engine, "1", "chain")

    await until(refused)
    (folder / "1/model.onnx").write_bytes(whole)

    async def mended() -> bool:
        return await engine.model_ready("chain")

    await until(mended)


async def test_repository_that_is_away_for_a_while(
    engine: OnnxRuntimeEngine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = tmp_path.with_name(tmp_path.name + "-away")
    tmp_path.rename(away)

    async def noticed() -> bool:
        return "cannot look for changes" in caplog.text

    await until(noticed)
    assert await ask(engine) == 1
    away.rename(tmp_path)
    write_version(tmp_path / "add_one", "2", added=20)
    await until(lambda: served_as(engine, "2"))


async def test_start_with_a_broken_model_fails(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    (folder / "1/model.onnx").write_bytes(b"no model")
    with pytest.raises(ModelLoadError, match="add_one"):
        async with running_engine(tmp_path, POLL):
            pass


async def served_as(engine: OnnxRuntimeEngine, version: str) -> bool:
    return (await engine.infer(request())).version == version


async def reason_of(engine: OnnxRuntimeEngine, version: str, model: str = "add_one") -> str:
    """What the index says of a version; empty where it has none."""
    found = [
        item.reason
        for item in await engine.index()
        if (item.name, item.version) == (model, version)
    ]
    return found[0] if found else ""
