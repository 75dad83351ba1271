"""Latency and throughput at once: threads follow the load, unless the configuration pins them."""

import asyncio
import functools
from collections.abc import Callable
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


@needs_cores
@pytest.mark.parametrize(
    ("greedy", "modest"),
    [
        ("", f'parameters {{ key: "intra_op_thread_count" value {{ string_value: "{ALL}" }} }}'),
        (
            'instance_group { count: 4 } parameters { key: "intra_op_thread_count" '
            'value { string_value: "1" } }',
            "",
        ),
    ],
    ids=["one that wants all cores", "one beside a pinned flood"],
)
async def test_no_layout_starves_another(
    tmp_path: Path, start_engine: MakeEngine, greedy: str, modest: str
) -> None:
    write_model(tmp_path, f"dynamic_batching {{}} {greedy}", work=200)
    write_model(tmp_path, f"dynamic_batching {{}} {modest}", work=200, name="other")
    engine = await start_engine(tmp_path)
    flood = [asyncio.create_task(threads_of(engine, 100_000)) for _ in range(16)]
    await threads_of(engine, 20, model="other")
    for task in flood:
        assert not task.done()
        task.cancel()


def test_cores_are_never_promised_twice() -> None:
    cores = Cores(4)
    woken: list[str] = []
    waiters = [functools.partial(woken.append, name) for name in ("first", "second")]
    assert cores.take(4, print)
    assert not any(cores.take(1, waiter) for waiter in waiters)
    cores.give_back(4)
    assert woken == ["first", "second"]
    assert all(cores.take(1, print) for _ in range(4))
    assert not cores.take(1, print)
    assert cores.idle == 0


def test_who_wants_many_cores_is_not_passed_by_who_wants_one() -> None:
    cores = Cores(2)
    turns: list[str] = []

    def small() -> None:
        turns.append("small" if cores.take(1, small) else "small waits")

    def large() -> None:
        turns.append("large" if cores.take(2, large) else "large waits")

    small()
    small()
    large()
    small()
    cores.give_back(1)
    cores.give_back(1)
    assert turns[:4] == ["small", "small", "large waits", "small waits"]
    assert turns[4:] == ["large waits", "large"]
    cores.give_back(2)
    assert turns[6:] == ["small"]


def test_who_always_wants_more_takes_turns_with_others() -> None:
    cores = Cores(1)
    turns: list[str] = []

    def asker(name: str) -> Callable[[], None]:
        def ask() -> None:
            while cores.take(1, ask):
                turns.append(name)

        return ask

    for name in ("one", "other"):
        asker(name)()
    for _ in range(3):
        cores.give_back(1)
    assert turns == ["one", "one", "other", "one"]


def test_a_batch_that_wants_more_cores_than_there_are_runs_alone() -> None:
    cores = Cores(2)
    assert cores.take(8, print)
    assert not cores.take(1, print)
