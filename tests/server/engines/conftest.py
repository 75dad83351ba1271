from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tiny_calls import ONE_INSTANCE, MakeEngine
from tiny_models import write_model

from server.engines.onnxruntime.engine import OnnxRuntimeEngine


@pytest.fixture
async def make_engine(tmp_path: Path) -> AsyncIterator[MakeEngine]:
    """Starts an engine on add_one, with one instance unless the configuration says otherwise."""
    engines = []

    async def make(extra: str = "dynamic_batching {}", work: int = 0) -> OnnxRuntimeEngine:
        write_model(tmp_path, extra if "instance_group" in extra else extra + ONE_INSTANCE, work)
        engines.append(OnnxRuntimeEngine(tmp_path))
        await engines[-1].start()
        return engines[-1]

    yield make
    for engine in engines:
        await engine.close()


@pytest.fixture
async def start_engine() -> AsyncIterator[MakeEngine]:
    """Starts an engine on a repository that lies there."""
    engines = []

    async def start(repository: Path) -> OnnxRuntimeEngine:
        engines.append(OnnxRuntimeEngine(repository))
        await engines[-1].start()
        return engines[-1]

    yield start
    for engine in engines:
        await engine.close()
