"""What the protocol offers over an engine, the same for every transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

import numpy as np
from google.protobuf import json_format
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.grpc.service_pb2 import RepositoryIndexResponse, ServerMetadataResponse

from server.engines.base import Engine, InferenceRequest, InferenceResult
from server.errors import InvalidArgument, NotSupported
from server.inference.memory import Memory
from server.inference.parameters import Parameters, flag
from server.inference.regions import Placement, Regions
from server.inference.tensors import shown

_EXTENSIONS = (
    "model_repository",
    "model_repository(unload_dependents)",
    "schedule_policy",
    "model_configuration",
    "binary_tensor_data",
    "parameters",
    "statistics",
)


@dataclass(slots=True)
class Inference:
    """A decoded inference request.

    Attributes:
        request: what the engine shall do.
        id: echoed in the answer.
        placements: where outputs go that do not travel in the answer.
    """

    request: InferenceRequest
    id: str = ""
    placements: Mapping[str, Placement] = field(default_factory=dict)

    def wanted(self, result: InferenceResult) -> Mapping[str, np.ndarray]:
        """The outputs that were asked for, in the order in which they were.

        Raises:
            InvalidArgument: the model has no such output.
        """
        if not self.request.outputs:
            return result.outputs
        for name in self.request.outputs:
            if name not in result.outputs:
                raise InvalidArgument("outputs", f"some of {sorted(result.outputs)}", name)
        return {name: result.outputs[name] for name in self.request.outputs}


class InferenceService:
    """One engine behind the Open Inference Protocol.

    Attributes:
        engine: what runs the models.
        regions: the clients' shared memory.
        memory: what the requests under way may hold.
    """

    def __init__(self, engine: Engine, regions: Regions) -> None:
        """Keep the parts."""
        self.engine = engine
        self.regions = regions
        self.memory = Memory()

    def metadata(self) -> ServerMetadataResponse:
        """Name, version and extensions of the server."""
        shared_memory = ("system_shared_memory",) if self.regions.allowed else ()
        return ServerMetadataResponse(
            name="impasto", version=version("impasto"), extensions=(*_EXTENSIONS, *shared_memory)
        )

    async def index(
        self, repository: str, ready_only: bool
    ) -> list[RepositoryIndexResponse.ModelIndex]:
        """See `Engine.index`.

        Raises:
            NotSupported: a repository is named.
        """
        _refuse_repository(repository)
        return await self.engine.index(ready_only)

    async def load(self, model: str, repository: str, parameters: Parameters) -> None:
        """Load a model; the parameter `config` is a model configuration as JSON.

        Raises:
            InvalidArgument: it is not.
            NotSupported: see `Engine.load`; files in the request are not taken, either.
        """
        _refuse_repository(repository)
        if any(key.startswith("file:") for key in parameters):
            raise NotSupported("parameter file: model files in a load request are not supported")
        config = parameters.get("config")
        await self.engine.load(model, None if config is None else _model_config(model, config))

    async def unload(self, model: str, repository: str, parameters: Parameters) -> None:
        """Unload a model; the parameter `unload_dependents` takes its steps along."""
        _refuse_repository(repository)
        await self.engine.unload(model, flag(parameters, "unload_dependents"))


def _refuse_repository(name: str) -> None:
    if name:
        raise NotSupported("repository_name is not supported: there is one repository")


def _model_config(model: str, text: object) -> ModelConfig:
    if not isinstance(text, str):
        raise InvalidArgument("parameter config", "a model configuration as JSON text", text)
    try:
        config = json_format.Parse(text, ModelConfig())
    # Python's own JSON parser recurses before protobuf's bound is asked.
    except (json_format.ParseError, RecursionError) as error:
        raise InvalidArgument(
            f"parameter config of model {shown(model)}", "a model configuration as JSON", error
        ) from error
    if config.name not in ("", model):
        raise InvalidArgument("parameter config", f"name {shown(model)} or none", config.name)
    config.name = model
    return config
