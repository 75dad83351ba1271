"""How long a request may take, and whom it may overtake: both travel with it to every model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from server.engines.base import NEVER, Deadline, InferenceRequest, Tensors
from server.generation.requests import Priority

# Of the priority levels that the models' configs declare; 0 is the default one, in the middle.
_LEVELS = {Priority.HIGH: 1, Priority.NORMAL: 0, Priority.LOW: 3}


class Urgency(NamedTuple):
    """A request's deadline and priority.

    Attributes:
        deadline: when the caller stops waiting.
        priority: where models have a queue.
    """

    deadline: Deadline = NEVER
    priority: Priority = Priority.NORMAL

    def request(self, model: str, inputs: Tensors, outputs: Sequence[str] = ()) -> InferenceRequest:
        """An inference request of that urgency; arguments as of `InferenceRequest`."""
        level = _LEVELS[self.priority]
        return InferenceRequest(
            model, inputs, outputs=outputs, priority=level, deadline=self.deadline
        )

    def check(self, stage: str) -> None:
        """Check that `stage` may still begin.

        Raises:
            DeadlineExceeded: the deadline passed before.
        """
        self.deadline.check(stage)
