"""Batches on a core grow while that pays."""

import asyncio
from collections.abc import Callable

import pytest
from tiny_calls import MakeEngine, infer

from server.engines.onnxruntime.growth import Growth


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
