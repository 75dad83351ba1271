"""Batches on a core grow while that pays."""

import asyncio
import gc
import time
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from weakref import ref

import numpy as np
import pytest
from tiny_calls import MakeEngine, infer

from server.engines.onnxruntime.growth import Growth, Growths
from server.engines.onnxruntime.model import OnnxModel
from server.engines.onnxruntime.program import Program


def sizes(growth: Growth, cost: Callable[[int], float], batches: int) -> list[int]:
    """The sizes of so many batches under a load that always fills them."""
    seen = []
    for _ in range(batches):
        seen.append(growth.limit)
        growth.learn(growth.limit, cost(growth.limit))
    return seen


@pytest.mark.parametrize(
    ("cost", "settled"),
    [
        (lambda rows: 1.0, 8),
        (lambda rows: rows * 1.0, 1),
        (lambda rows: rows * 1.2 if rows > 4 else 1 + 0.5 * rows, 4),
        (lambda rows: rows * 0.99 if rows > 1 else 1.0, 1),
    ],
    ids=["a batch costs as much as a row", "rows add up", "the cache ends at 4", "too little gain"],
)
def test_doubles_while_a_row_gets_cheaper(cost: Callable[[int], float], settled: int) -> None:
    growth = Growth(8)
    assert sizes(growth, cost, 60)[-20:] == [settled] * 20


def test_one_disturbed_batch_decides_nothing() -> None:
    growth = Growth(8)
    calls = iter(range(1000))
    assert sizes(growth, lambda rows: 50.0 if next(calls) % 4 == 0 else 1.0, 60)[-1] == 8


def test_other_sizes_than_the_tried_one_teach_nothing() -> None:
    growth = Growth(8)
    sizes(growth, lambda rows: rows * 1.0, 4)
    for _ in range(100):
        growth.learn(3, 0.1)
    assert growth.limit == 2, "still waits for a batch of two"


def test_the_question_opens_again_when_the_machine_may_have_changed() -> None:
    growth = Growth(8)
    assert sizes(growth, lambda rows: rows * 1.0, 60)[-1] == 1
    assert sizes(growth, lambda rows: 1.0, 1000)[-1] == 8


@pytest.mark.parametrize("rows", [2, 3])
def test_callers_who_send_several_rows_get_batches_too(rows: int) -> None:
    growth = Growth(8)
    for _ in range(100):
        size = max(rows, growth.limit // rows * rows)
        growth.learn(size, 1.0)
    assert growth.limit == 8


def test_never_grows_over_what_the_model_takes() -> None:
    assert max(sizes(Growth(6), lambda rows: 1.0, 100)) == 6


async def test_a_flood_of_small_requests_ends_up_in_large_batches(make_engine: MakeEngine) -> None:
    engine = await make_engine(work=50)

    async def caller() -> list[int]:
        return [(await infer(engine, value))[1] for value in range(40)]

    callers = await asyncio.gather(*(caller() for _ in range(12)))
    assert {size for caller in callers for size in caller[20:30]} & {3, 4}


def program() -> Program:
    model = SimpleNamespace(config=SimpleNamespace(max_batch_size=8))
    return Program([SimpleNamespace(model=model)], ["y"])  # type: ignore[list-item]


def test_one_shape_grows_after_another_decided_that_batches_do_not_pay() -> None:
    growths, ran = Growths(), program()
    small, large = ((3, 64, 64),), ((3, 256, 256),)
    assert sizes(growths.of(ran, small), lambda rows: rows * 1.0, 60)[-1] == 1
    assert sizes(growths.of(ran, large), lambda rows: 1.0, 60)[-1] == 8
    assert growths.of(ran, small).limit == 1
    assert growths.of(program(), large).limit == 1, "another program knows nothing of it"


def test_so_many_shapes_are_remembered_and_the_least_used_is_forgotten() -> None:
    growths, ran = Growths(), program()
    kept, forgotten = growths.of(ran, ((0,),)), growths.of(ran, ((1,),))
    for side in range(2, 65):
        growths.of(ran, ((0,),))
        growths.of(ran, ((side,),))
    assert growths.of(ran, ((0,),)) is kept
    assert growths.of(ran, ((1,),)) is not forgotten


def test_what_was_learnt_of_a_reloaded_model_does_not_keep_it_in_memory() -> None:
    growths, ran = Growths(), program()
    growths.of(ran, ())
    gone = ref(ran)
    del ran
    gc.collect()
    assert gone() is None


async def test_a_mixed_flood_batches_the_shape_for_which_that_pays(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(
        self: OnnxModel,
        session: int,
        outputs: Sequence[str],
        inputs: Mapping[str, np.ndarray],
        stay: bool = False,
    ) -> list[np.ndarray]:
        rows, size = inputs["x"].shape
        # Of rows of 8 numbers two cost as much as four alone, of rows of 16 as much as one.
        time.sleep(0.001 * (rows**2 if size == 8 else 1))
        return [inputs["x"] + 1]

    monkeypatch.setattr(OnnxModel, "run", run)
    engine = await make_engine()

    async def caller(size: int) -> list[int]:
        return [(await infer(engine, value, size))[1] for value in range(40)]

    batched = await asyncio.gather(*(caller(size) for size in [8, 16] * 8))
    last = [max(caller[30:]) for caller in batched]
    assert set(last[0::2]) == {1}
    assert set(last[1::2]) <= {3, 4}, last
