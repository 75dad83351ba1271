"""Ensembles: data-driven steps, batches that stay together, failures that hang nobody."""

import asyncio
from pathlib import Path

import pytest
from tiny_calls import MakeEngine, ask, row
from tiny_models import write_model

from server.engines.base import Deadline
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.errors import DeadlineExceeded, ModelLoadError, Overloaded

BATCHES = "dynamic_batching {}"


def write_ensemble(repository: Path, outputs: str, *steps: tuple[str, str, str]) -> None:
    """Ensemble `all`: input x, each step a model from one tensor to another."""
    folder = repository / "all"
    (folder / "1").mkdir(parents=True)
    text = "".join(
        f'step {{ model_name: "{model}" model_version: -1'
        f' input_map {{ key: "x" value: "{source}" }}'
        f' output_map {{ key: "y" value: "{target}" }} }}\n'
        for model, source, target in steps
    )
    declared = "".join(
        f'output {{ name: "{name}" data_type: TYPE_FP32 dims: -1 }}\n' for name in outputs
    )
    (folder / "config.pbtxt").write_text(
        'platform: "ensemble" max_batch_size: 4 input { name: "x" data_type: TYPE_FP32 dims: -1 }'
        f"{declared} ensemble_scheduling {{ {text} }}"
    )


async def counts(engine: OnnxRuntimeEngine, model: str) -> tuple[int, int]:
    """Inferences and executions."""
    statistics = (await engine.statistics(model))[0]
    return statistics.inference_count, statistics.execution_count


@pytest.mark.parametrize(
    "rules", [BATCHES, "dynamic_batching { priority_levels: 3 default_priority_level: 2 }"]
)
async def test_consecutive_steps_keep_their_batch(
    tmp_path: Path, start_engine: MakeEngine, rules: str
) -> None:
    for index, name in enumerate("abc"):
        write_model(tmp_path, rules, work=50, name=name, added=10.0**index)
    write_ensemble(tmp_path, "y", ("a", "x", "s"), ("b", "s", "t"), ("c", "t", "y"))
    engine = await start_engine(tmp_path)
    results = await asyncio.gather(*(ask(engine, row(i), model="all") for i in range(17)))
    assert [result.outputs["y"][0, 0] for result in results] == [i + 111 for i in range(17)]
    for result in results:
        assert [stage.model for stage in result.stages] == ["a", "b", "c"]
        assert len({stage.batch_size for stage in result.stages}) == 1
        assert [stage.queue_seconds for stage in result.stages[1:]] == [0, 0]
    assert max(result.stages[0].batch_size for result in results) > 1
    assert await counts(engine, "a") == await counts(engine, "b") == await counts(engine, "c")
    assert (await counts(engine, "all"))[0] == 17


async def test_pinned_steps_queue_for_their_own_instances(
    tmp_path: Path, start_engine: MakeEngine
) -> None:
    write_model(tmp_path, BATCHES, name="a")
    write_model(tmp_path, f"{BATCHES} instance_group {{ count: 1 }}", name="b", added=10)
    write_ensemble(tmp_path, "y", ("a", "x", "s"), ("b", "s", "y"))
    engine = await start_engine(tmp_path)
    results = await asyncio.gather(*(ask(engine, row(i), model="all") for i in range(60)))
    assert [result.outputs["y"][0, 0] for result in results] == [i + 11 for i in range(60)]
    assert max(result.stages[1].batch_size for result in results) == 4


async def test_branches_and_steps_in_any_order(tmp_path: Path, start_engine: MakeEngine) -> None:
    for name, added in (("a", 1), ("b", 10), ("c", 100)):
        write_model(tmp_path, BATCHES, name=name, added=added)
    write_ensemble(
        tmp_path,
        "yzs",
        ("c", "t", "z"),
        ("b", "s", "t"),
        ("c", "s", "y"),
        ("a", "x", "s"),
    )
    engine = await start_engine(tmp_path)
    results = await asyncio.gather(*(ask(engine, row(i), model="all") for i in range(9)))
    for i, result in enumerate(results):
        values = {name: array[0, 0] for name, array in result.outputs.items()}
        assert values == {"y": i + 101, "z": i + 111, "s": i + 1}


async def test_a_full_queue_of_an_inner_step_fails_its_requests_and_hangs_none(
    tmp_path: Path, start_engine: MakeEngine
) -> None:
    write_model(tmp_path, BATCHES, name="a", work=1)
    bounded = "dynamic_batching { default_queue_policy { max_queue_size: 2 } }"
    write_model(tmp_path, f"{bounded} instance_group {{ count: 1 }}", name="b", work=2000)
    write_ensemble(tmp_path, "y", ("a", "x", "s"), ("b", "s", "y"))
    engine = await start_engine(tmp_path)
    calls = (ask(engine, row(i), model="all") for i in range(30))
    outcomes = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 60)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
    answered = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert refused
    assert answered
    assert len(refused) + len(answered) == 30
    assert (await ask(engine, row(5), model="all")).outputs["y"][0, 0] == 7


@pytest.mark.parametrize("how", ["cancelled", "late"])
async def test_abandoned_requests_do_not_reach_the_next_step(
    tmp_path: Path, start_engine: MakeEngine, how: str
) -> None:
    write_model(tmp_path, BATCHES, name="a", work=3000)
    write_model(tmp_path, BATCHES, name="b", work=1)
    write_ensemble(tmp_path, "y", ("a", "x", "s"), ("b", "s", "y"))
    engine = await start_engine(tmp_path)
    # The first runs alone; the others make one batch, of which one goes away in the first step.
    tasks = [asyncio.create_task(ask(engine, row(i), model="all")) for i in range(3)]
    deadline = Deadline.after(0.02 if how == "late" else 60)
    first = engine._repository.find("a")
    leaving = asyncio.create_task(ask(engine, row(9), deadline, "all"))
    while first._queue or not first._executor.busy:
        await asyncio.sleep(0.001)
    if how == "cancelled":
        leaving.cancel()
    outcome = (await asyncio.gather(leaving, return_exceptions=True))[0]
    expected = asyncio.CancelledError if how == "cancelled" else DeadlineExceeded
    assert isinstance(outcome, expected)
    results = await asyncio.gather(*tasks)
    assert [result.outputs["y"][0, 0] for result in results] == [2, 3, 4]
    assert (await counts(engine, "b"))[0] == 3


async def test_steps_that_can_never_run_are_named(tmp_path: Path, start_engine: MakeEngine) -> None:
    for name in "ab":
        write_model(tmp_path, BATCHES, name=name)
    write_ensemble(tmp_path, "y", ("a", "t", "s"), ("b", "s", "t"), ("a", "x", "y"))
    with pytest.raises(ModelLoadError, match="'t' is no input and no step before it makes it"):
        await start_engine(tmp_path)
