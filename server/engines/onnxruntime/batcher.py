"""The dynamic batcher: one per model, it joins waiting requests into batches.

A plain state machine on the event loop: `_dispatch` runs whenever a request arrives, an instance
becomes free or a queue delay ends. The batches themselves run on one thread per instance.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from server.engines.base import (
    Deadline,
    InferenceRequest,
    InferenceResult,
    StageTiming,
    Tensors,
)
from server.engines.onnxruntime.model import OnnxModel
from server.engines.onnxruntime.statistics import Statistics
from server.engines.onnxruntime.tensors import check_inputs
from server.errors import DeadlineExceeded, InferenceFailed, Overloaded, Unavailable

# A full queue drains at the pace of batches, which take tens of milliseconds.
_RETRY_AFTER_SECONDS = 0.5

Result = tuple[Tensors, StageTiming]


@dataclass(eq=False)
class _Entry:
    """A waiting request."""

    inputs: Tensors
    rows: int
    deadline: Deadline
    arrived: float
    result: asyncio.Future[Result]

    @property
    def signature(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """What must be equal in all requests of a batch."""
        return tuple((name, array.shape[1:]) for name, array in sorted(self.inputs.items()))


class Batcher:
    """Batches the requests of one model over its instances.

    Args:
        model: what runs the batches. Its dynamic_batching gives the queue delay and the queue
            size; a model without dynamic_batching runs every request by itself.
    """

    def __init__(self, model: OnnxModel) -> None:
        """Start with every instance idle."""
        self._model = model
        self.config = config = model.config
        self.version = model.version
        self.statistics = Statistics()
        self._batches = config.HasField("dynamic_batching")
        self._delay = config.dynamic_batching.max_queue_delay_microseconds / 1e6
        self._max_queue_size = config.dynamic_batching.default_queue_policy.max_queue_size
        self._queue: deque[_Entry] = deque()
        self._idle: list[ort.InferenceSession] = list(model.instances)
        self._threads = ThreadPoolExecutor(len(model.instances), f"{config.name}-instance")
        self._running: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run one request; see `Engine.infer`."""
        rows = check_inputs(self.config, request.inputs)
        request.deadline.check(self.config.name)
        outputs, timing = await self.submit(request.inputs, rows, request.deadline)
        return InferenceResult(outputs, self.version, (timing,))

    async def submit(self, inputs: Tensors, rows: int, deadline: Deadline) -> Result:
        """Wait for a place in a batch and for its result; cancelling gives the place up.

        Raises:
            Overloaded: the queue is full.
            DeadlineExceeded: the deadline passed before the batch began.
            InferenceFailed: the runtime failed on the batch.
            Unavailable: the engine is closed.
        """
        if self._closed:
            raise Unavailable(f"{self._model.config.name}: the engine is closed")
        self._drop_abandoned()
        if self._idle == [] and 0 < self._max_queue_size <= len(self._queue):
            raise Overloaded(
                f"{self._model.config.name}: {self._max_queue_size} requests wait already",
                _RETRY_AFTER_SECONDS,
            )
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append(_Entry(inputs, rows, deadline, time.monotonic(), result))
        self._dispatch()
        return await result

    async def close(self) -> None:
        """Run what waits, then free the threads."""
        self._closed = True
        while self._queue or self._running:
            self._dispatch()
            await asyncio.sleep(0) if not self._running else await asyncio.wait(self._running)
        self._threads.shutdown()

    def _dispatch(self) -> None:
        """Start batches while there are both waiting requests and idle instances."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._drop_abandoned()
        while self._queue and self._idle:
            if (wait := self._remaining_delay()) > 0:
                self._timer = asyncio.get_running_loop().call_later(wait, self._dispatch)
                return
            for batch in self._take_batches():
                task = asyncio.create_task(self._execute(self._idle.pop(), batch))
                self._running.add(task)
                task.add_done_callback(self._running.discard)

    def _drop_abandoned(self) -> None:
        """Forget requests whose caller is gone, and fail those whose deadline passed."""
        for entry in [entry for entry in self._queue if entry.deadline.passed]:
            if not entry.result.done():
                error = f"{self._model.config.name}: the deadline passed in the queue"
                entry.result.set_exception(DeadlineExceeded(error))
        self._queue = deque(entry for entry in self._queue if not entry.result.done())

    def _remaining_delay(self) -> float:
        """Seconds that the oldest request still may wait for company; 0 where it should go."""
        waiting = sum(entry.rows for entry in self._queue)
        if self._closed or waiting >= self._model.config.max_batch_size:
            return 0.0
        return self._queue[0].arrived + self._delay - time.monotonic()

    def _take_batches(self) -> list[list[_Entry]]:
        """Take a batch for every idle instance, as far as the queue goes.

        Waiting rows are shared evenly: one full batch on one instance beside an idle one would
        take longer than two halves.
        """
        greatest = self._model.config.max_batch_size
        waiting = sum(entry.rows for entry in self._queue)
        share = min(greatest, math.ceil(waiting / len(self._idle))) if self._batches else 1
        batches: list[list[_Entry]] = []
        while self._queue and len(batches) < len(self._idle):
            batches.append(self._take_batch(share))
        return batches

    def _take_batch(self, limit: int) -> list[_Entry]:
        """Take the oldest request and those that fit with it, in order of arrival."""
        first = self._queue.popleft()
        batch, rows, left = [first], first.rows, deque[_Entry]()
        while self._queue and rows < limit:
            entry = self._queue.popleft()
            if entry.signature == first.signature and rows + entry.rows <= limit:
                batch.append(entry)
                rows += entry.rows
            else:
                left.append(entry)
        self._queue.extendleft(reversed(left))
        return batch

    async def _execute(self, instance: ort.InferenceSession, batch: list[_Entry]) -> None:
        """Run one batch and hand out the results; whatever happens, the instance comes back."""
        started = time.monotonic()
        try:
            outputs = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._model.run, instance, _join(batch)
            )
            _check_rows(outputs, sum(entry.rows for entry in batch))
        # onnxruntime's exceptions share no base class below Exception.
        except Exception as error:
            for entry in batch:
                if not entry.result.done():
                    failure = InferenceFailed(f"{self._model.config.name}: {error}")
                    failure.__cause__ = error
                    entry.result.set_exception(failure)
        else:
            self._hand_out(batch, outputs, started)
        finally:
            self._idle.append(instance)
            self._dispatch()

    def _hand_out(self, batch: list[_Entry], outputs: Tensors, started: float) -> None:
        seconds = time.monotonic() - started
        rows = sum(entry.rows for entry in batch)
        first = 0
        for entry in batch:
            part = slice(first, first + entry.rows)
            first += entry.rows
            if not entry.result.done():
                timing = StageTiming(
                    self._model.config.name, started - entry.arrived, seconds, rows
                )
                own = {name: array[part] for name, array in outputs.items()}
                entry.result.set_result((own, timing))


def _join(batch: list[_Entry]) -> Tensors:
    if len(batch) == 1:
        return batch[0].inputs
    return {
        name: np.concatenate([entry.inputs[name] for entry in batch]) for name in batch[0].inputs
    }


def _check_rows(outputs: Tensors, rows: int) -> None:
    """Refuse outputs that cannot be cut into their requests' parts.

    Raises:
        ValueError: an output has another number of rows than the batch.
    """
    for name, array in outputs.items():
        if array.shape[:1] != (rows,):
            raise ValueError(f"output {name!r}: expected {rows} rows, got shape {array.shape}")
