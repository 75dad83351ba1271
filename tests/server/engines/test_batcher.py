"""The batcher on a real onnxruntime session, over a tiny model that adds 1."""

import asyncio

import numpy as np
import pytest
from tiny_calls import MakeEngine, ask, infer, row

from server.engines.base import Deadline
from server.errors import DeadlineExceeded, InferenceFailed, InvalidArgument, Overloaded


async def test_everybody_gets_their_own_answer_from_full_batches(make_engine: MakeEngine) -> None:
    engine = await make_engine("dynamic_batching { preferred_batch_size: 4 }")
    answers = await asyncio.gather(*(infer(engine, value) for value in range(41)))
    assert [answer for answer, _ in answers] == [value + 1 for value in range(41)]
    # Greedy: the first goes alone, the others wait for it and fill whole batches.
    assert [size for _, size in answers] == [1] + [4] * 40


async def test_queue_delay_waits_for_company(make_engine: MakeEngine) -> None:
    engine = await make_engine("dynamic_batching { max_queue_delay_microseconds: 10000000 }")
    answers = await asyncio.gather(*(infer(engine, value) for value in range(4)))
    assert [size for _, size in answers] == [4] * 4, "a full batch goes at once, a part waits"


async def test_queue_delay_ends(make_engine: MakeEngine) -> None:
    engine = await make_engine("dynamic_batching { max_queue_delay_microseconds: 20000 }")
    result = await ask(engine, row(1))
    assert result.stages[0].batch_size == 1
    assert result.stages[0].queue_seconds >= 0.02


async def test_without_dynamic_batching_requests_stay_alone(make_engine: MakeEngine) -> None:
    engine = await make_engine("")
    answers = await asyncio.gather(*(infer(engine, value) for value in range(10)))
    assert {size for _, size in answers} == {1}


async def test_no_instance_idles_beside_a_queue(make_engine: MakeEngine) -> None:
    engine = await make_engine(
        "dynamic_batching { max_queue_delay_microseconds: 30000 } instance_group { count: 2 }"
    )
    answers = await asyncio.gather(*(infer(engine, value) for value in range(4)))
    assert [size for _, size in answers] == [2] * 4


async def test_different_shapes_do_not_share_a_batch(make_engine: MakeEngine) -> None:
    engine = await make_engine("dynamic_batching { preferred_batch_size: 4 }")
    sizes = [8, 16] * 10
    answers = await asyncio.gather(
        *(infer(engine, index, size) for index, size in enumerate(sizes))
    )
    assert [answer for answer, _ in answers] == [index + 1 for index in range(20)]
    assert max(size for _, size in answers) == 4


async def test_full_queue_refuses_at_once_and_the_rest_succeeds(make_engine: MakeEngine) -> None:
    engine = await make_engine(
        "dynamic_batching { default_queue_policy { max_queue_size: 8 } }", work=2000
    )
    outcomes = await asyncio.gather(
        *(infer(engine, value) for value in range(30)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
    served = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert (len(served), len(refused)) == (9, 21), "one runs, eight wait, the others are refused"
    assert "add_one: 8 requests wait already; retry after 0.5 s" in str(refused[0])


async def test_cancelled_requests_leave_no_trace_in_a_batch(make_engine: MakeEngine) -> None:
    engine = await make_engine("dynamic_batching { preferred_batch_size: 4 }", work=2000)
    tasks = [asyncio.create_task(infer(engine, value)) for value in range(9)]
    await asyncio.sleep(0)
    for task in tasks[1::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks[2::2])
    assert [answer for answer, _ in answers] == [3, 5, 7, 9]
    assert {size for _, size in answers} == {4}, "the cancelled ones took no place"


async def test_deadline_in_the_queue_fails_only_its_own_request(make_engine: MakeEngine) -> None:
    engine = await make_engine(work=4000)
    running = asyncio.create_task(infer(engine, 0))
    await asyncio.sleep(0)
    late = asyncio.create_task(ask(engine, row(1), Deadline.after(0.05)))
    patient = asyncio.create_task(infer(engine, 2))
    with pytest.raises(DeadlineExceeded, match="add_one: the deadline passed in the queue"):
        await late
    assert (await running, await patient) == ((1, 1), (3, 1))


async def test_passed_deadline_is_not_started(make_engine: MakeEngine) -> None:
    engine = await make_engine()
    with pytest.raises(DeadlineExceeded, match="the deadline passed before add_one"):
        await ask(engine, row(1), Deadline.after(-1))


async def test_runtime_failure_is_reported_and_the_instance_lives(make_engine: MakeEngine) -> None:
    engine = await make_engine(work=1)
    with pytest.raises(InferenceFailed, match="add_one: "):
        await infer(engine, 1, size=100)
    assert await infer(engine, 1) == (2, 1)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "add_one inputs: expected ['x'], got []"),
        ({"z": np.zeros((1, 2), np.float32)}, "add_one inputs: expected ['x'], got ['z']"),
        ({"x": np.zeros((5, 2), np.float32)}, "add_one batch: expected 1 to 4 rows, got 5"),
        ({"x": np.zeros((0, 2), np.float32)}, "add_one batch: expected 1 to 4 rows, got 0"),
        ({"x": np.zeros((1, 2), np.int64)}, "add_one.x: expected data type float32, got int64"),
        (
            {"x": np.zeros((1, 2, 3), np.float32)},
            "add_one.x: expected shape ['batch', -1], got [1, 2, 3]",
        ),
    ],
)
async def test_wrong_tensors_are_named(
    make_engine: MakeEngine, inputs: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await ask(await make_engine(), inputs)
    assert str(caught.value) == message


async def test_output_without_the_batch_axis_fails_and_hangs_nobody(
    make_engine: MakeEngine,
) -> None:
    engine = await make_engine()
    model = engine._repository.find("add_one")._model
    whole = model.run
    model.run = lambda *arguments: [output.sum(axis=0) for output in whole(*arguments)]
    outcomes = await asyncio.gather(*(infer(engine, 1) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [InferenceFailed] * 3
    assert "output 'y': expected 1 rows, got shape (512,)" in str(outcomes[0])
