"""The protocol that every engine speaks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.errors import DeadlineExceeded

Tensors = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Deadline:
    """A moment of the monotonic clock, or never.

    Attributes:
        at: `time.monotonic()` seconds; None is never.
    """

    at: float | None = None

    @classmethod
    def after(cls, seconds: float | None) -> Deadline:
        """The deadline `seconds` from now; None is never."""
        return cls(None if seconds is None else time.monotonic() + seconds)

    @property
    def passed(self) -> bool:
        """Whether it is too late."""
        return self.at is not None and time.monotonic() >= self.at

    def check(self, stage: str) -> None:
        """Raise where the deadline passed before `stage` began.

        Raises:
            DeadlineExceeded: it passed.
        """
        if self.passed:
            raise DeadlineExceeded(f"the deadline passed before {stage}")


NEVER = Deadline()


@dataclass(frozen=True)
class StageTiming:
    """How long one model took over one request.

    Attributes:
        model: the model's name.
        queue_seconds: from submission to the start of its batch.
        compute_seconds: of the whole batch.
        batch_size: rows of the batch, the request's own included.
    """

    model: str
    queue_seconds: float
    compute_seconds: float
    batch_size: int


@dataclass(frozen=True)
class InferenceResult:
    """The outputs of one inference request.

    Attributes:
        outputs: by name, batch axis first.
        stages: one entry per model that ran.
    """

    outputs: Tensors
    stages: tuple[StageTiming, ...] = field(default=())


@dataclass(frozen=True)
class ServedModel:
    """A model that is ready.

    Attributes:
        config: as in its config.pbtxt.
        version: the version that is served.
    """

    config: ModelConfig
    version: str


class Engine(Protocol):
    """Runs the models of a repository."""

    def model(self, name: str) -> ServedModel:
        """The served model of that name.

        Raises:
            StartupError: there is none; the message lists those that are.
        """

    async def infer(
        self, model: str, inputs: Tensors, deadline: Deadline = NEVER
    ) -> InferenceResult:
        """Run one request of one or more rows; all inputs have the batch axis first.

        Raises:
            InvalidArgument: an input is missing, unknown, or of another type or shape.
            Overloaded: the model's queue is full.
            DeadlineExceeded: the deadline passed while the request waited.
            InferenceFailed: the runtime failed.
        """

    async def close(self) -> None:
        """Finish what runs and free everything."""
