"""From the spool to the store, behind the callers' backs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from itertools import islice

from server.errors import Unavailable
from server.generation.windows import gathered
from server.storage.catalogue import PictureCatalogue
from server.storage.objects import Objects
from server.storage.records import PictureRecord
from server.storage.spool import Spool
from server.telemetry.metrics import Metrics
from server.threads import Threads

# So many pictures share a transaction.
_BATCH = 32
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
        self._added = self._moved = 0
        self._come = asyncio.Event()
        self._progress = asyncio.Condition()

    def add(self, record: PictureRecord) -> None:
        """Move this picture, which is in the spool, too."""
        self.waiting[record.id] = record
        self._added += 1
        self._metrics.store_waiting.set(len(self.waiting))
        self._come.set()

    async def settled(self) -> None:
        """Wait until all that was added before is in the store."""
        added = self._added
        async with self._progress:
            await self._progress.wait_for(lambda: self._moved >= added)

    async def run(self) -> None:
        """Move what comes, for ever; a store that fails is asked again, ever less often."""
        patience = _FIRST_RETRY_SECONDS
        while True:
            await self._come.wait()
            try:
                await self._move(list(islice(self.waiting.values(), _BATCH)))
                patience = _FIRST_RETRY_SECONDS
            except (Unavailable, OSError) as error:
                self._metrics.store_failures.inc()
                _log.warning("%s; %d pictures wait", error, len(self.waiting))
                await asyncio.sleep(patience)
                patience = min(2 * patience, _LAST_RETRY_SECONDS)

    async def _move(self, records: Sequence[PictureRecord]) -> None:
        started = time.monotonic()
        found = await gathered(self._put(record) for record in records)
        stored = [record for record, is_there in zip(records, found, strict=True) if is_there]
        await self._threads.run(partial(self._catalogue.add, stored))
        await self._threads.run(partial(self._clear, records))
        for record in records:
            self._spool.give_back(record.byte_size)
            del self.waiting[record.id]
            self._metrics.store_seconds.observe(time.monotonic() - started)
        self._metrics.store_waiting.set(len(self.waiting))
        if not self.waiting:
            self._come.clear()
        async with self._progress:
            self._moved += len(records)
            self._progress.notify_all()

    async def _put(self, record: PictureRecord) -> bool:
        kept = await self._threads.run(partial(self._spool.read, record.id))
        if kept is None:
            # Somebody else was at the folder; the others need not wait for what will never come.
            _log.error("picture %s has gone from the spool, and is lost", record.id)
            return False
        await self._objects.put(record, kept.data)
        return True

    def _clear(self, records: Sequence[PictureRecord]) -> None:
        for record in records:
            self._spool.remove(record.id)
