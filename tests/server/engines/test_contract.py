"""One contract, two engines: what holds for ours holds for a real Triton, and the other way round.

Triton completes a configuration with what it decides itself. Ours completes what says how a model
is served (`platform`, `version_policy`, `preferred_batch_size`) in the same words; the rest tells
how Triton runs it, has no meaning here, and is left out of the comparison: `_TRITONS_OWN`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
from running_triton import RunningTriton, needs_triton
from tiny_models import WORK_SIZE
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.grpc.service_pb2 import ModelStatistics

from server.engines.base import Deadline, Engine, InferenceRequest, InferenceResult
from server.engines.onnxruntime.control import EVERY_MODEL, ControlMode, ModelControl
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.engines.triton.engine import TritonEngine, TritonOptions
from server.errors import (
    DeadlineExceeded,
    ImpastoError,
    InvalidArgument,
    ModelLoadError,
    NotFound,
    Overloaded,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

_TRITONS_OWN = (
    "default_model_filename",
    "instance_group",
    "model_transaction_policy",
    "optimization",
    "runtime",
)
COMMITTED = (
    "landscapes_generator",
    "stylizer",
    "landscapes_discriminator",
    "landscapes",
    "landscapes_64",
)
TINY = ("add_one", "busy", "narrow", "impatient", "yielding")
CODE_SIZE = 1352


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ours(contract_repository: Path) -> AsyncIterator[Engine]:
    control = ModelControl(ControlMode.EXPLICIT, load_models=(EVERY_MODEL,))
    engine = OnnxRuntimeEngine(contract_repository, control)
    await engine.start()
    yield engine
    await engine.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tritons(triton: RunningTriton) -> AsyncIterator[Engine]:
    engine = TritonEngine(TritonOptions([triton.url]))
    await engine.start()
    yield engine
    await engine.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tritons_by_memory(triton: RunningTriton) -> AsyncIterator[Engine]:
    engine = TritonEngine(TritonOptions([triton.url], shared_memory=True))
    await engine.start()
    yield engine
    await engine.close()


@pytest.fixture(
    params=[
        "ours",
        pytest.param("tritons", marks=needs_triton),
        pytest.param("tritons_by_memory", marks=needs_triton),
    ]
)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Either engine; Triton's both by gRPC alone and by shared memory."""
    return request.getfixturevalue(request.param)


def rows(*values: float, size: int = WORK_SIZE) -> dict[str, np.ndarray]:
    return {"x": np.repeat(np.array(values, np.float32)[:, None], size, axis=1)}


def row_request(model: str, value: float = 1) -> InferenceRequest:
    return InferenceRequest(model, rows(value))


