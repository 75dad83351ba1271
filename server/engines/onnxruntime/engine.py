"""The engine itself: Triton's semantics over a model repository, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.grpc.service_pb2 import (
    ModelMetadataResponse,
    ModelStatistics,
    RepositoryIndexResponse,
)

from server.engines.base import InferenceRequest, InferenceResult
from server.engines.onnxruntime.cache import Cached, ResponseCache
from server.engines.onnxruntime.config import complete, describe
from server.engines.onnxruntime.control import EVERY_MODEL, ControlMode, ModelControl
from server.engines.onnxruntime.polling import Poller
from server.engines.onnxruntime.repository import Repository
from server.errors import NotFound, NotSupported

_AS_TRITON = ModelControl()


class Activity(NamedTuple):
    """What one version of a model has done, and has to do.

    Attributes:
        statistics: as Triton reports them.
        failures: requests that failed, by Triton's word for the reason.
        waiting: requests in its queue.
        cached: whether its answers are kept.
        ensemble: whether other models do its work.
    """

    statistics: ModelStatistics
    failures: Mapping[str, int]
    waiting: int
    cached: bool
    ensemble: bool


class OnnxRuntimeEngine:
    """Serves the models of a repository from this process.

    Args:
        repository: folder in Triton's layout; each sub-folder is a model or an ensemble.
        control: which models are loaded when.
        cache: for models that ask for a response cache; None is none.
    """

    name = "onnxruntime"

    def __init__(
        self,
        repository: Path,
        control: ModelControl = _AS_TRITON,
        cache: ResponseCache | None = None,
    ) -> None:
        """Load nothing yet."""
        self._control = control
        self._repository = Repository(repository, cache)
        self._poller = Poller(self._repository, control.poll_seconds)

    async def start(self) -> None:
        """Load what the model control says.

        Raises:
            ModelLoadError: one of the models is broken.
        """
        if self._control.mode == ControlMode.POLL:
            await self._poller.start()
        elif self._control.mode == ControlMode.NONE or EVERY_MODEL in self._control.load_models:
            for error in (await self._repository.load_all()).values():
                raise error
        else:
            for model in self._control.load_models:
                await self._repository.load(model)

    async def close(self) -> None:
        """Finish what runs and free the threads."""
        await self._poller.close()
        await self._repository.close()

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run one request; see `Engine.infer`."""
        return await self._repository.find(request.model, request.version).infer(request)

    async def ready(self) -> bool:
        """See `Engine.ready`."""
        return self._repository.ready

    async def model_ready(self, model: str, version: str = "") -> bool:
        """See `Engine.model_ready`."""
        try:
            self._repository.find(model, version)
        except NotFound:
            return False
        return True

    async def versions(self, model: str) -> list[str]:
        """See `Engine.versions`."""
        return list(self._repository.versions(model))

    async def metadata(self, model: str, version: str = "") -> ModelMetadataResponse:
        """See `Engine.metadata`."""
        config = self._repository.find(model, version).config
        return describe(config, [version] if version else await self.versions(model))

    async def config(self, model: str, version: str = "") -> ModelConfig:
        """See `Engine.config`."""
        return complete(self._repository.find(model, version).config)

    async def statistics(self, model: str = "", version: str = "") -> list[ModelStatistics]:
        """See `Engine.statistics`."""
        if not model:
            items = self._repository.all()
        elif version:
            items = [self._repository.find(model, version)]
        else:
            items = list(self._repository.versions(model).values())
        return [item.statistics.message(item.config.name, item.version) for item in items]

    def activity(self) -> list[Activity]:
        """What every served version has done, and has to do."""
        return [
            Activity(
                item.statistics.message(item.config.name, item.version),
                dict(item.statistics.failures),
                item.waiting,
                isinstance(item, Cached),
                item.config.HasField("ensemble_scheduling"),
            )
            for item in self._repository.all()
        ]

    async def index(self, ready_only: bool = False) -> list[RepositoryIndexResponse.ModelIndex]:
        """See `Engine.index`."""
        return await self._repository.index(ready_only)

    async def load(self, model: str, config: ModelConfig | None = None) -> None:
        """See `Engine.load`."""
        self._check_control()
        await self._repository.load(model, config)

    async def unload(self, model: str, dependents: bool = False) -> None:
        """See `Engine.unload`."""
        self._check_control()
        await self._repository.unload(model, dependents)

    def _check_control(self) -> None:
        if self._control.mode != ControlMode.EXPLICIT:
            raise NotSupported(
                f"models cannot be loaded or unloaded on request: the model control mode is "
                f"{self._control.mode}; start the server with --model-control-mode explicit"
            )
