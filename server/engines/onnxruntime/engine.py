"""The engine itself: Triton's semantics over a model repository, in this process."""

from __future__ import annotations

from pathlib import Path

from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.grpc.service_pb2 import (
    ModelMetadataResponse,
    ModelStatistics,
    RepositoryIndexResponse,
)

from server.engines.base import InferenceRequest, InferenceResult
from server.engines.onnxruntime.config import describe
from server.engines.onnxruntime.repository import Repository
from server.errors import NotFound


class OnnxRuntimeEngine:
    """Serves every model of a repository from this process.

    Args:
        repository: folder in Triton's layout; each sub-folder is a model or an ensemble.
    """

    name = "onnxruntime"

    def __init__(self, repository: Path) -> None:
        """Load nothing yet."""
        self._repository = Repository(repository)

    async def start(self) -> None:
        """Load all models.

        Raises:
            ModelLoadError: one of them is broken; none is served then.
        """
        self._repository.load_all()

    async def close(self) -> None:
        """Finish what runs and free the threads."""
        await self._repository.close()

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run one request; see `Engine.infer`."""
        return await self._repository.find(request.model, request.version).infer(request)

    async def ready(self) -> bool:
        """See `Engine.ready`."""
        return True

    async def model_ready(self, model: str, version: str = "") -> bool:
        """See `Engine.model_ready`."""
        try:
            self._repository.find(model, version)
        except NotFound:
            return False
        return True

    async def metadata(self, model: str, version: str = "") -> ModelMetadataResponse:
        """See `Engine.metadata`."""
        config = self._repository.find(model, version).config
        return describe(config, [version] if version else list(self._repository.versions(model)))

    async def config(self, model: str, version: str = "") -> ModelConfig:
        """See `Engine.config`."""
        return self._repository.find(model, version).config

    async def statistics(self, model: str = "", version: str = "") -> list[ModelStatistics]:
        """See `Engine.statistics`."""
        if not model:
            items = self._repository.all()
        elif version:
            items = [self._repository.find(model, version)]
        else:
            items = list(self._repository.versions(model).values())
        return [item.statistics.message(item.config.name, item.version) for item in items]

    async def index(self, ready_only: bool = False) -> list[RepositoryIndexResponse.ModelIndex]:
        """See `Engine.index`."""
        return self._repository.index(ready_only)

    async def load(self, model: str, config: ModelConfig | None = None) -> None:
        """See `Engine.load`."""
        await self._repository.load(model, config)

    async def unload(self, model: str, dependents: bool = False) -> None:
        """See `Engine.unload`."""
        await self._repository.unload(model, dependents)
