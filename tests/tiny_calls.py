"""Short calls to an onnxruntime engine that serves tiny models; see tiny_models.py."""

from collections.abc import Awaitable, Callable

import numpy as np

from server.engines.base import NEVER, Deadline, InferenceRequest, InferenceResult, Tensors
from server.engines.onnxruntime.engine import OnnxRuntimeEngine

ONE_INSTANCE = " instance_group { count: 1 }"
MakeEngine = Callable[..., Awaitable[OnnxRuntimeEngine]]


def row(value: float, size: int = 512) -> dict[str, np.ndarray]:
    """One row for add_one."""
    return rows(1, value, size)


def rows(count: int, value: float, size: int = 512) -> dict[str, np.ndarray]:
    """Several equal rows for add_one."""
    return {"x": np.full((count, size), value, np.float32)}


async def ask(
    engine: OnnxRuntimeEngine,
    inputs: Tensors,
    deadline: Deadline = NEVER,
    model: str = "add_one",
    priority: int = 0,
    timeout: float | None = None,
) -> InferenceResult:
    request = InferenceRequest(model, inputs, deadline=deadline, priority=priority, timeout=timeout)
    return await engine.infer(request)


async def infer(engine: OnnxRuntimeEngine, value: float, size: int = 512) -> tuple[float, int]:
    """add_one's answer to one row, and the size of the batch that it was in."""
    result = await ask(engine, row(value, size))
    assert result.outputs["y"].shape == (1, size)
    assert np.unique(result.outputs["y"]).size == 1
    return float(result.outputs["y"][0, 0]), result.stages[0].batch_size
