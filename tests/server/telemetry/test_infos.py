"""What is served is shown even where the engine takes longer to tell than a scraper waits."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.grpc.service_pb2 import RepositoryIndexResponse

from server.engines.base import Engine
from server.telemetry import infos

MODELS = ("generator", "discriminator", "stylizer")


class SlowEngine:
    """Tells the kind of one model for a scrape, and is silent then.

    Attributes:
        patient: whether it tells one more.
        platform: that it tells.
    """

    def __init__(self) -> None:
        self.patient = True
        self.platform = "onnxruntime_onnx"
        self.served: Sequence[str] = MODELS

    async def index(self, ready_only: bool) -> list[RepositoryIndexResponse.ModelIndex]:
        return [RepositoryIndexResponse.ModelIndex(name=x, version="1") for x in self.served]

    async def config(self, model: str, version: str) -> ModelConfig:
        if not self.patient:
            await asyncio.Event().wait()
        self.patient = False
        return ModelConfig(platform=self.platform)


async def test_kinds_that_were_told_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(infos, "_PATIENCE_SECONDS", 0.05)
    engine = SlowEngine()
    info = infos.ModelInfo(cast(Engine, engine))

    async def scrape() -> dict[str, str]:
        engine.patient = True
        (family,) = await info()
        return {sample.labels["model"]: sample.labels["platform"] for sample in family.samples}

    shown = [await scrape() for _ in MODELS]
    assert shown[0] == {}
    assert shown[-1] == dict.fromkeys(MODELS, "onnxruntime_onnx")
    # A model that goes and comes again may have become another.
    engine.served = MODELS[:2]
    assert set(await scrape()) == set(MODELS[:2])
    engine.served, engine.platform = MODELS, "tensorrt_plan"
    assert (await scrape())["stylizer"] == "tensorrt_plan"
