"""The committed models on bare onnxruntime, and how long they take."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import onnxruntime as ort

from benchmarks.processes import REPOSITORY


def session(name: str) -> ort.InferenceSession:
    """A model of the repository on the CPU."""
    path = str(REPOSITORY / name / "1/model.onnx")
    return ort.InferenceSession(path, providers=["CPUExecutionProvider"])


def median_seconds(work: Callable[[], object], runs: int) -> float:
    """Median time that `work` takes."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
