"""How stored pictures go: by age, by room, or because somebody says so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from server.errors import Unavailable
from server.storage.catalogue import PictureCatalogue
from server.storage.objects import Objects
from server.storage.records import PictureRecord, now
from server.threads import Threads

_SWEEP_SECONDS = 30.0
_AT_ONCE = 32
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """What pictures may take.

    Attributes:
        byte_size: all together; 0: whatever they take.
        age: seconds; 0: for ever.
    """

    byte_size: int = 0
    age: float = 0.0


class Retention:
    """Removes pictures; lives on the event loop.

    A record is hidden first, then the bytes go, then the record: whoever dies in between leaves no
    bytes that nobody knows of, and the next sweep goes on from there.

    Args:
        objects: of the bytes.
        catalogue: of the records.
        threads: where the catalogue is waited for.
        limits: when pictures go by themselves.
    """

    def __init__(
        self, objects: Objects, catalogue: PictureCatalogue, threads: Threads, limits: Limits
    ) -> None:
        """Keep the parts."""
        self._objects = objects
        self._catalogue = catalogue
        self._threads = threads
        self._limits = limits

    async def run(self) -> None:
        """Sweep now and then, for ever."""
        while True:
            try:
                await self.sweep()
            except Unavailable as error:
                _log.warning("retention: %s", error)
            except Exception:
                # What nobody thought of must not end it in silence.
                _log.exception("retention failed")
            await asyncio.sleep(_SWEEP_SECONDS)

    async def sweep(self) -> None:
        """Remove what is too old or too much, and what an earlier process had hidden.

        Raises:
            Unavailable: a place fails.
        """
        if self._limits.age:
            oldest = now() - round(self._limits.age * 1_000_000)
            await self._threads.run(partial(self._catalogue.doom_older, oldest))
        if self._limits.byte_size:
            most = self._limits.byte_size
            await self._threads.run(partial(self._catalogue.doom_beyond, most))
        last = ""
        while doomed := await self._threads.run(partial(self._catalogue.doomed, last, _AT_ONCE)):
            last = doomed[-1].id
            # Files that cannot be removed now do not keep the others.
            with suppress(Unavailable):
                await self.remove(doomed)

    async def remove(self, records: Sequence[PictureRecord]) -> None:
        """Remove hidden pictures.

        Raises:
            Unavailable: a place fails; what could be removed is.
        """
        work = (self._objects.delete(record) for record in records)
        outcomes = await asyncio.gather(*work, return_exceptions=True)
        failed = [isinstance(outcome, BaseException) for outcome in outcomes]
        removed = [record.id for record, stays in zip(records, failed, strict=True) if not stays]
        await self._threads.run(partial(self._catalogue.forget, removed, now()))
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
