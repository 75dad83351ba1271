"""What the engine serves: one version of a model or of an ensemble."""

from __future__ import annotations

from typing import Protocol

from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import InferenceRequest, InferenceResult
from server.engines.onnxruntime.statistics import Statistics


class Servable(Protocol):
    """One loaded version, ready to run.

    Attributes:
        config: its checked configuration.
        version: its version folder's name.
        statistics: what it has done so far.
    """

    config: ModelConfig
    version: str
    statistics: Statistics

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run one request; see `Engine.infer`."""

    async def close(self) -> None:
        """Run what waits, refuse what comes later with `Unavailable`, and free everything."""
