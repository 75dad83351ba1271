"""Models that come and go while the engine runs."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from running_engine import (
    ALL_EXPLICIT,
    EXPLICIT,
    answer,
    ask,
    reason,
    request,
    running_engine,
    states,
    until,
)
from tiny_models import WORK_SIZE, write_ensemble, write_model, write_version
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import InferenceRequest
from server.engines.onnxruntime.control import ControlMode, ModelControl
from server.errors import (
    InvalidArgument,
    ModelLoadError,
    NotFound,
    NotSupported,
    Reason,
    Unavailable,
)

CHAIN = {("chain", "1"): "READY", ("add_one", "1"): "READY", ("add_two", "1"): "READY"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """chain = add_one, then add_two."""
    write_model(tmp_path, "dynamic_batching {}")
    write_model(tmp_path, "dynamic_batching {}", name="add_two", added=2)
    write_ensemble(tmp_path, ["add_one", "add_two"])
    return tmp_path


@pytest.mark.parametrize("mode", [ControlMode.NONE, ControlMode.POLL])
async def test_other_modes_take_no_requests(repository: Path, mode: ControlMode) -> None:
    async with running_engine(repository, ModelControl(mode)) as engine:
        assert await states(engine) == CHAIN
        with pytest.raises(NotSupported, match="--model-control-mode explicit"):
            await engine.load("add_one")
        with pytest.raises(NotSupported, match=f"the model control mode is {mode}"):
            await engine.unload("add_one")


async def test_explicit_starts_with_nothing(repository: Path) -> None:
    async with running_engine(repository) as engine:
        never = {("chain", ""): "", ("add_one", ""): "", ("add_two", ""): ""}
        assert await states(engine) == never
        assert await engine.index(ready_only=True) == []
        assert await engine.ready()
        with pytest.raises(NotFound, match=r"'add_one': not served; served are \[\]"):
            await ask(engine)


async def test_explicit_starts_with_what_is_named(repository: Path) -> None:
    control = ModelControl(ControlMode.EXPLICIT, ("add_two",))
    async with running_engine(repository, control) as engine:
        assert await ask(engine, "add_two") == 2
        assert (await states(engine))["add_one", ""] == ""


async def test_explicit_start_with_an_unknown_model_fails(repository: Path) -> None:
    with pytest.raises(NotFound, match="there is no model 'nothing'; there are"):
        async with running_engine(repository, ModelControl(ControlMode.EXPLICIT, ("nothing",))):
            pass


@pytest.mark.parametrize("name", ["nothing", "../add_one", ".", ""])
async def test_names_do_not_lead_out_of_the_repository(repository: Path, name: str) -> None:
    async with running_engine(repository / "..", EXPLICIT) as engine:
        for call in (engine.load, engine.unload):
            with pytest.raises(NotFound, match="there is no model"):
                await call(name)
        assert name not in {model for model, _ in await states(engine)}


async def test_reload_under_load_fails_nobody(repository: Path) -> None:
    """Hundreds of requests, each answered wholly by the old model or wholly by the new one."""
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        finished = asyncio.Event()
        seen: set[tuple[str, float]] = set()
        count = 0

        async def keep_asking(model: str) -> None:
            nonlocal count
            while not finished.is_set():
                seen.add((model, await ask(engine, model)))
                count += 1
                # Brief work never lets the event loop go; callers over a network do.
                await asyncio.sleep(0)

        askers = [asyncio.create_task(keep_asking(name)) for name in ("add_one", "chain") * 16]
        for added in (10, 20, 30):
            write_version(repository / "add_one", "1", added)
            await engine.load("add_one")
            assert await ask(engine) == added, "the answer to load means that the new one serves"
            assert await ask(engine, "chain") == added + 2
            enough = count + 100
            while count < enough:
                await asyncio.sleep(0.001)
        finished.set()
        await asyncio.gather(*askers)
        added = {1.0, 10.0, 20.0, 30.0}
        assert seen == {("add_one", x) for x in added} | {("chain", x + 2) for x in added}
        assert await states(engine) == CHAIN


async def test_requests_under_way_finish_on_the_old_version(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "instance_group { count: 1 }", work=400)
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        waiting = [
            asyncio.create_task(engine.infer(request(value=value, size=WORK_SIZE)))
            for value in range(10)
        ]
        await asyncio.sleep(0)
        write_version(folder, "2", added=100)
        await engine.load("add_one")
        results = await asyncio.gather(*waiting)
        assert [answer(item) for item in results] == [value + 1 for value in range(10)]
        assert {item.version for item in results} == {"1"}
        assert (await engine.infer(request())).version == "2"

        async def gone() -> bool:
            return (await states(engine))["add_one", "1"] == "UNAVAILABLE"

        await until(gone)
        assert {item.reason for item in await engine.index() if item.version == "1"} == {"unloaded"}
        assert await engine.ready(), "what was unloaded on purpose is not missed"


async def test_failed_reload_keeps_the_old(repository: Path) -> None:
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        file = repository / "add_one/1/model.onnx"
        good = file.read_bytes()
        file.write_bytes(good[:50])
        with pytest.raises(ModelLoadError, match=r"add_one/1/model\.onnx: onnxruntime cannot"):
            await engine.load("add_one")
        assert await ask(engine) == 1
        assert await ask(engine, "chain") == 3
        assert (await states(engine))["add_one", "1"] == "READY"
        assert "onnxruntime cannot load it" in await reason(engine, "add_one")
        file.write_bytes(good)
        await engine.load("add_one")
        assert await reason(engine, "add_one") == ""


async def test_failed_reload_of_the_config_keeps_the_old(repository: Path) -> None:
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        with (repository / "add_one/config.pbtxt").open("a") as config:
            config.write("max_batchsize: 3")
        with pytest.raises(ModelLoadError, match="max_batchsize"):
            await engine.load("add_one")
        assert await ask(engine) == 1
        assert "max_batchsize" in await reason(engine, "add_one")


async def test_one_broken_version_fails_all(tmp_path: Path) -> None:
    folder = write_model(tmp_path, "version_policy { all {} }")
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        (folder / "2").mkdir()
        with pytest.raises(ModelLoadError, match="version 2 needs this file"):
            await engine.load("add_one")
        assert await states(engine) == {("add_one", "1"): "READY", ("add_one", "2"): "UNAVAILABLE"}
        assert (await engine.infer(request())).version == "1"
        assert not await engine.ready(), "as in Triton, a version that should be there is not"


async def test_failed_first_load(repository: Path) -> None:
    async with running_engine(repository) as engine:
        (repository / "add_one/1/model.onnx").write_bytes(b"no model")
        with pytest.raises(ModelLoadError, match="add_one"):
            await engine.load("chain")
        all_states = await states(engine)
        assert all_states["add_one", "1"] == all_states["chain", "1"] == "UNAVAILABLE"
        assert not await engine.ready()
        assert not await engine.model_ready("chain")


async def test_load_with_a_config(tmp_path: Path) -> None:
    write_model(tmp_path)
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        config = ModelConfig()
        config.CopyFrom(await engine.config("add_one"))
        config.max_batch_size = 2
        await engine.load("add_one", config)
        three_rows = InferenceRequest("add_one", {"x": np.zeros((3, 2), np.float32)})
        assert (await engine.config("add_one")).max_batch_size == 2
        with pytest.raises(InvalidArgument, match="1 to 2 rows"):
            await engine.infer(three_rows)
        await engine.load("add_one")
        assert (await engine.config("add_one")).max_batch_size == 4, "the file counts again"
        await engine.infer(three_rows)


async def test_broken_config_in_a_load(repository: Path) -> None:
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        broken = ModelConfig(backend="tensorrt", max_batch_size=2)
        with pytest.raises(ModelLoadError, match="add_one, the given configuration:2: expected"):
            await engine.load("add_one", broken)
        assert await ask(engine) == 1


async def test_ensemble_brings_its_steps(repository: Path) -> None:
    async with running_engine(repository) as engine:
        await engine.load("chain")
        assert await states(engine) == CHAIN
        assert await ask(engine, "chain") == 3


async def test_ensemble_that_does_not_fit_its_reloaded_step(repository: Path) -> None:
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        config = ModelConfig()
        config.CopyFrom(await engine.config("add_one"))
        config.max_batch_size = 2
        config.dynamic_batching.ClearField("preferred_batch_size")
        await engine.load("add_one", config)
        with pytest.raises(NotFound):
            await ask(engine, "chain")
        assert "takes batches of 2 only" in await reason(engine, "chain")
        assert not await engine.ready()
        await engine.load("add_one")
        assert await ask(engine, "chain") == 3


async def test_unload_while_busy(tmp_path: Path) -> None:
    write_model(tmp_path, "instance_group { count: 1 }", work=400)
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        waiting = [
            asyncio.create_task(engine.infer(request(value=value, size=WORK_SIZE)))
            for value in range(20)
        ]
        await asyncio.sleep(0)
        unloading = asyncio.create_task(engine.unload("add_one"))

        async def refused() -> bool:
            return not await engine.model_ready("add_one")

        await until(refused)
        assert not waiting[-1].done(), "this is about requests under way"
        with pytest.raises(NotFound):
            await ask(engine)
        assert (await states(engine))["add_one", "1"] == "UNLOADING"
        assert [answer(item) for item in await asyncio.gather(*waiting)] == list(range(1, 21))
        await unloading
        assert (await states(engine))["add_one", "1"] == "UNAVAILABLE"
        assert await reason(engine, "add_one") == "unloaded"
        assert await engine.ready()


async def test_ensemble_under_way_keeps_its_steps(repository: Path) -> None:
    write_model(repository, "instance_group { count: 1 }", work=400)
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        waiting = [
            asyncio.create_task(engine.infer(request("chain", size=WORK_SIZE))) for _ in range(5)
        ]
        await asyncio.sleep(0)
        await asyncio.gather(engine.unload("add_two"), engine.unload("add_one"))
        assert {answer(item) for item in await asyncio.gather(*waiting)} == {3}
        assert set((await states(engine)).values()) == {"UNAVAILABLE"}


async def test_ensemble_follows_its_steps(repository: Path) -> None:
    """As in Triton: out of service with a step, and back with it."""
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        await engine.unload("add_two")
        with pytest.raises(NotFound, match="'chain': not served"):
            await ask(engine, "chain")
        assert (await states(engine))["chain", "1"] == "UNAVAILABLE"
        assert await reason(engine, "chain") == "unloaded"
        await engine.load("add_two")
        assert await ask(engine, "chain") == 3


async def test_unload_with_dependents(repository: Path) -> None:
    """As in Triton: steps that were loaded by name, or that others use, stay."""
    write_model(repository, name="add_four", added=4)
    write_ensemble(repository, ["add_two", "add_four"], name="other")
    async with running_engine(repository) as engine:
        for name in ("add_one", "chain", "other"):
            await engine.load(name)
        await engine.unload("chain")
        assert await ask(engine, "add_two") == 2
        await engine.load("chain")
        await engine.unload("chain", dependents=True)
        assert await ask(engine, "add_one") == 1, "it was asked for by name"
        assert await ask(engine, "other") == 6, "it has the same step"
        await engine.unload("other", dependents=True)
        ready = {item.name for item in await engine.index(ready_only=True)}
        assert ready == {"add_one"}


async def test_what_is_not_served_can_be_unloaded(repository: Path) -> None:
    async with running_engine(repository) as engine:
        await engine.unload("add_one")
        assert (await states(engine))["add_one", ""] == ""


async def test_loads_at_once(repository: Path) -> None:
    async with running_engine(repository) as engine:
        names = ["chain", "add_one", "add_two"] * 5
        await asyncio.gather(*(engine.load(name) for name in names))
        assert await states(engine) == CHAIN
        assert await ask(engine, "chain") == 3


async def test_load_outlives_its_caller(repository: Path) -> None:
    async with running_engine(repository) as engine:
        load = asyncio.create_task(engine.load("add_one"))
        await asyncio.sleep(0)
        load.cancel()
        await asyncio.wait([load])
        assert load.cancelled()

        async def served() -> bool:
            return await engine.model_ready("add_one")

        await until(served)


async def test_serving_goes_on_during_a_load(repository: Path) -> None:
    write_model(repository, work=100, name="slow")
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        load = asyncio.create_task(engine.load("slow"))
        answers = 0
        while not load.done():
            await ask(engine)
            # A model that takes no time answers without a turn of the event loop.
            await asyncio.sleep(0)
            answers += 1
        await load
        assert answers > 10


async def test_closed_engine(repository: Path) -> None:
    async with running_engine(repository, ALL_EXPLICIT) as engine:
        pass
    with pytest.raises(Unavailable, match="closing") as refused:
        await ask(engine)
    assert refused.value.reason is Reason.UNLOADING
    with pytest.raises(Unavailable, match="closing"):
        await engine.load("add_one")
    assert not await engine.ready()
