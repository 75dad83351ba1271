"""The dynamic batcher: one per model version, it joins waiting requests into batches.

A plain state machine on the event loop: `_dispatch` runs whenever a request arrives or goes, a
batch ends or a queue delay does. The batches themselves run on threads: `executor`.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from itertools import islice

from tritonclient.grpc.model_config_pb2 import ModelDynamicBatching

from server.engines.base import InferenceRequest, InferenceResult
from server.engines.onnxruntime.brief import Brief, byte_size
from server.engines.onnxruntime.cores import Cores
from server.engines.onnxruntime.executor import Executor, Owner, failure
from server.engines.onnxruntime.growth import Growths
from server.engines.onnxruntime.instances import Instances
from server.engines.onnxruntime.model import OnnxModel
from server.engines.onnxruntime.ordering import Ordering
from server.engines.onnxruntime.program import Program, Run, Stage
from server.engines.onnxruntime.request_queue import Entry, RequestQueue
from server.engines.onnxruntime.statistics import Statistics
from server.engines.onnxruntime.tensors import Shapes, Signature
from server.errors import (
    DeadlineExceeded,
    ImpastoError,
    InvalidArgument,
    Reason,
    Unavailable,
)
from server.telemetry.current import model_failed, models_ran, queue_ended

_MICROSECOND = 1e-6
_TIMER_SECONDS = 1e-3
# How far to look past requests of other shapes for companions.
_LOOK_AHEAD = 64


class Batcher:
    """Batches the requests of one model version over its instances.

    Attributes:
        config: the model's configuration. Its dynamic_batching gives delay, sizes and queues; a
            model without dynamic_batching runs every request by itself.
        version: the model's version.
        statistics: what it has done so far.
        instances: what runs its batches.

    Args:
        model: what runs.
        cores: what all models share.
    """

    def __init__(self, model: OnnxModel, cores: Cores) -> None:
        """Start with every instance idle."""
        self.config = config = model.config
        self.version = model.version
        self.statistics = Statistics()
        self.instances = Instances(model, cores)
        self._model = model
        self._cores = cores
        self._signature = Signature(config)
        self._programs: dict[tuple[str, ...], Program] = {}
        batching = config.dynamic_batching
        self._batches = config.HasField("dynamic_batching") and config.max_batch_size > 0
        self._preferred = sorted(batching.preferred_batch_size)
        # How large batches should be; None where the configuration says it.
        says = self._preferred or batching.max_queue_delay_microseconds
        learns = self._batches and not says and not self.instances.on_gpu
        self._growths = Growths() if learns else None
        self._delay = batching.max_queue_delay_microseconds * _MICROSECOND
        self._queue = RequestQueue(config.name, batching)
        self._ordering = Ordering() if batching.preserve_ordering else None
        owner = Owner(self._deliver, self._learn, self._dispatch, self._began)
        self._executor = Executor(config.name, self.version, self.instances, cores, owner)
        self._timer: asyncio.TimerHandle | None = None
        names = {item.name: item.name for item in config.output}
        leanest = self.instances.leanest
        self._brief = Brief(self.stage({}, names), self.version, leanest, config.max_batch_size > 0)
        # Whether a request may run when it comes, without regard for others.
        self._at_once = not self._delay and not batching.preserve_ordering
        self._closed = False

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run one request; see `Engine.infer`."""
        try:
            rows, shapes = self._signature.check(request.inputs)
            if self._brief.open and not request.outputs and self._brief.fits(request.inputs):
                return self._run_here(request, rows)
            program = self._program(tuple(request.outputs))
        except ImpastoError as error:
            self.statistics.failed(0.0, error)
            raise
        return await self.run(program, request, rows, shapes)

    def _run_here(self, request: InferenceRequest, rows: int) -> InferenceResult:
        self._check_open(request)
        started = time.monotonic()
        try:
            result = self._brief.run(request.inputs, rows)
        # onnxruntime's exceptions share no base class below Exception.
        except Exception as error:
            model_failed(self.config.name, started, error)
            raise failure(self.config.name, error) from error
        models_ran(result.stages)
        return result

    async def run(
        self,
        program: Program,
        request: InferenceRequest,
        rows: int,
        shapes: Shapes,
    ) -> InferenceResult:
        """Run a program that begins with this model on a checked request; see `Engine.infer`.

        Args:
            program: what to run.
            request: its inputs by the program's names.
            rows: rows of each input.
            shapes: what must be equal in all requests of a batch.
        """
        arrived = time.monotonic()
        self._cores.enter()
        entry: Entry | None = None
        try:
            self._check_open(request)
            answer: asyncio.Future[InferenceResult] = asyncio.get_running_loop().create_future()
            entry = Entry(program, request.inputs, rows, shapes, request.deadline, arrived, answer)
            result = await self._wait(entry, request)
        except BaseException as error:
            self._fail(entry, time.monotonic() - arrived, error)
            raise
        finally:
            self._cores.leave()
        models_ran(result.stages)
        return result

    def _fail(self, entry: Entry | None, seconds: float, error: BaseException) -> None:
        """Count a request that ended by an error, `seconds` after its arrival."""
        self.statistics.failed(seconds, error)
        if entry is None:
            return
        if entry.started is None:
            queue_ended(self.config.name, entry.arrived, error)
            return
        queue_ended(self.config.name, entry.arrived, ended=entry.started)
        model_failed(self.config.name, entry.started, error)

    @property
    def waiting(self) -> int:
        """Requests in the queue."""
        return len(self._queue)

    @property
    def may_join(self) -> bool:
        """Whether an ensemble may run this model and others as one batch, on shared instances."""
        return self._batches

    @property
    def rules(self) -> ModelDynamicBatching:
        """What the configuration says of how requests wait and join; empty: nothing."""
        return self.config.dynamic_batching

    def stage(self, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> Stage:
        """This model in a program; maps from its names to the program's."""
        return Stage(self._model, self.statistics, dict(inputs), dict(outputs))

    async def close(self) -> None:
        """Run what waits, and refuse what comes."""
        self._closed = True
        while self._queue or self._executor.busy:
            self._dispatch()
            await (self._executor.idle() if self._executor.busy else asyncio.sleep(0.001))

    def _program(self, outputs: tuple[str, ...]) -> Program:
        """This model alone, for the wanted outputs."""
        if outputs not in self._programs:
            known = [item.name for item in self.config.output]
            if unknown := set(outputs) - set(known):
                raise InvalidArgument(f"{self.config.name} outputs", f"of {known}", sorted(unknown))
            names = [name for name in known if name in outputs or not outputs]
            inputs = {item.name: item.name for item in self.config.input}
            stage = self.stage(inputs, {name: name for name in names})
            # In canonical order, so that there are as many programs as subsets at most.
            program = self._programs.setdefault(tuple(names), Program([stage], names))
            if outputs:
                return program
            self._programs[()] = program
        return self._programs[outputs]

    def _check_open(self, request: InferenceRequest) -> None:
        if self._closed:
            gone = f"{self.config.name}: version {self.version} is no longer served"
            raise Unavailable(gone, Reason.UNLOADING)
        request.deadline.check(self.config.name)

    async def _wait(self, entry: Entry, request: InferenceRequest) -> InferenceResult:
        """Queue an entry until it has its result."""
        self._queue.put(entry, request.priority)
        if self._ordering:
            self._ordering.begin(entry)
        try:
            self._dispatch()
            if entry in self._queue:
                self._watch(entry, request)
            return await entry.result
        finally:
            self._forget(entry)

    def _watch(self, entry: Entry, request: InferenceRequest) -> None:
        """End the entry's wait when its deadline or its timeout in the queue comes."""
        timeout = self._queue.timeout(request.priority, request.timeout)
        ends = [seconds for seconds in (timeout, request.deadline.remaining) if seconds is not None]
        if ends:
            loop = asyncio.get_running_loop()
            entry.timer = loop.call_later(min(ends), self._expire, entry)

    def _expire(self, entry: Entry) -> None:
        """The entry has waited too long."""
        remaining = entry.deadline.remaining
        # A timer may come a moment early.
        passed = remaining is not None and remaining < _TIMER_SECONDS
        if not passed and self._queue.delays(entry):
            if remaining is not None:
                entry.timer = asyncio.get_running_loop().call_later(remaining, self._expire, entry)
            return
        what = "deadline" if passed else "queue's timeout"
        if self._queue.remove(entry):
            error = DeadlineExceeded(f"{self.config.name}: the {what} passed in the queue")
            self._deliver(entry, error)
        self._dispatch()

    def _forget(self, entry: Entry) -> None:
        """Where its caller is gone, the request's place is free at once."""
        if entry.timer:
            entry.timer.cancel()
        if self._queue.remove(entry):
            if self._ordering:
                self._ordering.end(entry, lambda: None)
            # It may have had a place in the batch that stands by.
            self._dispatch()

    def _dispatch(self) -> None:
        """Start batches while there are both waiting requests and idle instances.

        Where all instances are at work, the next batch stands by.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._executor.reclaim()
        share, due = self._share(), False
        while self._queue:
            size = self._preferred_size()
            if not (size or due) and (delay := self._remaining_delay()) > 0:
                self._timer = asyncio.get_running_loop().call_later(delay, self._dispatch)
                return
            # Once due, all that waits goes, though what one batch leaves is less than was due.
            due = not self._preferred
            instance = self.instances.acquire(self._dispatch)
            if instance is None:
                if self._executor.busy and self.instances.is_next(self._dispatch):
                    self._executor.stand_by(self._choose_batch(size, share))
                return
            batch = self._choose_batch(size, share)
            self._leave_queue(batch)
            self._executor.start(instance, batch)

    def _began(self, batch: Sequence[Entry]) -> None:
        """A batch that stood by is under way, on the instance of one that has ended."""
        self._leave_queue(batch)
        self.instances.handed_on(self._dispatch)

    def _leave_queue(self, batch: Sequence[Entry]) -> None:
        for entry in batch:
            self._queue.remove(entry)
            if entry.timer:
                entry.timer.cancel()

    def _share(self) -> int:
        """Rows for each idle instance: one full batch beside an idle one takes longer than two.

        On the cores also for those at work: one that finds nothing when it ends is idle, too.
        """
        most = max(1, self.config.max_batch_size) if self._batches else 1
        among = self.instances.idle if self._growths is None else self._cores.total
        return min(most, math.ceil(self._queue.rows / max(1, among)))

    def _paying_size(self, entry: Entry) -> int:
        """How large a batch of such requests pays."""
        if self._growths is None:
            return self.config.max_batch_size
        return self._growths.of(entry.program, entry.shapes).limit

    def _preferred_size(self) -> int:
        """The largest of the preferred sizes that the waiting requests can fill, or 0."""
        return max((size for size in self._preferred if size <= self._queue.rows), default=0)

    def _remaining_delay(self) -> float:
        """Seconds that the waiting requests still may wait for company; 0 where they should go."""
        if not self._delay or self._closed or self._queue.rows >= self.config.max_batch_size:
            return 0.0
        return self._queue.oldest + self._delay - time.monotonic()

    def _choose_batch(self, size: int, share: int) -> list[Entry]:
        """The most urgent request and those that fit with it, up to a preferred size if not 0."""
        first = next(iter(self._queue))
        limit = size or min(share, self._paying_size(first))
        limit = min(limit, max(1, first.program.max_batch_size))
        batch: list[Entry] = []
        rows = 0
        for entry in islice(self._queue, limit + _LOOK_AHEAD):
            fits = not batch or (
                entry.program is first.program
                and entry.shapes == first.shapes
                and rows + entry.rows <= limit
            )
            if fits:
                batch.append(entry)
                rows += entry.rows
            if rows >= limit or not self._batches:
                break
        return batch

    def _learn(self, batch: Sequence[Entry], runs: Sequence[Run]) -> None:
        """Let a batch that ran to its end teach how to run the next ones."""
        program = batch[0].program
        if len(runs) < len(program.stages):
            return
        seconds = sum(run.seconds for run in runs)
        if self._at_once and len(runs) == 1:
            self._brief.learn(seconds, sum(byte_size(entry.inputs) for entry in batch))
        # Batches on all cores happen only when there is nothing to join.
        if self._growths is not None and runs[0].threads == self.instances.leanest.threads:
            self._growths.of(program, batch[0].shapes).learn(runs[0].rows, seconds)

    def _deliver(self, entry: Entry, outcome: InferenceResult | ImpastoError) -> None:
        def deliver() -> None:
            if entry.result.done():
                return
            if isinstance(outcome, ImpastoError):
                entry.result.set_exception(outcome)
            else:
                entry.result.set_result(outcome)

        if self._ordering:
            self._ordering.end(entry, deliver)
        else:
            deliver()
