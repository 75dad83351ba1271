"""The protocol that every engine speaks; descriptions travel as Triton's own messages."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.grpc.service_pb2 import (
    ModelMetadataResponse,
    ModelStatistics,
    RepositoryIndexResponse,
)

from server.errors import DeadlineExceeded

Tensors = Mapping[str, np.ndarray]
# Some gRPC servers say "no deadline" by a very large number.
_FOR_EVER_SECONDS = 1e9


class Deadline(NamedTuple):
    """A moment of the monotonic clock, or never.

    Attributes:
        at: `time.monotonic()` seconds; None is never.
    """

    at: float | None = None

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """The deadline `seconds` from now; None is never, and so is what nobody lives to see."""
        if seconds is None or seconds > _FOR_EVER_SECONDS:
            return NEVER
        return cls(time.monotonic() + seconds)

    @property
    def passed(self) -> bool:
        """Whether it is too late."""
        return self.at is not None and time.monotonic() >= self.at

    @property
    def remaining(self) -> float | None:
        """Seconds from now until then, at least 0; None is for ever."""
        return None if self.at is None else max(0.0, self.at - time.monotonic())

    def check(self, stage: str) -> None:
        """Raise where the deadline passed before `stage` began.

        Raises:
            DeadlineExceeded: it passed.
        """
        if self.passed:
            raise DeadlineExceeded(f"the deadline passed before {stage}")


NEVER = Deadline()


class InferenceRequest(NamedTuple):
    """One request to one model.

    Attributes:
        model: the model's name.
        inputs: by name, batch axis first where the model has one.
        version: a version of the model; empty leaves the choice to the engine.
        outputs: names of the wanted outputs; empty is all.
        priority: 1 is the most urgent; 0 is the model's default priority level.
        timeout: seconds in the model's queue, where its queue policy allows an override.
        deadline: when the caller stops waiting.
    """

    model: str
    inputs: Tensors
    version: str = ""
    outputs: Sequence[str] = ()
    priority: int = 0
    timeout: float | None = None
    deadline: Deadline = NEVER


class StageTiming(NamedTuple):
    """How long one model took over one request.

    Attributes:
        model: the model's name.
        queue_seconds: from submission to the start of its batch.
        compute_seconds: of the whole batch.
        batch_size: rows of the batch, the request's own included.
        threads: cores that computed it; 0 where the engine does not tell.
        began: when it was computed, in seconds of the monotonic clock.
        batch: the batch's number in this process; 0 where the engine does not tell. Models that
            ran one after the other on the same batch have it in common.
    """

    model: str
    queue_seconds: float
    compute_seconds: float
    batch_size: int
    threads: int = 0
    began: float = 0.0
    batch: int = 0


class InferenceResult(NamedTuple):
    """The outputs of one inference request.

    Attributes:
        outputs: by name, batch axis first where the model has one.
        version: the version that made them.
        stages: one entry per model that ran, as far as the engine tells.
    """

    outputs: Tensors
    version: str
    stages: tuple[StageTiming, ...] = ()


class Engine(Protocol):
    """Runs the models of a repository.

    Every method that names a model raises `NotFound` where it, or the version, is not there.
    """

    @property
    def name(self) -> str:
        """What it is, for logs and metadata."""

    async def start(self) -> None:
        """Become able to infer.

        Raises:
            StartupError: the repository is broken, or the server behind the engine stays away.
        """

    async def close(self) -> None:
        """Finish what runs and free everything."""

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run one request.

        Cancelling the awaiting task gives up the request's place in the queue.

        Raises:
            InvalidArgument: an input is missing, unknown, or of another type or shape, the batch is
                too large, or a wanted output is unknown.
            Overloaded: the model's queue is full.
            DeadlineExceeded: the deadline or the queue's timeout passed while the request waited.
            InferenceFailed: the runtime failed.
            Unavailable: the engine is closing, or cannot be reached.
        """

    async def ready(self) -> bool:
        """Whether every model that should be served is."""

    async def model_ready(self, model: str, version: str = "") -> bool:
        """Whether `infer` would find the model; False where it is not there."""

    async def versions(self, model: str) -> list[str]:
        """The served versions of a model, oldest first; cheap where the engine is in the process.

        Raises:
            NotFound: none is served.
        """

    async def metadata(self, model: str, version: str = "") -> ModelMetadataResponse:
        """The model's versions and tensors; shapes begin with -1 where there is a batch axis."""

    async def config(self, model: str, version: str = "") -> ModelConfig:
        """The model's configuration as it is served."""

    async def statistics(self, model: str = "", version: str = "") -> list[ModelStatistics]:
        """Cumulative counts and nanoseconds of one model, or of all."""

    async def index(self, ready_only: bool = False) -> list[RepositoryIndexResponse.ModelIndex]:
        """Every model of the repository with its state, and the reason where it is not ready."""

    async def load(self, model: str, config: ModelConfig | None = None) -> None:
        """Load or reload a model, with `config` in the place of its config.pbtxt where given.

        Requests under way finish on the version that they began on.

        Raises:
            NotSupported: models are not controlled at run time.
            ModelLoadError: the model is broken; what was served before still is.
        """

    async def unload(self, model: str, dependents: bool = False) -> None:
        """Stop serving a model once what runs on it has finished; with its steps if `dependents`.

        Raises:
            NotSupported: models are not controlled at run time.
        """
