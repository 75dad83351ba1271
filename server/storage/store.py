"""The picture store: keeps pictures, finds them again, and lets go of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from server.engines.base import Deadline
from server.errors import DataLoss, DeadlineExceeded, NotFound, Reason, Unavailable
from server.storage.catalogue import THREADS, PictureCatalogue
from server.storage.objects import Objects
from server.storage.records import (
    KeptPicture,
    PictureFilter,
    PictureRecord,
    Position,
)
from server.storage.retention import Limits, Retention
from server.storage.spool import Spool
from server.storage.writer import Writer
from server.telemetry.metrics import Metrics
from server.threads import Threads

# How long a reader waits for what was answered a moment ago, and an exit for the last writes.
_SETTLE_SECONDS = 2.0
_CLOSE_SECONDS = 5.0
# For one question to one place, which have shorter limits of their own.
_PATIENCE_SECONDS = 20.0
_log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Places:
    """Where pictures are kept.

    Attributes:
        folder: of the spool, and of all that has no other place.
        url: of the pictures' bytes; None: in the folder.
        database: of the catalogue; None: SQLite in the folder.
    """

    folder: Path
    url: str | None = None
    database: str | None = None


class PictureStore:
    """Pictures by id, newest first; lives on the event loop.

    Args:
        places: where they are kept.
        limits: when they go.
        metrics: where the store's work is counted.
    """

    def __init__(self, places: Places, limits: Limits, metrics: Metrics) -> None:
        """Set everything up; nothing is asked yet.

        Raises:
            StartupError: a place's address is none.
        """
        self._spool = Spool(places.folder / "spool")
        self._objects = Objects(places.url, places.folder / "pictures")
        self._catalogue = PictureCatalogue(places.database, places.folder / "catalogue.sqlite3")
        # Apart, so that a database that does not answer holds up no caller's picture.
        self._spooling, self._asking = Threads("spool"), Threads("catalogue", THREADS)
        parts = self._spool, self._objects, self._catalogue, self._asking
        self._writer = Writer(*parts, metrics)
        self._retention = Retention(self._objects, self._catalogue, self._asking, limits)
        self._tasks: list[asyncio.Task[None]] = []
        self._keeping: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Reach both places, and finish what an earlier process began.

        Raises:
            StartupError: a place cannot be reached, or another server has the folder.
        """
        left = await self._spooling.run(self._spool.take_over)
        await self._objects.open()
        await self._asking.run(self._catalogue.migrate)
        for record in left:
            self._objects.tidy(record)
            self._writer.add(record)
        if left:
            _log.info("store: %d pictures were left in the spool", len(left))
        work = self._writer.run(), self._retention.run()
        self._tasks = [asyncio.create_task(each) for each in work]

    def check_room(self) -> None:
        """Check, before any work, that what comes of it can be kept.

        Raises:
            Overloaded: the store is behind.
        """
        self._spool.check_room()

    async def keep(self, pictures: Sequence[KeptPicture]) -> None:
        """Keep pictures: from now on they outlive the process.

        Raises:
            Unavailable: this machine's disk does not take them.
        """
        # To its end, though the caller may leave: half-way, the spool would not know what it has.
        keeping = asyncio.create_task(self._keep(pictures))
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        await asyncio.shield(keeping)

    async def _keep(self, pictures: Sequence[KeptPicture]) -> None:
        for kept in pictures:
            self._spool.take(kept.record.byte_size)
        try:
            await self._spooling.run(partial(self._write, pictures))
        except OSError as error:
            for kept in pictures:
                self._spool.give_back(kept.record.byte_size)
            raise Unavailable(
                f"the picture store's folder: {error.strerror}", Reason.STORE_UNAVAILABLE
            ) from error
        for kept in pictures:
            self._writer.add(kept.record)

    async def get(self, picture_id: str, deadline: Deadline) -> KeptPicture:
        """A picture.

        Raises:
            NotFound: there is none of that id.
            DataLoss: its bytes are gone, or others than were stored.
            Unavailable: the store fails.
            DeadlineExceeded: it takes too long.
        """
        if picture_id in self._writer.waiting:
            kept = await self._spooling.run(partial(self._spool.read, picture_id))
            if kept is not None:
                return kept
        record = await self.record(picture_id, deadline)
        data = await _within(deadline, self._objects.get(record))
        if data is None:
            # Unless it was deleted a moment ago.
            await self.record(picture_id, deadline)
            raise DataLoss(f"picture {picture_id}: its file is gone")
        if not record.is_of(data):
            raise DataLoss(f"picture {picture_id}: its file is damaged")
        return KeptPicture(record, data)

    async def record(self, picture_id: str, deadline: Deadline) -> PictureRecord:
        """What is known of a picture.

        Raises:
            NotFound: there is none of that id.
            Unavailable: the store fails.
            DeadlineExceeded: it takes too long.
        """
        if (waiting := self._writer.waiting.get(picture_id)) is not None:
            return waiting
        record = await self._ask(partial(self._catalogue.get, picture_id), deadline)
        if record is None:
            raise _unknown(picture_id)
        return record

    async def page(
        self, wanted: PictureFilter, after: Position | None, limit: int, deadline: Deadline
    ) -> list[PictureRecord]:
        """Records of pictures, the newest first.

        Args:
            wanted: which.
            after: those behind it; None: from the first.
            limit: greatest number.
            deadline: when the caller stops waiting.

        Raises:
            Unavailable: the store fails.
            DeadlineExceeded: it takes too long.
        """
        await self._settle()
        return await self._ask(partial(self._catalogue.page, wanted, after, limit), deadline)

    async def delete(self, picture_id: str, deadline: Deadline) -> None:
        """Delete a picture; where that fails half-way, it is hidden, and its bytes go later.

        Raises:
            NotFound: there is none of that id.
            Unavailable: the store fails.
            DeadlineExceeded: it takes too long.
        """
        if picture_id in self._writer.waiting:
            await self._settle()
            if picture_id in self._writer.waiting:
                raise Unavailable(
                    "the picture store is behind; try again later", Reason.STORE_UNAVAILABLE
                )
        record = await self._ask(partial(self._catalogue.doom, picture_id), deadline)
        if record is None:
            raise _unknown(picture_id)
        await _within(deadline, self._retention.remove([record]))

    async def close(self) -> bool:
        """Move what waits, if the store takes it soon; the rest is moved after the next start.

        Returns:
            Whether all threads have ended: one may wait for a database that does not answer.
        """
        with suppress(TimeoutError):
            await asyncio.wait_for(self._writer.settled(), _CLOSE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        ended = [await each.finish(_CLOSE_SECONDS) for each in (self._spooling, self._asking)]
        self._spool.close()
        if all(ended):
            self._catalogue.close()
        return all(ended)

    async def _settle(self) -> None:
        """Let a caller see what was answered a moment ago, unless the store is behind."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._writer.settled(), _SETTLE_SECONDS)

    async def _ask(self, work: Callable[[], Result], deadline: Deadline) -> Result:
        deadline.check("the picture store")
        return await _within(deadline, self._asking.run(work))

    def _write(self, pictures: Sequence[KeptPicture]) -> None:
        """Write all or none."""
        try:
            for kept in pictures:
                self._spool.write(kept)
        except OSError:
            for kept in pictures:
                self._spool.remove(kept.record.id)
            raise


async def _within(deadline: Deadline, work: Awaitable[Result]) -> Result:
    """Await what a place does, until the deadline, but not for ever.

    Raises:
        DeadlineExceeded: it passed.
        Unavailable: the place does not answer.
    """
    remaining = deadline.remaining
    patience = _PATIENCE_SECONDS if remaining is None else min(remaining, _PATIENCE_SECONDS)
    try:
        return await asyncio.wait_for(work, patience)
    except TimeoutError as error:
        if deadline.passed:
            raise DeadlineExceeded("the deadline passed while the store was asked") from error
        raise Unavailable(
            "the picture store does not answer; try again later", Reason.STORE_UNAVAILABLE
        ) from error


def _unknown(picture_id: str) -> NotFound:
    return NotFound(f"there is no stored picture {picture_id!r}")
