"""Runs the batches of one model version on threads, and hands each request its part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from server.engines.base import InferenceResult
from server.engines.onnxruntime.cores import Cores
from server.engines.onnxruntime.instances import Instance, Instances
from server.engines.onnxruntime.outcome import answer, count_batch, next_batch
from server.engines.onnxruntime.program import Executed, Run
from server.engines.onnxruntime.request_queue import Entry
from server.errors import DeadlineExceeded, ImpastoError, InferenceFailed

Deliver = Callable[[Entry, InferenceResult | ImpastoError], None]
# What a batch ended with: its outputs, or what the runtime raised.
_Outcome: TypeAlias = "Executed[Entry] | Exception"


@dataclass(frozen=True)
class Owner:
    """What the executor tells its batcher.

    Attributes:
        deliver: gives a request its outcome.
        ran: is told of each batch that ran.
        freed: is called when it is time to start, or to choose, the next batch.
        began: is told that the batch that stood by has begun.
    """

    deliver: Deliver
    ran: Callable[[Sequence[Entry], Sequence[Run]], None]
    freed: Callable[[], None]
    began: Callable[[Sequence[Entry]], None]


class Executor:
    """The batches under way; lives on the event loop.

    The next batch stands by while all instances are at work, and the thread that ends one begins
    it by itself: until the event loop had its turn, the core would have nothing to do. What stands
    by can be taken back and chosen anew until it begins.

    Args:
        model: the model's name.
        version: its version.
        instances: where a batch's instance goes back to.
        cores: whose threads run the batches.
        owner: who forms the batches.
    """

    def __init__(
        self, model: str, version: str, instances: Instances, cores: Cores, owner: Owner
    ) -> None:
        """Run nothing yet."""
        self._model = model
        self._version = version
        self._instances = instances
        self._cores = cores
        self._owner = owner
        self._under_way = 0
        self._idle = asyncio.Event()
        self._one_by_one: set[asyncio.Task[None]] = set()
        # What stands by: as the loop knows it, and where the first to pop has it.
        self._chosen: list[Entry] | None = None
        self._standby: list[list[Entry]] = []

    @property
    def busy(self) -> bool:
        """Whether a batch is under way."""
        return self._under_way > 0

    async def idle(self) -> None:
        """Wait until none is under way."""
        if self.busy:
            self._idle.clear()
            await self._idle.wait()

    def start(self, instance: Instance, batch: list[Entry]) -> None:
        """Run a batch; whatever comes of it, its requests are answered and its instance is free."""
        self._under_way += 1
        loop = asyncio.get_running_loop()
        try:
            self._cores.threads.submit(self._work, loop, instance, batch)
        except RuntimeError as error:  # The system gives no thread.
            loop.call_soon(self._ended, instance, batch, error, None)

    def stand_by(self, batch: list[Entry]) -> None:
        """Let a batch begin when one under way ends; its requests still wait."""
        self._chosen = batch
        self._standby.append(batch)

    def reclaim(self) -> None:
        """Take back what stands by, unless a thread was faster."""
        chosen, self._chosen = self._chosen, None
        if chosen is not None and self._take() is None:
            self._owner.began(chosen)

    def _take(self) -> list[Entry] | None:
        """What stands by, for one taker only, whatever thread it is on."""
        try:
            return self._standby.pop()
        except IndexError:
            return None

    def _work(
        self, loop: asyncio.AbstractEventLoop, instance: Instance, batch: list[Entry] | None
    ) -> None:
        """Run a batch, then what stands by, until nothing does; on a thread."""
        while batch is not None:
            outcome = _run(instance, batch)
            following = None
            # A failed batch needs its instance for another while, and several threads are for
            # who is alone.
            if not isinstance(outcome, Exception) and self._instances.is_leanest(instance):
                following = self._take()
            loop.call_soon_threadsafe(self._ended, instance, batch, outcome, following)
            batch = following

    def _ended(
        self,
        instance: Instance,
        batch: list[Entry],
        outcome: _Outcome,
        following: list[Entry] | None,
    ) -> None:
        if isinstance(outcome, Exception) and len(batch) > 1:
            task = asyncio.get_running_loop().create_task(self._run_each(instance, batch))
            self._one_by_one.add(task)
            task.add_done_callback(self._one_by_one.discard)
            return
        # First what keeps the cores at work, then the answers.
        if following is None:
            self._free(instance)
        else:
            if following is self._chosen:
                self._chosen = None
                self._owner.began(following)
            self._owner.freed()
        self._conclude(batch, outcome)

    async def _run_each(self, instance: Instance, batch: list[Entry]) -> None:
        """What one request did to the batch must not harm the others: each by itself."""
        loop = asyncio.get_running_loop()
        try:
            for entry in batch:
                alone = [entry]
                try:
                    outcome = await loop.run_in_executor(self._cores.threads, _run, instance, alone)
                except RuntimeError as error:  # The system gives no thread.
                    outcome = error
                self._conclude(alone, outcome)
        finally:
            self._free(instance)

    def _free(self, instance: Instance) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()
        self._instances.release(instance)
        self._owner.freed()

    def _conclude(self, batch: list[Entry], outcome: _Outcome) -> None:
        """Give each request of a batch that has ended its rows, or its failure."""
        try:
            if isinstance(outcome, Exception):
                raise outcome
            self._hand_out(batch, outcome)
        # onnxruntime's exceptions share no base class below Exception.
        except Exception as error:
            for entry in batch:
                self._owner.deliver(entry, failure(self._model, error))

    def _hand_out(self, batch: list[Entry], done: Executed[Entry]) -> None:
        """Give each request its rows, and count."""
        program = batch[0].program
        count_batch(program, done.runs)
        self._owner.ran(batch, done.runs)
        first, number = 0, next_batch()
        for entry in done.entries:
            part = program.part(done.outputs, slice(first, first + entry.rows))
            first += entry.rows
            queued = (entry.started or entry.arrived) - entry.arrived
            result = answer(program, part, self._version, entry.rows, queued, done.runs, number)
            self._owner.deliver(entry, result)
        if len(done.entries) < len(batch):
            for entry in set(batch).difference(done.entries):
                self._owner.deliver(entry, self._too_late())

    def _too_late(self) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._model}: the deadline passed")


def _run(instance: Instance, batch: list[Entry]) -> _Outcome:
    started = time.monotonic()
    for entry in batch:
        entry.started = started
    try:
        return batch[0].program.run(instance, batch)
    # onnxruntime's exceptions share no base class below Exception.
    except Exception as error:
        return error


def failure(model: str, error: Exception) -> InferenceFailed:
    """What a request ends with whose batch ended with `error`."""
    failed = InferenceFailed(f"{model}: {error}")
    failed.__cause__ = error
    return failed
