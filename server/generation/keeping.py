"""Pictures that callers want kept: into the picture store, out of it, and gone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from server.engines.base import Deadline
from server.errors import InvalidArgument, NotSupported, Overloaded, Reason
from server.generation.answers import EncodedPicture, Origin
from server.generation.provenance import recipe_json, recipe_styles
from server.generation.requests import Delivery, ListingRequest, OutputFormat
from server.generation.timings import Timings
from server.storage.records import (
    KeptPicture,
    PictureFilter,
    PictureRecord,
    Position,
    digest,
    new_id,
    now,
)
from server.storage.store import PictureStore
from server.telemetry.traces import traced

# Requests that wait for the store at a time.
_MOST_UNDER_WAY = 64
_RETRY_AFTER_SECONDS = 1.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Page(NamedTuple):
    """Some of the stored pictures, and what to ask for the next ones by; empty: there are none."""

    records: list[PictureRecord]
    next_token: str


class Keeping:
    """Answers requests for stored pictures.

    Args:
        store: where they are; None: the server keeps none.
    """

    def __init__(self, store: PictureStore | None) -> None:
        """Keep the store."""
        self._store = store
        self._under_way = 0

    def check(self, wanted: bool) -> None:
        """Check, before any work, that what comes of it can be stored, if that is wanted.

        Raises:
            InvalidArgument: the server keeps no pictures.
            Overloaded: the store is behind.
        """
        if not wanted:
            return
        if self._store is None:
            raise InvalidArgument("store", "false: this server was started without --store", True)
        self._store.check_room()

    async def keep(
        self,
        pictures: list[EncodedPicture],
        request: Delivery,
        origin: Origin,
        timings: Timings,
    ) -> list[EncodedPicture]:
        """Store pictures, if the request wants it and `check` passed; the same with their ids.

        Raises:
            Unavailable: the store's disk does not take them.
        """
        if not request.store:
            return pictures
        assert self._store is not None
        records = [_record(picture, request.encoded, origin) for picture in pictures]
        pairs = list(zip(records, pictures, strict=True))
        with timings.measure("store"), traced("store"):
            await self._store.keep([KeptPicture(record, picture.data) for record, picture in pairs])
        return [replace(picture, id=record.id) for record, picture in pairs]

    async def one(self, picture_id: str, deadline: Deadline) -> KeptPicture:
        """A stored picture.

        Raises:
            NotSupported: the server keeps no pictures.
            Overloaded: too many wait for the store.
            ImpastoError: as of `PictureStore.get`.
        """
        with self._asking() as store:
            return await store.get(picture_id, deadline)

    async def record(self, picture_id: str, deadline: Deadline) -> PictureRecord:
        """What is known of a stored picture.

        Raises:
            NotSupported: the server keeps no pictures.
            Overloaded: too many wait for the store.
            ImpastoError: as of `PictureStore.record`.
        """
        with self._asking() as store:
            return await store.record(picture_id, deadline)

    async def page(self, request: ListingRequest, deadline: Deadline) -> Page:
        """Some of the stored pictures, the newest first.

        Raises:
            NotSupported: the server keeps no pictures.
            Overloaded: too many wait for the store.
            ImpastoError: as of `PictureStore.page`.
        """
        limit = request.page_size
        with self._asking() as store:
            # One more tells whether there is another page.
            records = await store.page(
                _filter(request), _position(request.page_token), limit + 1, deadline
            )
        return Page(records[:limit], _token(records[limit - 1]) if len(records) > limit else "")

    async def delete(self, picture_id: str, deadline: Deadline) -> None:
        """Delete a stored picture.

        Raises:
            NotSupported: the server keeps no pictures.
            Overloaded: too many wait for the store.
            ImpastoError: as of `PictureStore.delete`.
        """
        with self._asking() as store:
            await store.delete(picture_id, deadline)

    @contextmanager
    def _asking(self) -> Iterator[PictureStore]:
        """The store, for a request that waits for no model, and is counted in the block."""
        if self._store is None:
            raise NotSupported("this server keeps no pictures; start it with --store FOLDER")
        if self._under_way >= _MOST_UNDER_WAY:
            raise Overloaded(
                f"{self._under_way} requests wait for the picture store",
                _RETRY_AFTER_SECONDS,
                Reason.STORE_BUSY,
            )
        self._under_way += 1
        try:
            yield self._store
        finally:
            self._under_way -= 1


def created_at(record: PictureRecord) -> datetime:
    """When a picture was made."""
    return _EPOCH + record.created_at * _MICROSECOND


def _record(picture: EncodedPicture, output_format: OutputFormat, origin: Origin) -> PictureRecord:
    return PictureRecord(
        id=new_id(),
        created_at=now(),
        format=output_format.value,
        width=picture.width,
        height=picture.height,
        byte_size=len(picture.data),
        sha256=digest(picture.data),
        model=origin.model,
        model_version=origin.version,
        seed=picture.seed,
        label=picture.label,
        score=picture.score,
        styles=recipe_styles(picture.recipe),
        recipe=recipe_json(picture.recipe),
    )


def _filter(request: ListingRequest) -> PictureFilter:
    return PictureFilter(
        seed=request.seed,
        style=request.style or None,
        model=request.model or None,
        label=request.label or None,
        created_from=_microseconds(request.created_from),
        created_before=_microseconds(request.created_before),
    )


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def _token(record: PictureRecord) -> str:
    return f"{record.created_at:x}-{record.id}"


def _position(token: str) -> Position | None:
    if not token:
        return None
    created, _, picture_id = token.partition("-")
    return Position(int(created, 16), picture_id)
