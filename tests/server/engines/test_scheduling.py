"""Priorities, queue policies, ordering and batch sizes, as config.pbtxt says and Triton does."""

import asyncio
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from tiny_calls import MakeEngine, ask, infer, row, rows
from tiny_models import write_model

from server.engines.base import Deadline
from server.errors import DeadlineExceeded, InferenceFailed, ModelLoadError, Overloaded

LEVELS = "priority_levels: 3 default_priority_level: 2"


async def test_urgent_requests_go_first_and_the_default_level_is_the_configured_one(
    make_engine: MakeEngine,
) -> None:
    engine = await make_engine(f"dynamic_batching {{ {LEVELS} }}", work=1000)
    order: list[int] = []

    async def ask_with(priority: int) -> None:
        await ask(engine, rows(4, 1), priority=priority)
        order.append(priority)

    first = asyncio.create_task(ask(engine, rows(4, 1)))
    await asyncio.sleep(0)
    # 0 and an unknown level are the default level's.
    await asyncio.gather(*(ask_with(priority) for priority in (3, 0, 1, 9, 3, 1, 2)))
    await first
    assert order == [1, 1, 0, 9, 2, 3, 3]


async def test_each_level_has_its_own_queue_size(make_engine: MakeEngine) -> None:
    engine = await make_engine(
        f"dynamic_batching {{ {LEVELS} default_queue_policy {{ max_queue_size: 2 }}"
        " priority_queue_policy { key: 1 value { max_queue_size: 5 } } }",
        work=1000,
    )
    calls = [ask(engine, rows(4, 1), priority=1 + index % 3) for index in range(31)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [1 + index % 3 for index, it in enumerate(outcomes) if isinstance(it, Overloaded)]
    # One runs; five of level 1 wait, two of each other level.
    assert [refused.count(level) for level in (1, 2, 3)] == [11 - 6, 10 - 2, 10 - 2]


async def test_queue_timeout_rejects_only_what_waited_too_long(make_engine: MakeEngine) -> None:
    policy = "default_queue_policy { default_timeout_microseconds: 20000 }"
    engine = await make_engine(f"dynamic_batching {{ {policy} }}", work=4000)
    running = asyncio.create_task(infer(engine, 1))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded, match="add_one: the queue's timeout passed in the queue"):
        await ask(engine, row(2))
    assert await running == (2, 1), "what runs has no queue timeout"
    assert await infer(engine, 3) == (4, 1)


@pytest.mark.parametrize(("allowed", "wanted"), [("false", 0.02), ("true", 60.0), ("true", 0.02)])
async def test_a_request_may_shorten_its_timeout_where_it_is_allowed(
    make_engine: MakeEngine, allowed: str, wanted: float
) -> None:
    policy = f"default_timeout_microseconds: 30000000 allow_timeout_override: {allowed}"
    engine = await make_engine(
        f"dynamic_batching {{ default_queue_policy {{ {policy} }} }}", work=4000
    )
    running = asyncio.create_task(infer(engine, 1))
    await asyncio.sleep(0)
    waiting = ask(engine, row(2), timeout=wanted)
    if (allowed, wanted) == ("true", 0.02):
        with pytest.raises(DeadlineExceeded):
            await waiting
    else:
        assert (await waiting).outputs["y"][0, 0] == 3
    await running


async def test_delayed_requests_run_after_those_in_time_and_are_not_lost(
    make_engine: MakeEngine,
) -> None:
    policy = "timeout_action: DELAY default_timeout_microseconds: 60000000"
    engine = await make_engine(
        f"dynamic_batching {{ default_queue_policy {{ allow_timeout_override: true {policy} }} }}",
        work=4000,
    )
    order: list[int] = []

    async def ask_for(value: int, timeout: float | None = None) -> None:
        result = await ask(engine, rows(4, value), timeout=timeout)
        assert result.outputs["y"][0, 0] == value + 1
        order.append(value)

    tasks = [asyncio.create_task(ask_for(0)), asyncio.create_task(ask_for(1, timeout=0.001))]
    queue = engine._repository.find("add_one")._queue
    while not queue._levels[0].delayed:
        await asyncio.sleep(0.001)
    tasks.append(asyncio.create_task(ask_for(2)))
    await asyncio.gather(*tasks)
    assert order == [0, 2, 1]