def painting_inputs(count: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(7)
    latent = random.standard_normal((count, 64), np.float32)
    return {"latent": latent, "style_code": random.random((count, CODE_SIZE), np.float32)}


async def outcomes(engine: Engine, *requests: InferenceRequest) -> list[object]:
    calls = (engine.infer(item) for item in requests)
    return await asyncio.gather(*calls, return_exceptions=True)


async def settled_statistics(engine: Engine) -> ModelStatistics:
    """What `add_one` has counted, once that stands still.

    Triton counts a request a moment after its answer has gone out.
    """
    (last,) = await engine.statistics("add_one", "1")
    while True:
        await asyncio.sleep(0.5)
        (now,) = await engine.statistics("add_one", "1")
        if now == last:
            return now
        last = now


def kinds(results: Sequence[object]) -> set[type]:
    return {type(result) for result in results}


def count_of(results: Sequence[object], kind: type) -> int:
    return sum(isinstance(result, kind) for result in results)


# Answers.


async def test_everybody_gets_their_own_rows_of_a_shared_batch(engine: Engine) -> None:
    requests = [InferenceRequest("add_one", rows(*range(n, n + n % 4 + 1))) for n in range(40)]
    for request, result in zip(requests, await outcomes(engine, *requests), strict=True):
        assert isinstance(result, InferenceResult), result
        assert np.array_equal(result.outputs["y"], request.inputs["x"] + 1)
        assert result.version == "1"


async def test_variable_sizes(engine: Engine) -> None:
    for size in (1, 7, 3000):
        result = await engine.infer(InferenceRequest("add_one", rows(2, 3, size=size)))
        assert result.outputs["y"].tolist() == [[3.0] * size, [4.0] * size]


@needs_triton
@pytest.mark.parametrize("count", [1, 3, 8])
@pytest.mark.parametrize(("model", "side"), [("landscapes", 256), ("landscapes_64", 64)])
async def test_same_pixels(
    ours: Engine, tritons: Engine, model: str, side: int, count: int
) -> None:
    request = InferenceRequest(model, painting_inputs(count))
    first, second = [(await item.infer(request)).outputs for item in (ours, tritons)]
    assert first.keys() == second.keys() == {"pixels"}
    assert first["pixels"].dtype == second["pixels"].dtype == np.uint8
    assert first["pixels"].shape == second["pixels"].shape == (count, side, side, 3)
    difference = np.abs(first["pixels"].astype(int) - second["pixels"])
    assert difference.max() <= 1
    assert first["pixels"].std() > 10, "flat pictures compare well"


async def test_only_the_wanted_outputs(engine: Engine) -> None:
    inputs = {"latent": painting_inputs(2)["latent"]}
    request = InferenceRequest("landscapes_generator", inputs)
    assert (await engine.infer(request)).outputs.keys() == {"image", "canvas"}
    (name,) = (await engine.infer(request._replace(outputs=["image"]))).outputs
    assert name == "image"


async def test_a_stage_tells_time_and_rows(engine: Engine) -> None:
    stage, *_ = (await engine.infer(InferenceRequest("add_one", rows(1, 2)))).stages
    assert (stage.model, stage.batch_size) == ("add_one", 2)
    assert stage.compute_seconds > 0


# Descriptions.


@needs_triton
@pytest.mark.parametrize("version", ["", "1"])
@pytest.mark.parametrize("model", [*COMMITTED, *TINY])
async def test_same_metadata(ours: Engine, tritons: Engine, model: str, version: str) -> None:
    assert await ours.metadata(model, version) == await tritons.metadata(model, version)


@needs_triton
@pytest.mark.parametrize("model", [*COMMITTED, *TINY])
async def test_same_config(ours: Engine, tritons: Engine, model: str) -> None:
    first, second = [await item.config(model) for item in (ours, tritons)]
    for config in (first, second):
        assert config.name == model
        for field in _TRITONS_OWN:
            config.ClearField(field)
    assert first == second


@needs_triton
async def test_same_index(ours: Engine, tritons: Engine) -> None:
    first, second = [await item.index() for item in (ours, tritons)]
    assert sorted(map(str, first)) == sorted(map(str, second))
    assert {item.name for item in first} >= {*COMMITTED, *TINY}


async def test_statistics_count_requests_and_rows(engine: Engine) -> None:
    before = await settled_statistics(engine)
    for _ in range(3):
        await engine.infer(InferenceRequest("add_one", rows(1, 2)))
    after = await settled_statistics(engine)
    assert (after.name, after.version) == ("add_one", "1")
    assert after.inference_stats.success.count - before.inference_stats.success.count == 3
    assert after.inference_count - before.inference_count == 6
    assert after.inference_stats.success.ns > before.inference_stats.success.ns
    everything = {item.name for item in await engine.statistics()}
    assert everything >= {*COMMITTED, *TINY}


async def test_ready(engine: Engine) -> None:
    assert await engine.ready()
    assert await engine.model_ready("landscapes")
    assert await engine.model_ready("add_one", "1")
    assert not await engine.model_ready("add_one", "2")
    assert not await engine.model_ready("absent")


# Refusals.


ONE_LATENT = {"latent": np.zeros((1, 64), np.float32)}
WRONG: dict[str, tuple[dict[str, object], type[ImpastoError]]] = {
    "unknown model": ({"model": "absent"}, NotFound),
    "unknown version": ({"version": "2"}, NotFound),
    "no version": ({"version": "latest"}, InvalidArgument),
    "wrong shape": ({"inputs": {"x": np.zeros((1, 2, 3), np.float32)}}, InvalidArgument),
    "no batch axis": ({"inputs": {"x": np.array(1, np.float32)}}, InvalidArgument),
    "wrong datatype": ({"inputs": {"x": np.zeros((1, 2), np.int64)}}, InvalidArgument),
    "no inputs": ({"inputs": {}}, InvalidArgument),
    "another input": ({"inputs": {"z": np.zeros((1, 2), np.float32)}}, InvalidArgument),
    "extra input": ({"inputs": rows(1) | {"z": np.zeros((1, 2), np.float32)}}, InvalidArgument),
    "batch too large": ({"inputs": rows(1, 2, 3, 4, 5)}, InvalidArgument),
    "empty batch": ({"inputs": {"x": np.zeros((0, 2), np.float32)}}, InvalidArgument),
    "unknown output": ({"outputs": ["z"]}, InvalidArgument),
    "expired deadline": ({"deadline": Deadline.after(-1)}, DeadlineExceeded),
    "ensemble, missing input": ({"model": "landscapes", "inputs": ONE_LATENT}, InvalidArgument),
    "ensemble, batches differ": (
        {"model": "landscapes", "inputs": painting_inputs(2) | ONE_LATENT},
        InvalidArgument,
    ),
    "ensemble, batch too large": (
        {"model": "landscapes", "inputs": painting_inputs(9)},
        InvalidArgument,
    ),
    "ensemble, inner output": (
        {"model": "landscapes", "inputs": painting_inputs(1), "outputs": ["canvas"]},
        InvalidArgument,
    ),
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_requests(engine: Engine, case: str) -> None:
    wrong, error = WRONG[case]
    with pytest.raises(error) as caught:
        await engine.infer(row_request("add_one")._replace(**wrong))
    assert str(wrong.get("model", "add_one")) in str(caught.value)
    assert isinstance(await engine.infer(row_request("add_one")), InferenceResult)


@pytest.mark.parametrize(("model", "version"), [("absent", ""), ("add_one", "2")])
async def test_unknown_models_have_no_description(engine: Engine, model: str, version: str) -> None:
    for method in (engine.metadata, engine.config, engine.statistics):
        with pytest.raises(NotFound):
            await method(model, version)


# Queues.


async def test_full_queue(engine: Engine) -> None:
    results = await outcomes(engine, *(row_request("narrow") for _ in range(16)))
    assert kinds(results) == {InferenceResult, Overloaded}
    assert isinstance(await engine.infer(row_request("narrow")), InferenceResult)


async def test_queue_timeout(engine: Engine) -> None:
    results = await outcomes(engine, *(row_request("impatient") for _ in range(16)))
    assert kinds(results) == {InferenceResult, DeadlineExceeded}


async def test_a_requests_own_timeout_where_the_policy_allows_it(engine: Engine) -> None:
    hurried = row_request("yielding")._replace(timeout=0.02)
    results = await outcomes(engine, *([hurried] * 16))
    assert kinds(results) == {InferenceResult, DeadlineExceeded}
    assert kinds(await outcomes(engine, *([row_request("yielding")] * 16))) == {InferenceResult}


async def test_a_requests_own_timeout_elsewhere_is_not_heard(engine: Engine) -> None:
    hurried = row_request("busy")._replace(timeout=0.02)
    assert kinds(await outcomes(engine, *([hurried] * 4))) == {InferenceResult}


async def test_deadline_in_the_queue(engine: Engine) -> None:
    late = row_request("busy")._replace(deadline=Deadline.after(0.1))
    requests = [row_request("busy", 1), *[late] * 4, row_request("busy", 2)]
    first, *middle, last = await outcomes(engine, *requests)
    assert kinds([first, last]) == {InferenceResult}
    assert kinds(middle) <= {InferenceResult, DeadlineExceeded}
    assert isinstance(middle[-1], DeadlineExceeded)


async def test_cancelled_call(engine: Engine) -> None:
    """Its neighbours in the queue get their own answers, before and after it."""
    tasks = [asyncio.create_task(engine.infer(row_request("busy", n))) for n in range(4)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    pending = [task for task in tasks if not task.done()]
    pending[0].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert count_of(results, asyncio.CancelledError) == 1
    for value, result in enumerate(results):
        if isinstance(result, InferenceResult):
            assert set(result.outputs["y"][0].tolist()) == {value + 1}
    assert count_of(results, InferenceResult) == 3


# Models at run time.


async def test_unload_while_busy(engine: Engine) -> None:
    """What runs and what waits is answered; what comes later finds no model."""
    tasks = [asyncio.create_task(engine.infer(row_request("busy", n))) for n in range(4)]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await engine.unload("busy")
    try:
        assert kinds(await asyncio.gather(*tasks, return_exceptions=True)) == {InferenceResult}
        with pytest.raises(NotFound):
            await engine.infer(row_request("busy"))
        assert not await engine.model_ready("busy")
        assert {item.state for item in await engine.index() if item.name == "busy"} == {
            "UNAVAILABLE"
        }
    finally:
        await engine.load("busy")
    assert isinstance(await engine.infer(row_request("busy")), InferenceResult)


async def test_load_with_another_config(engine: Engine) -> None:
    config = ModelConfig()
    config.CopyFrom(await engine.config("spare"))
    for field in _TRITONS_OWN:
        config.ClearField(field)
    config.max_batch_size = 2
    await engine.load("spare", config)
    try:
        assert (await engine.config("spare")).max_batch_size == 2
        with pytest.raises(InvalidArgument):
            await engine.infer(InferenceRequest("spare", rows(1, 2, 3)))
    finally:
        # Loading alone keeps a given configuration at Triton, until the model's folder changes.
        await engine.unload("spare")
        await engine.load("spare")
    assert (await engine.infer(InferenceRequest("spare", rows(1, 2, 3)))).outputs["y"].size


async def test_failed_reload_keeps_what_was_served(
    engine: Engine, contract_repository: Path
) -> None:
    file = contract_repository / "spare/1/model.onnx"
    good = file.read_bytes()
    file.write_bytes(b"no model")
    try:
        with pytest.raises(ModelLoadError, match="spare"):
            await engine.load("spare")
    finally:
        file.write_bytes(good)
    assert isinstance(await engine.infer(row_request("spare")), InferenceResult)
    await engine.load("spare")


async def test_unknown_models_cannot_be_loaded_or_unloaded(engine: Engine) -> None:
    for method in (engine.load, engine.unload):
        with pytest.raises(NotFound, match="absent"):
            await method("absent")
