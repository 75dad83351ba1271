"""From the spool to the store, behind the callers' backs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice

from server.errors import DataLoss, Unavailable
from server.storage.catalogue import PictureCatalogue
from server.storage.objects import Objects
from server.storage.records import PictureRecord
from server.storage.spool import Spool
from server.telemetry.current import code_of, current_call
from server.telemetry.metrics import Metrics
from server.threads import Threads

# So many pictures share a transaction.
_MOST_AT_ONCE = 32
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.5, 30.0
_log = logging.getLogger(__name__)


class Writer:
    """Moves pictures, the oldest first; lives on the event loop.

    The order makes it safe to die anywhere: the bytes, then the record, then the spool's file. What
    is found in the spool at the next start is moved again, and that is no harm.

    Attributes:
        waiting: records of the pictures in the spool, by id.

    Args:
        spool: where they come from.
        objects: where the bytes go.
        catalogue: where the records go.
        threads: where spool and catalogue are waited for.
        metrics: where latencies and failures are counted.
    """

    def __init__(
        self,
        spool: Spool,
        objects: Objects,
        catalogue: PictureCatalogue,
        threads: Threads,
        metrics: Metrics,
    ) -> None:
        """Keep the parts."""
        self._spool = spool
        self._objects = objects
        self._catalogue = catalogue
        self._threads = threads
        self._metrics = metrics
        self.waiting: dict[str, PictureRecord] = {}
        self._refused: set[str] = set()
        # Of the calls that wanted it; those found at the start are of none that is known.
        self._methods: dict[str, str] = {}
        self._come = asyncio.Event()
        self._progress = asyncio.Condition()

    def add(self, record: PictureRecord) -> None:
        """Move this picture, which is in the spool, too."""
        self.waiting[record.id] = record
        call = current_call()
        self._methods[record.id] = "" if call is None else call.method
        self._metrics.store_waiting.set(len(self.waiting))
        self._come.set()

    async def settled(self) -> None:
        """Wait until what was added before is in the store, but not for what it did not take."""
        before = self.waiting.keys() - self._refused
        async with self._progress:
            await self._progress.wait_for(lambda: before.isdisjoint(self.waiting))

    async def run(self) -> None:
        """Move what comes, for ever; a store that fails is asked for less, and less often."""
        at_once, patience = _MOST_AT_ONCE, _FIRST_RETRY_SECONDS
        while True:
            await self._come.wait()
            records = list(islice(self.waiting.values(), at_once))
            moved = await self._move(records)
            whole = moved == len(records)
            at_once = min(2 * at_once, _MOST_AT_ONCE) if whole else max(1, at_once // 2)
            if moved:
                patience = _FIRST_RETRY_SECONDS
                continue
            await asyncio.sleep(patience)
            patience = min(2 * patience, _LAST_RETRY_SECONDS)

    async def _move(self, records: Sequence[PictureRecord]) -> int:
        """Move some; how many the store took. Those that it did not go to the end."""
        started = time.monotonic()
        outcomes = await asyncio.gather(*map(self._put, records), return_exceptions=True)
        failure = next((each for each in outcomes if isinstance(each, BaseException)), None)
        pairs = list(zip(records, outcomes, strict=True))
        stored = [record for record, outcome in pairs if outcome is True]
        missing = [record for record, outcome in pairs if outcome is False]
        lost: set[str] = set()
        try:
            await self._enter(stored)
            lost = await self._lost(missing)
        except Exception as error:
            stored, missing, failure = [], [], error
        for record in stored + missing:
            gone = DataLoss("gone from the spool") if record.id in lost else None
            self._done(record, time.monotonic() - started, gone)
        if failure is not None:
            left = [record for record in records if record.id in self.waiting]
            self._put_off(left, failure, time.monotonic() - started)
        async with self._progress:
            self._progress.notify_all()
        return len(stored) + len(missing)

    async def _put(self, record: PictureRecord) -> bool:
        """Store bytes; whether there are any."""
        kept = await self._threads.run(partial(self._spool.read, record.id))
        if kept is None:
            return False
        await self._objects.put(record, kept.data)
        return True

    async def _enter(self, records: Sequence[PictureRecord]) -> None:
        """Enter records whose bytes are stored, and let the spool go of them."""
        deleted = await self._threads.run(partial(self._catalogue.add, records))
        for record in records:
            if record.id in deleted:
                # By another server, while it was in this one's spool, too.
                await self._objects.delete(record)
        await self._threads.run(partial(self._clear, records))

    async def _lost(self, records: Sequence[PictureRecord]) -> set[str]:
        """Ids of those that no earlier attempt moved, one that failed later on."""
        lost = set()
        for record in records:
            if await self._threads.run(partial(self._catalogue.get, record.id)) is None:
                _log.error("picture %s has gone from the spool, and is lost", record.id)
                lost.add(record.id)
        return lost

    def _done(self, record: PictureRecord, seconds: float, failure: DataLoss | None) -> None:
        del self.waiting[record.id]
        self._refused.discard(record.id)
        self._spool.give_back(record.byte_size)
        self._metrics.store_waiting.set(len(self.waiting))
        self._observe(self._methods.pop(record.id), seconds, failure)
        if not self.waiting:
            self._come.clear()

    def _put_off(
        self, records: Sequence[PictureRecord], failure: BaseException, seconds: float
    ) -> None:
        self._metrics.store_failures.inc()
        # What fails for a reason that nobody thought of is worth its traceback.
        expected = isinstance(failure, Unavailable | OSError)
        _log.warning(
            "%s; %d pictures wait",
            failure,
            len(self.waiting),
            exc_info=None if expected else failure,
        )
        for record in records:
            self._observe(self._methods[record.id], seconds, failure)
            self._refused.add(record.id)
            self.waiting[record.id] = self.waiting.pop(record.id)

    def _observe(self, method: str, seconds: float, failure: BaseException | None) -> None:
        self._metrics.stages.observe("store", "", method, code_of(failure), seconds)

    def _clear(self, records: Sequence[PictureRecord]) -> None:
        for record in records:
            self._spool.remove(record.id)
