"""The engine itself: every method is a call to Triton, its errors in our words."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from google.protobuf import json_format
from tritonclient.grpc import service_pb2
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.grpc.service_pb2 import (
    ModelMetadataResponse,
    ModelStatistics,
    RepositoryIndexResponse,
)

from server.engines.base import Deadline, InferenceRequest, InferenceResult
from server.engines.triton import messages
from server.engines.triton.calls import Calls
from server.engines.triton.channel import Tls, may_be_several, open_channel
from server.engines.triton.errors import Refused
from server.engines.triton.shared_memory import SharedMemory
from server.errors import (
    ImpastoError,
    InferenceFailed,
    ModelLoadError,
    NotFound,
    NotSupported,
    Reason,
    StartupError,
    Unavailable,
)
from server.telemetry.current import model_failed, models_ran

_log = logging.getLogger(__name__)
_CONTROL_SECONDS = 30.0
# A load may build a TensorRT engine first.
_LOAD_SECONDS = 1800.0
_PROBE_SECONDS = 5.0
_POLL_SECONDS = 0.1
_CLOSE_SECONDS = 5.0
# A model without a state was never asked for.
_SOUND = ("READY", "")


@dataclass(frozen=True)
class TritonOptions:
    """How to reach Triton.

    Attributes:
        urls: each `host:port`; all serve the same models.
        tls: None is plain text.
        shared_memory: whether tensors travel through memory that both processes map.
        patience: seconds that Triton has to become ready when the engine starts.
    """

    urls: Sequence[str]
    tls: Tls | None = None
    shared_memory: bool = False
    patience: float = 120.0


class TritonEngine:
    """Serves what Triton serves.

    Several endpoints take turns; an answer about the server itself (statistics, index) is that of
    one of them.

    Args:
        options: how to reach Triton.
    """

    name = "triton"

    def __init__(self, options: TritonOptions) -> None:
        """Connect to nothing yet."""
        self._options = options
        self._urls = ",".join(options.urls)
        self._channel: grpc.aio.Channel | None = None
        self._call: Calls | None = None
        self._memory: SharedMemory | None = None

    async def start(self) -> None:
        """Wait until Triton is ready.

        Raises:
            StartupError: it did not become ready in time, or a setting is wrong.
        """
        options = self._options
        self._channel = await open_channel(options.urls, options.tls)
        self._call = Calls(self._channel, self._urls, may_be_several(options.urls))
        until = Deadline.after(options.patience)
        _log.info("waiting up to %.0f s for Triton at %s", options.patience, self._urls)
        while not await self.ready():
            if until.passed:
                raise StartupError(await self._why_not_ready())
            await asyncio.sleep(_POLL_SECONDS)
        if options.shared_memory:
            self._memory = SharedMemory(self._call)

    async def close(self) -> None:
        """Finish what runs and disconnect."""
        call, self._call = self._call, None
        if self._memory is not None and call is not None:
            await self._memory.close()
        if self._channel is not None:
            await self._channel.close(_CLOSE_SECONDS)

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run one request; see `Engine.infer` and, for its timings, `messages.stage_of`."""
        started = time.monotonic()
        try:
            result = await self._infer(request)
        except BaseException as error:
            model_failed(request.model, started, error)
            raise
        models_ran(result.stages)
        return result

    async def _infer(self, request: InferenceRequest) -> InferenceResult:
        request.deadline.check(request.model)
        call = self._calls
        if self._memory is not None:
            result = await self._memory.infer(request)
            if result is not None:
                return result
        started = time.monotonic()
        message = messages.with_contents(request)
        response = await call(call.stub.ModelInfer, message, request.model, request.deadline)
        return messages.result_of(request, response, response.raw_output_contents, started)

    async def ready(self) -> bool:
        """See `Engine.ready`; one endpoint that is will do."""
        call = self._calls
        message = service_pb2.ServerReadyRequest()
        try:
            until = Deadline.after(_PROBE_SECONDS)
            return bool((await call(call.stub.ServerReady, message, "ready", until)).ready)
        except ImpastoError:
            return False

    async def model_ready(self, model: str, version: str = "") -> bool:
        """See `Engine.model_ready`."""
        call = self._calls
        message = service_pb2.ModelReadyRequest(name=model, version=version)
        try:
            return bool((await call(call.stub.ModelReady, message, model, _soon())).ready)
        except NotFound:
            return False

    async def versions(self, model: str) -> list[str]:
        """See `Engine.versions`."""
        return sorted((await self.metadata(model)).versions, key=int)

    async def metadata(self, model: str, version: str = "") -> ModelMetadataResponse:
        """See `Engine.metadata`."""
        call = self._calls
        message = service_pb2.ModelMetadataRequest(name=model, version=version)
        return await call(call.stub.ModelMetadata, message, model, _soon())

    async def config(self, model: str, version: str = "") -> ModelConfig:
        """See `Engine.config`."""
        call = self._calls
        message = service_pb2.ModelConfigRequest(name=model, version=version)
        return (await call(call.stub.ModelConfig, message, model, _soon())).config

    async def statistics(self, model: str = "", version: str = "") -> list[ModelStatistics]:
        """See `Engine.statistics`."""
        call = self._calls
        message = service_pb2.ModelStatisticsRequest(name=model, version=version)
        answer = await call(call.stub.ModelStatistics, message, model or "statistics", _soon())
        return list(answer.model_stats)

    async def index(self, ready_only: bool = False) -> list[RepositoryIndexResponse.ModelIndex]:
        """See `Engine.index`."""
        call = self._calls
        message = service_pb2.RepositoryIndexRequest(ready=ready_only)
        return list((await call(call.stub.RepositoryIndex, message, "index", _soon())).models)

    async def load(self, model: str, config: ModelConfig | None = None) -> None:
        """See `Engine.load`."""
        self._check_controllable()
        call = self._calls
        message = service_pb2.RepositoryModelLoadRequest(model_name=model)
        if config is not None:
            text = json_format.MessageToJson(config, preserving_proto_field_name=True)
            message.parameters["config"].string_param = text
        try:
            method = call.stub.RepositoryModelLoad
            await call(method, message, model, Deadline.after(_LOAD_SECONDS))
        except (InferenceFailed, Refused) as error:
            # Triton has the same words for a broken model and for one that is not there.
            await self._check_known(model)
            raise ModelLoadError(f"Triton at {self._urls}", str(error)) from error

    async def unload(self, model: str, dependents: bool = False) -> None:
        """See `Engine.unload`."""
        self._check_controllable()
        await self._check_known(model)
        call = self._calls
        message = service_pb2.RepositoryModelUnloadRequest(model_name=model)
        message.parameters["unload_dependents"].bool_param = dependents
        await call(call.stub.RepositoryModelUnload, message, model, _soon())
        # Triton answers at once and unloads when what runs has finished.
        until = Deadline.after(_LOAD_SECONDS)
        while any(item.name == model and item.state == "UNLOADING" for item in await self.index()):
            until.check(f"{model} was unloaded")
            await asyncio.sleep(_POLL_SECONDS)

    @property
    def _calls(self) -> Calls:
        if self._call is None:
            closed = f"the connection to Triton at {self._urls} is closed"
            raise Unavailable(closed, Reason.ENGINE_UNAVAILABLE)
        return self._call

    def _check_controllable(self) -> None:
        if len(self._options.urls) > 1:
            raise NotSupported(
                f"models cannot be loaded through a gateway with several Tritons ({self._urls}), "
                "whose turn it is decides chance; ask each Triton itself"
            )

    async def _check_known(self, model: str) -> None:
        names = sorted({item.name for item in await self.index()})
        if model not in names:
            raise NotFound(f"model {model!r}: not in Triton's repository, which has {names}")

    async def _why_not_ready(self) -> str:
        waited = f"Triton at {self._urls} was not ready after {self._options.patience:.0f} s"
        try:
            missing = [item for item in await self.index() if item.state not in _SOUND]
        except ImpastoError as error:
            return f"{waited}: {error}; start it, or mend --triton-url"
        if not missing:
            return f"{waited}; look into its log"
        # Only the first line: a backend's reason may hold a whole traceback.
        reasons = "; ".join(
            f"{item.name} is {item.state}: {item.reason.partition(chr(10))[0]}" for item in missing
        )
        return f"{waited}: {reasons}; mend these models"


def _soon() -> Deadline:
    """When an answer that needs no model to run is overdue."""
    return Deadline.after(_CONTROL_SECONDS)