async def test_a_delayed_request_still_has_its_deadline(make_engine: MakeEngine) -> None:
    policy = "default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1000 }"
    engine = await make_engine(f"dynamic_batching {{ {policy} }}", work=4000)
    running = asyncio.create_task(infer(engine, 1))
    await asyncio.sleep(0)
    with pytest.raises(DeadlineExceeded, match="the deadline passed in the queue"):
        await ask(engine, row(2), Deadline.after(0.01))
    assert not running.done()
    await running


@pytest.mark.parametrize("preserved", [False, True])
async def test_answers_keep_their_requests_order_where_asked(
    make_engine: MakeEngine, preserved: bool
) -> None:
    engine = await make_engine(
        f"dynamic_batching {{ preserve_ordering: {str(preserved).lower()} }}"
        'instance_group { count: 2 } parameters { key: "intra_op_thread_count" '
        'value { string_value: "1" } }'
    )
    order: list[str] = []

    async def ask_for(name: str, size: int) -> None:
        await ask(engine, row(1, size))
        order.append(name)

    await asyncio.gather(ask_for("long", 50_000_000), ask_for("short", 1))
    assert order == (["long", "short"] if preserved else ["short", "long"])


async def test_a_cancelled_request_does_not_hold_up_the_order(make_engine: MakeEngine) -> None:
    engine = await make_engine("dynamic_batching { preserve_ordering: true }", work=500)
    tasks = [asyncio.create_task(infer(engine, value)) for value in range(6)]
    await asyncio.sleep(0)
    tasks[0].cancel()  # runs
    tasks[2].cancel()  # waits
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [answer[0] for answer in answers if isinstance(answer, tuple)] == [2, 4, 5, 6]


async def test_preferred_sizes_go_at_once_and_the_rest_waits_its_delay(
    make_engine: MakeEngine,
) -> None:
    engine = await make_engine(
        "dynamic_batching { preferred_batch_size: [2, 3] max_queue_delay_microseconds: 50000 }",
        work=1,
    )
    answers = await asyncio.gather(*(infer(engine, value) for value in range(2)))
    assert [size for _, size in answers] == [2, 2]
    result = await ask(engine, row(1))
    assert result.stages[0].batch_size == 1
    assert result.stages[0].queue_seconds >= 0.05


def write_lookup(repository: Path) -> None:
    """y = table[x]: a row out of range fails the whole batch that it is in."""
    folder = repository / "lookup"
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(
        'backend: "onnxruntime" max_batch_size: 8 dynamic_batching {} instance_group { count: 1 }'
        ' input { name: "x" data_type: TYPE_INT64 dims: 1 }'
        ' output { name: "y" data_type: TYPE_FP32 dims: 1 }'
    )
    table = onnx.numpy_helper.from_array(np.arange(10, dtype=np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "x"], ["y"])],
        "lookup",
        [helper.make_tensor_value_info("x", TensorProto.INT64, ["batch", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 1])],
        [table],
    )
    opset = helper.make_opsetid("", 18)
    onnx.save(
        helper.make_model(graph, opset_imports=[opset], ir_version=10), folder / "1/model.onnx"
    )


async def test_a_request_that_fails_its_batch_fails_alone(
    tmp_path: Path, start_engine: MakeEngine
) -> None:
    write_lookup(tmp_path)
    engine = await start_engine(tmp_path)
    wanted = [1, 5, 99, 7, 3, 2, 99, 4, 6]
    outcomes = await asyncio.gather(
        *(ask(engine, {"x": np.array([[index]])}, model="lookup") for index in wanted),
        return_exceptions=True,
    )
    for index, outcome in zip(wanted, outcomes, strict=True):
        if index == 99:
            assert isinstance(outcome, InferenceFailed)
            assert "lookup: " in str(outcome)
        else:
            assert not isinstance(outcome, BaseException)
            assert outcome.outputs["y"][0, 0] == index
    statistics = (await engine.statistics("lookup"))[0]
    assert statistics.inference_count == statistics.inference_stats.success.count == 7
    assert statistics.inference_stats.fail.count == 2


