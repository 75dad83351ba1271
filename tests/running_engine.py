"""Runs the onnxruntime engine in this process, over tiny models."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from server.engines.base import InferenceRequest, InferenceResult
from server.engines.onnxruntime.cache import ResponseCache
from server.engines.onnxruntime.control import EVERY_MODEL, ControlMode, ModelControl
from server.engines.onnxruntime.engine import OnnxRuntimeEngine

EXPLICIT = ModelControl(ControlMode.EXPLICIT)
ALL_EXPLICIT = ModelControl(ControlMode.EXPLICIT, (EVERY_MODEL,))
_PATIENCE_SECONDS = 30.0


@asynccontextmanager
async def running_engine(
    repository: Path, control: ModelControl = EXPLICIT, cache: ResponseCache | None = None
) -> AsyncIterator[OnnxRuntimeEngine]:
    engine = OnnxRuntimeEngine(repository, control, cache)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.close()


def request(
    model: str = "add_one", value: float = 0.0, size: int = 4, version: str = ""
) -> InferenceRequest:
    return InferenceRequest(model, {"x": np.full((1, size), value, np.float32)}, version=version)


async def ask(
    engine: OnnxRuntimeEngine, model: str = "add_one", value: float = 0.0, version: str = ""
) -> float:
    """What comes out for `value`."""
    return answer(await engine.infer(request(model, value, version=version)))


def answer(result: InferenceResult) -> float:
    return float(result.outputs["y"][0, 0])


async def states(engine: OnnxRuntimeEngine) -> dict[tuple[str, str], str]:
    """The repository index, without the reasons."""
    return {(item.name, item.version): item.state for item in await engine.index()}


async def reason(engine: OnnxRuntimeEngine, model: str) -> str:
    return next(item.reason for item in await engine.index() if item.name == model)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(0.01)
