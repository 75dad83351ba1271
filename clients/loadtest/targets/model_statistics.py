"""Triton's statistics of models, as gRPC and HTTP tell them alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from loadtest.codes import OK
from loadtest.targets.base import StageCount, Statistics

_STAGES = ("queue", "compute_input", "compute_infer", "compute_output")
_NANOSECONDS = 1e9


def statistics(
    tested: set[str], models: Iterable[tuple[str, Mapping[str, tuple[int, int]]]]
) -> Statistics:
    """What a server counted.

    Args:
        tested: models that are called; of the others, an ensemble's steps count as stages only.
        models: name, and count and nanoseconds by the statistics' names.
    """
    calls: Counter[str] = Counter()
    stages: dict[tuple[str, str], StageCount] = {}
    for name, told in models:
        if name in tested:
            calls[OK] += told.get("success", (0, 0))[0]
            calls["UNKNOWN"] += told.get("fail", (0, 0))[0]
        for stage in _STAGES:
            count, nanoseconds = told.get(stage, (0, 0))
            before = stages.get((stage, name), StageCount(0, 0.0, {}))
            stages[stage, name] = StageCount(
                before.count + count, before.seconds + nanoseconds / _NANOSECONDS, {}
            )
    return Statistics(dict(calls), stages)