async def test_who_goes_away_while_a_batch_fails_holds_nobody_up(
    tmp_path: Path, start_engine: MakeEngine
) -> None:
    write_model(tmp_path, "dynamic_batching { preserve_ordering: true }", work=4000)
    engine = await start_engine(tmp_path)
    first = asyncio.create_task(ask(engine, row(0)))
    await asyncio.sleep(0)
    # Rows that the graph cannot take fail their batch; one of its members does not wait for it.
    failing = [asyncio.create_task(ask(engine, row(1, size=100))) for _ in range(2)]
    late = asyncio.create_task(ask(engine, row(1, size=100), Deadline.after(0.05)))
    last = asyncio.create_task(ask(engine, row(5)))
    await asyncio.sleep(0)
    failing[0].cancel()
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(first, *failing, late, last, return_exceptions=True)
    assert isinstance(outcomes[1], asyncio.CancelledError)
    assert isinstance(outcomes[2], InferenceFailed)
    assert isinstance(outcomes[3], DeadlineExceeded | InferenceFailed)
    assert outcomes[4].outputs["y"][0, 0] == 6


@pytest.mark.parametrize(
    "batching",
    [
        "preferred_batch_size: 6",
        "preferred_batch_size: 0",
        "priority_levels: 2",
        "priority_levels: 2 default_priority_level: 5",
        "default_priority_level: 1",
        "priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 3 value {} }",
    ],
)
async def test_contradictions_stop_the_load(make_engine: MakeEngine, batching: str) -> None:
    with pytest.raises(ModelLoadError, match=r"expected .*got"):
        await make_engine(f"dynamic_batching {{ {batching} }}")


async def test_batches_are_as_large_as_the_model_takes(
    tmp_path: Path, start_engine: MakeEngine
) -> None:
    folder = write_model(
        tmp_path, "dynamic_batching { preferred_batch_size: 128 } instance_group { count: 1 }"
    )
    config = folder / "config.pbtxt"
    config.write_text(config.read_text().replace("max_batch_size: 4", "max_batch_size: 128"))
    engine = await start_engine(tmp_path)
    answers = await asyncio.gather(*(infer(engine, value, size=2) for value in range(129)))
    assert [size for _, size in answers] == [1] + [128] * 128


async def test_a_model_without_a_batch_axis(tmp_path: Path, start_engine: MakeEngine) -> None:
    write_lookup(tmp_path)
    config = tmp_path / "lookup/config.pbtxt"
    text = config.read_text().replace("max_batch_size: 8 dynamic_batching {}", "max_batch_size: 0")
    config.write_text(text.replace("dims: 1", "dims: [-1, 1]"))
    engine = await start_engine(tmp_path)
    results = await asyncio.gather(
        *(ask(engine, {"x": np.full((size, 1), 3)}, model="lookup") for size in (1, 2, 20))
    )
    assert [result.outputs["y"].shape for result in results] == [(1, 1), (2, 1), (20, 1)]
    metadata = await engine.metadata("lookup")
    assert list(metadata.inputs[0].shape) == [-1, 1]


async def test_brief_work_is_counted_and_answered_like_any_other(make_engine: MakeEngine) -> None:
    engine = await make_engine()
    for value in range(50):
        assert await infer(engine, value, size=3) == (value + 1, 1)
    answers = await asyncio.gather(*(infer(engine, value, size=3) for value in range(50)))
    assert [answer for answer, _ in answers] == list(range(1, 51))
    statistics = (await engine.statistics("add_one"))[0]
    assert statistics.inference_count == statistics.inference_stats.success.count == 100
    assert (
        sum(batch.batch_size * batch.compute_infer.count for batch in statistics.batch_stats) == 100
    )
    assert statistics.execution_count == sum(b.compute_infer.count for b in statistics.batch_stats)
