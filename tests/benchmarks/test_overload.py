"""What the overload benchmark makes of what its callers and the server saw."""

import statistics
from itertools import pairwise
from typing import Any

import pytest

from benchmarks.arrivals import poisson
from benchmarks.overload import Load, verdicts


def result(answered: int, shed: int, **more: Any) -> dict[str, Any]:
    latencies = {"OK": [0.1] * answered, "RESOURCE_EXHAUSTED": [0.002] * shed}
    seen = {"calls": answered + shed, "rate": 9.8, "wrong": 0, "hints": [0.1], "lateness": [0.001]}
    return seen | {"latencies": latencies} | more


def counted(answered: int, shed: int) -> dict[str, float]:
    return {"OK": answered, "RESOURCE_EXHAUSTED": shed, "pictures": answered, "shed": shed}


def test_moments_are_a_poisson_process_of_the_seed() -> None:
    moments = poisson(50, 200, seed=1)
    assert moments == poisson(50, 200, seed=1) != poisson(50, 200, seed=2)
    assert len(moments) == 50 * 200
    assert moments == sorted(moments)
    gaps = [after - before for before, after in pairwise(moments)]
    assert statistics.mean(gaps) == pytest.approx(1 / 50, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(1 / 50, rel=0.05)


def test_a_load_that_holds() -> None:
    usual, excess = Load(0.9), Load(3)
    usual.add(result(100, 0), counted(100, 0), capacity=10)
    excess.add(result(100, 200), counted(100, 200), capacity=10)
    assert [line[2:] for line in verdicts(usual, excess)] == [
        ["1.00", "yes"],
        ["0.980", "yes"],
        ["2.0", "yes"],
        ["0", "yes"],
    ]


@pytest.mark.parametrize(
    ("seen", "count"),
    [
        (result(100, 200, wrong=1), counted(100, 200)),
        (result(100, 200, calls=301), counted(100, 200)),
        (result(100, 200), counted(101, 200)),
        (result(100, 200), counted(100, 200) | {"pictures": 99}),
        (result(100, 200), counted(100, 200) | {"shed": 199}),
        (result(100, 200, latencies={"OK": [0.1] * 100, "INTERNAL": [1] * 200}), counted(100, 0)),
    ],
)
def test_what_does_not_add_up_is_seen(seen: dict[str, Any], count: dict[str, float]) -> None:
    usual, excess = Load(0.9), Load(3)
    usual.add(result(100, 10), counted(100, 10), capacity=10)
    excess.add(seen, count, capacity=10)
    assert verdicts(usual, excess)[-1][3] == "**no**"
