"""Pictures to store, and stores to keep them in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from server.storage.records import KeptPicture, PictureRecord, digest, new_id, now
from server.storage.retention import Limits
from server.storage.store import PictureStore, Places
from server.telemetry.metrics import Metrics

SOON_SECONDS = 20


def picture(number: int = 0, **fields: object) -> KeptPicture:
    """A picture whose bytes are like no other's."""
    data = fields.pop("data", f"picture {number} ".encode() * 100)
    assert isinstance(data, bytes)
    known: dict[str, object] = {
        "id": new_id(),
        "created_at": now(),
        "format": "png",
        "width": 64,
        "height": 32,
        "byte_size": len(data),
        "sha256": digest(data),
        "model": "landscapes",
        "model_version": "1",
        "seed": number,
        "label": "",
        "score": None,
        "styles": {},
        "recipe": "{}",
    }
    return KeptPicture(PictureRecord(**known | fields), data)  # type: ignore[arg-type]


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SOON_SECONDS):
        while not await true():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def open_store(places: Places, limits: Limits | None = None) -> AsyncIterator[PictureStore]:
    store = PictureStore(places, limits or Limits(), Metrics())
    try:
        await store.start()
        yield store
    finally:
        await store.close()
