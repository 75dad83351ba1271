"""Latency and throughput at once: threads follow the load, unless the configuration pins them."""

import asyncio
from pathlib import Path

import pytest
from tiny_calls import MakeEngine, ask, row
from tiny_models import write_model

from server.engines.onnxruntime.cores import Cores, available_cores
from server.engines.onnxruntime.engine import OnnxRuntimeEngine

ALL = available_cores()
needs_cores = pytest.mark.skipif(ALL < 2, reason="one core has one layout")


async def threads_of(engine: OnnxRuntimeEngine, calls: int, model: str = "add_one") -> list[int]:
    """The threads that each of so many calls in a row had."""
    return [(await ask(engine, row(1), model=model)).stages[0].threads for _ in range(calls)]


async def two_callers(engine: OnnxRuntimeEngine) -> list[int]:
    """What one of two callers gets, once they have got going."""
    other = asyncio.create_task(threads_of(engine, 10_000))
    threads = await threads_of(engine, 25)
    other.cancel()
    return threads[5:]


@pytest.fixture
async def automatic(tmp_path: Path, start_engine: MakeEngine) -> OnnxRuntimeEngine:
    write_model(tmp_path, "dynamic_batching {}", work=200)
    return await start_engine(tmp_path)


async def test_a_lone_caller_gets_all_cores(automatic: OnnxRuntimeEngine) -> None:
    assert await threads_of(automatic, 10) == [ALL] * 10


@needs_cores
async def test_two_callers_get_one_thread_each(automatic: OnnxRuntimeEngine) -> None:
    assert set(await two_callers(automatic)) == {1}


@needs_cores
async def test_after_the_load_a_lone_caller_has_all_cores_again(
    automatic: OnnxRuntimeEngine,
) -> None:
    await asyncio.gather(*(threads_of(automatic, 2) for _ in range(16)))
    assert (await threads_of(automatic, 20))[10:] == [ALL] * 10


@pytest.mark.parametrize("count", ["1", "0"])
async def test_pinned_threads_stay(tmp_path: Path, start_engine: MakeEngine, count: str) -> None:
    pin = f'parameters {{ key: "intra_op_thread_count" value {{ string_value: "{count}" }} }}'
    write_model(tmp_path, f"dynamic_batching {{}} {pin}", work=200)
    engine = await start_engine(tmp_path)
    wanted = int(count) or ALL
    assert set(await threads_of(engine, 5)) == {wanted}
    assert set(await two_callers(engine)) == {wanted}


async def test_one_model_does_not_starve_another(tmp_path: Path, start_engine: MakeEngine) -> None:
    for name in ("add_one", "other"):
        write_model(tmp_path, "dynamic_batching {}", work=200, name=name)
    engine = await start_engine(tmp_path)
    flood = [asyncio.create_task(threads_of(engine, 100_000)) for _ in range(16)]
    await threads_of(engine, 20, model="other")
    for task in flood:
        assert not task.done()
        task.cancel()


def test_cores_are_never_promised_twice() -> None:
    cores = Cores(4)
    assert cores.take(4)
    assert not cores.take(1)
    woken: list[str] = []
    cores.call_when_free(lambda: woken.append("first"))
    cores.call_when_free(lambda: woken.append("second"))
    cores.give_back(4)
    assert woken == ["first", "second"]
    assert all(cores.take(1) for _ in range(4))
    assert not cores.take(1)
    assert cores.idle == 0


def test_a_batch_that_wants_more_cores_than_there_are_runs_alone() -> None:
    cores = Cores(2)
    assert cores.take(8)
    assert not cores.take(1)
