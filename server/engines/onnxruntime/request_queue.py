"""A model's waiting requests: priority levels, bounded queues, timeouts."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tritonclient.grpc.model_config_pb2 import ModelDynamicBatching, ModelQueuePolicy

from server.engines.base import Deadline, InferenceResult, Tensors
from server.engines.onnxruntime.program import Program
from server.engines.onnxruntime.tensors import Shapes
from server.errors import Overloaded, Reason

# A full queue drains at the pace of batches, which take tens of milliseconds.
_RETRY_AFTER_SECONDS = 0.5
_MICROSECOND = 1e-6


@dataclass(eq=False, slots=True)
class Entry:
    """A waiting request.

    Attributes:
        program: what is to be run on it.
        inputs: by the program's names.
        rows: its part of a batch.
        shapes: what must be equal in all requests of a batch.
        deadline: when its caller stops waiting.
        arrived: monotonic seconds.
        result: the answer.
        timer: what ends its wait in the queue.
        started: when its batch began, in monotonic seconds; None: it waits.
    """

    program: Program
    inputs: Tensors
    rows: int
    shapes: Shapes
    deadline: Deadline
    arrived: float
    result: asyncio.Future[InferenceResult]
    timer: asyncio.TimerHandle | None = field(default=None)
    started: float | None = None

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for the answer any more."""
        return self.result.done() or self.deadline.passed


class _Level:
    """One priority level: its policy, those who wait, and those whose timeout only delays them."""

    def __init__(self, policy: ModelQueuePolicy) -> None:
        self.policy = policy
        self.waiting: OrderedDict[Entry, None] = OrderedDict()
        self.delayed: OrderedDict[Entry, None] = OrderedDict()

    @property
    def full(self) -> bool:
        size = len(self.waiting) + len(self.delayed)
        return 0 < self.policy.max_queue_size <= size

    def timeout(self, wanted: float | None) -> float | None:
        """Seconds in the queue; a request may shorten its policy's timeout, never lengthen it."""
        default = self.policy.default_timeout_microseconds * _MICROSECOND
        if not default:
            return None
        if self.policy.allow_timeout_override and wanted:
            return min(default, wanted)
        return default


class RequestQueue:
    """Entries by priority level, the most urgent first; in a level by arrival.

    Args:
        model: the model's name, for messages.
        config: levels and policies.
    """

    def __init__(self, model: str, config: ModelDynamicBatching) -> None:
        """Start empty."""
        self._model = model
        self._default_level = config.default_priority_level or 1
        policies = config.priority_queue_policy
        self._levels = [
            _Level(policies.get(level, config.default_queue_policy))
            for level in range(1, max(1, config.priority_levels) + 1)
        ]
        self._level_of: dict[Entry, _Level] = {}
        self.rows = 0

    def __len__(self) -> int:
        return len(self._level_of)

    def __contains__(self, entry: Entry) -> bool:
        return entry in self._level_of

    def __iter__(self) -> Iterator[Entry]:
        """In the order in which they should run."""
        for level in self._levels:
            yield from level.waiting
            yield from level.delayed

    def put(self, entry: Entry, priority: int) -> None:
        """Let an entry wait; an unknown priority, such as 0, is the default level's.

        Raises:
            Overloaded: its level is full.
        """
        level = self._level(priority)
        if level.full:
            raise Overloaded(
                f"{self._model}: {level.policy.max_queue_size} requests wait already",
                _RETRY_AFTER_SECONDS,
                Reason.QUEUE_FULL,
            )
        level.waiting[entry] = None
        self._level_of[entry] = level
        self.rows += entry.rows

    def timeout(self, priority: int, wanted: float | None) -> float | None:
        """Seconds that a request of that priority may wait, asking for `wanted`; None: for ever."""
        return self._level(priority).timeout(wanted)

    def delays(self, entry: Entry) -> bool:
        """Where the policy says so, let a late entry wait behind its level; else False."""
        level = self._level_of.get(entry)
        if level is None or level.policy.timeout_action != ModelQueuePolicy.DELAY:
            return False
        if entry in level.waiting:
            del level.waiting[entry]
            level.delayed[entry] = None
        return True

    def remove(self, entry: Entry) -> bool:
        """Forget an entry; False where it does not wait."""
        level = self._level_of.pop(entry, None)
        if level is None:
            return False
        (level.waiting if entry in level.waiting else level.delayed).pop(entry)
        self.rows -= entry.rows
        return True

    @property
    def oldest(self) -> float:
        """When the request that waits longest arrived."""
        return min(
            next(iter(entries)).arrived
            for level in self._levels
            for entries in (level.waiting, level.delayed)
            if entries
        )

    def _level(self, priority: int) -> _Level:
        known = 1 <= priority <= len(self._levels)
        return self._levels[(priority if known else self._default_level) - 1]
