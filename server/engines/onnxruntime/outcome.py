"""From a batch that ran to its requests' answers, and to the statistics."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from server.engines.base import InferenceResult, StageTiming, Tensors
from server.engines.onnxruntime.program import Program, Run

# Numbers the batches of this process, for whoever asks which requests ran together.
next_batch = count(1).__next__


def count_batch(program: Program, runs: Sequence[Run]) -> None:
    """Count a batch for every model that ran it."""
    for stage, run in zip(program.stages, runs, strict=False):
        stage.statistics.executed(run.rows, run.seconds)


def answer(
    program: Program,
    outputs: Tensors,
    version: str,
    rows: int,
    queue_seconds: float,
    runs: Sequence[Run],
    batch: int,
) -> InferenceResult:
    """One request's answer; counts it for every model that worked on it.

    Args:
        program: what ran.
        outputs: the request's own rows.
        version: of the model that the program began with.
        rows: how many they are.
        queue_seconds: how long the request waited for its batch.
        runs: one per stage.
        batch: its number.
    """
    timings = []
    for stage, run in zip(program.stages, runs, strict=True):
        stage.statistics.succeeded(rows, queue_seconds, run.seconds, queue_seconds + run.seconds)
        name = stage.model.config.name
        computed, seconds, threads, began = run
        timings.append(StageTiming(name, queue_seconds, seconds, computed, threads, began, batch))
        # A batch that stays together waits only once.
        queue_seconds = 0.0
    return InferenceResult(outputs, version, tuple(timings))
