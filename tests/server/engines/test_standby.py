"""The next batch stands by, and begins when one ends, whatever the event loop does meanwhile."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tiny_calls import MakeEngine, ask, row, rows
from tiny_models import write_model

from server.engines.base import Deadline, InferenceResult
from server.engines.onnxruntime.engine import OnnxRuntimeEngine
from server.engines.onnxruntime.instances import Instance
from server.engines.onnxruntime.program import Program
from server.engines.onnxruntime.request_queue import Entry
from server.errors import DeadlineExceeded, InferenceFailed

# Long enough for what a test does while a batch runs.
LONG = 6000
# The first would get all cores, and who is alone hands nothing on.
ONE = 'parameters { key: "intra_op_thread_count" value { string_value: "1" } }'
ONE += " instance_group { count: 1 }"
PAIRS = f"dynamic_batching {{ preferred_batch_size: 2 }} {ONE}"
LEVELS = f"dynamic_batching {{ priority_levels: 2 default_priority_level: 2 }} {ONE}"
Batch = tuple[str, list[float]]


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Batch]:
    """Every batch that begins: its model and the first number of each request's rows."""
    seen: list[Batch] = []
    run = Program.run

    def noted(program: Program, instance: Instance, entries: Sequence[Entry]) -> object:
        model = program.stages[0].model.config.name
        seen.append((model, [float(entry.inputs["x"][0, 0]) for entry in entries]))
        return run(program, instance, entries)

    monkeypatch.setattr(Program, "run", noted)
    return seen


def block_until(condition: Callable[[], bool]) -> None:
    """Let no other coroutine run before it is so."""
    patience = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < patience, "it never was"
        time.sleep(0.001)


async def arrived(engine: OnnxRuntimeEngine, waiting: int) -> None:
    """Let the requests reach the queue, of which so many wait."""
    while engine._repository.find("add_one", "").waiting < waiting:
        await asyncio.sleep(0)


Asking = asyncio.Task[InferenceResult]


def call(engine: OnnxRuntimeEngine, value: float, **how: object) -> Asking:
    return asyncio.create_task(ask(engine, row(value), **how))  # type: ignore[arg-type]


async def test_a_batch_follows_another_while_the_loop_is_busy(
    make_engine: MakeEngine, begun: list[Batch]
) -> None:
    engine = await make_engine(PAIRS, work=LONG)
    calls = [call(engine, value) for value in range(5)]
    await arrived(engine, 4)
    block_until(lambda: len(begun) == 2)
    assert begun == [("add_one", [0]), ("add_one", [1, 2])]
    results = await asyncio.gather(*calls)
    assert [result.outputs["y"][0, 0] for result in results] == [1, 2, 3, 4, 5]
    assert [result.stages[0].batch_size for result in results] == [1, 2, 2, 2, 2]
    assert results[1].stages[0].queue_seconds > 0
    statistics = (await engine.statistics("add_one"))[0]
    assert (statistics.inference_count, statistics.execution_count) == (5, 3)


async def test_who_is_more_urgent_takes_the_place(
    make_engine: MakeEngine, begun: list[Batch]
) -> None:
    engine = await make_engine(LEVELS, work=LONG)
    running = asyncio.create_task(ask(engine, rows(4, 0)))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(ask(engine, rows(4, value))) for value in (1, 2)]
    await arrived(engine, 2)
    urgent = asyncio.create_task(ask(engine, rows(4, 3), priority=1))
    await arrived(engine, 3)
    block_until(lambda: len(begun) == 2)
    assert begun[1] == ("add_one", [3])
    await asyncio.gather(running, urgent, *waiting)
    assert [first for _, (first,) in begun] == [0, 3, 1, 2]


async def test_who_goes_away_leaves_its_place_to_the_next(
    make_engine: MakeEngine, begun: list[Batch]
) -> None:
    engine = await make_engine(PAIRS, work=LONG)
    calls = [call(engine, value) for value in range(4)]
    await arrived(engine, 3)
    calls[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await calls[1]
    block_until(lambda: len(begun) == 2)
    assert begun[1] == ("add_one", [2, 3])
    results = await asyncio.gather(calls[0], *calls[2:])
    assert [result.outputs["y"][0, 0] for result in results] == [1, 3, 4]


async def test_a_deadline_passes_in_time(make_engine: MakeEngine, begun: list[Batch]) -> None:
    engine = await make_engine(ONE, work=LONG)
    first = call(engine, 0)
    await asyncio.sleep(0)
    late, last = call(engine, 1, deadline=Deadline.after(0.02)), call(engine, 2)
    with pytest.raises(DeadlineExceeded, match="passed in the queue"):
        await late
    assert not first.done()
    await asyncio.gather(first, last)
    assert begun == [("add_one", [0]), ("add_one", [2])]


async def test_who_goes_away_unnoticed_is_not_computed(
    make_engine: MakeEngine, begun: list[Batch]
) -> None:
    engine = await make_engine(PAIRS, work=LONG)
    first = call(engine, 0)
    await asyncio.sleep(0)
    late, last = call(engine, 1, deadline=Deadline.after(0.02)), call(engine, 2)
    await arrived(engine, 2)
    # The loop has no turn in which it could see that the deadline passed.
    block_until(lambda: len(begun) == 2)
    outcomes = await asyncio.gather(first, late, last, return_exceptions=True)
    assert isinstance(outcomes[1], DeadlineExceeded)
    assert not isinstance(outcomes[2], BaseException)
    assert outcomes[2].stages[0].batch_size == 1


async def test_models_that_share_the_cores_take_turns(
    tmp_path: Path, start_engine: MakeEngine, begun: list[Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.engines.onnxruntime.cores.available_cores", lambda: 1)
    for name in ("add_one", "other"):
        write_model(tmp_path, work=LONG // 2, name=name)
    engine = await start_engine(tmp_path)
    calls = [call(engine, value) for value in range(4)]
    await arrived(engine, 3)
    calls += [call(engine, value, model="other") for value in range(4)]
    await asyncio.gather(*calls)
    # Who waits first is first; then nobody is passed by twice.
    names = [name for name, _ in begun]
    assert names[:2] == ["add_one", "add_one"]
    assert names[2:7] == ["other", "add_one", "other", "add_one", "other"]


async def test_unloading_runs_what_stands_by(make_engine: MakeEngine, begun: list[Batch]) -> None:
    engine = await make_engine(ONE, work=1000)
    calls = [call(engine, value) for value in range(3)]
    await arrived(engine, 2)
    await engine._repository.find("add_one", "").close()
    assert len(begun) == 3
    assert [result.outputs["y"][0, 0] for result in await asyncio.gather(*calls)] == [1, 2, 3]


async def test_where_no_thread_can_be_had_calls_fail_and_the_instance_lives(
    make_engine: MakeEngine, begun: list[Batch], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await make_engine(ONE, work=1)

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        outcomes = await asyncio.gather(call(engine, 0), call(engine, 1), return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, InferenceFailed)
        assert "can't start new thread" in str(outcome)
    answers = await asyncio.gather(*(call(engine, value) for value in (2, 3)))
    assert [answer.outputs["y"][0, 0] for answer in answers] == [3, 4]
    # What was refused is not computed behind their backs.
    assert [first for _, (first,) in begun] == [2, 3]
