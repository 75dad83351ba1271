"""What one worker process is to do; it gets it as JSON."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from loadtest.targets.base import Connection


class Plan(BaseModel):
    """The part of one process in one run; its calls' moments follow as arrays.

    Attributes:
        kind: of the target.
        connection: how to reach it.
        requests: one of each entry of the workload.
        callers: of a closed loop; 0: an open one.
        seconds: from the beginning of the measurement until no more calls are begun.
        warm_up: seconds of calls before that.
        most_outstanding: calls of an open loop that may wait for answers.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["impasto", "oip", "rest"]
    connection: Connection
    requests: tuple[dict[str, Any], ...]
    callers: int
    seconds: float
    warm_up: float
    most_outstanding: int
