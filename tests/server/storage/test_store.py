"""The picture store with both of its homes: a folder with SQLite, and S3 with PostgreSQL."""

import asyncio
from pathlib import Path

import pytest
from stored_pictures import eventually, open_store, picture

from server.engines.base import NEVER, Deadline
from server.errors import DataLoss, DeadlineExceeded, NotFound, Overloaded, StartupError
from server.storage.records import PictureFilter, Position, new_id, now
from server.storage.retention import Limits
from server.storage.spool import Spool
from server.storage.store import PictureStore, Places

ALL = PictureFilter()
SECOND = 1_000_000


async def ids(store: PictureStore, wanted: PictureFilter = ALL) -> list[str]:
    return [record.id for record in await store.page(wanted, None, 100, NEVER)]


async def test_what_is_kept_is_found_again(places: Places) -> None:
    kept = picture(7, score=1.5, label="Bag", styles={"spring": 0.25}, recipe='{"seed":"7"}')
    async with open_store(places) as store:
        await store.keep([kept])
        assert await store.get(kept.record.id, NEVER) == kept
        assert await store.page(ALL, None, 10, NEVER) == [kept.record]
        # By now it has left the spool.
        assert await store.get(kept.record.id, NEVER) == kept
    async with open_store(places) as store:
        assert await store.get(kept.record.id, NEVER) == kept


async def test_seeds_of_64_bits(places: Places) -> None:
    kept = picture(2**64 - 1)
    async with open_store(places) as store:
        await store.keep([kept])
        assert await ids(store, PictureFilter(seed=2**64 - 1)) == [kept.record.id]
        assert (await store.get(kept.record.id, NEVER)).record.seed == 2**64 - 1


async def test_search(places: Places) -> None:
    start = now()
    pictures = [
        picture(1, created_at=start, styles={"spring": 1.0, "wave": 2.0}),
        picture(2, created_at=start + SECOND, model="fashion", label="Bag"),
        picture(2, created_at=start + 2 * SECOND, styles={"wave": 1.0}),
    ]
    first, second, third = (kept.record.id for kept in pictures)
    async with open_store(places) as store:
        await store.keep(pictures)
        assert await ids(store) == [third, second, first]
        assert await ids(store, PictureFilter(seed=2)) == [third, second]
        assert await ids(store, PictureFilter(style="wave")) == [third, first]
        assert await ids(store, PictureFilter(style="spring")) == [first]
        assert await ids(store, PictureFilter(model="fashion")) == [second]
        assert await ids(store, PictureFilter(label="Bag", style="wave")) == []
        assert await ids(store, PictureFilter(created_from=start + SECOND)) == [third, second]
        assert await ids(store, PictureFilter(created_before=start + SECOND)) == [first]


async def test_pages_do_not_shift(places: Places) -> None:
    moment = now()
    # Two at a time share their moment, so the id has to decide, too.
    pictures = [picture(number, created_at=moment + number // 2) for number in range(9)]
    async with open_store(places) as store:
        await store.keep(pictures)
        seen, position = [], None
        while page := await store.page(ALL, position, 2, NEVER):
            seen += page
            position = Position(page[-1].created_at, page[-1].id)
            # Newer ones do not push anything onto the next page.
            await store.keep([picture(100)])
        assert len({record.id for record in seen}) == len(seen) == 9


async def test_deleted_is_gone(places: Places) -> None:
    kept, other = picture(1), picture(2)
    async with open_store(places) as store:
        await store.keep([kept, other])
        await store.delete(kept.record.id, NEVER)
        with pytest.raises(NotFound, match=kept.record.id):
            await store.get(kept.record.id, NEVER)
        with pytest.raises(NotFound):
            await store.delete(kept.record.id, NEVER)
        assert await ids(store) == [other.record.id]
        assert await store._objects.get(kept.record) is None
        with pytest.raises(NotFound):
            await store.get(new_id(), NEVER)


async def test_a_deletion_that_was_cut_short_is_finished(places: Places) -> None:
    kept = picture(1)
    async with open_store(places) as store:
        await store.keep([kept])
        await store.page(ALL, None, 1, NEVER)
        store._catalogue.doom(kept.record.id)
    async with open_store(places) as store:

        async def gone() -> bool:
            return await store._objects.get(kept.record) is None

        await eventually(gone)
        assert await ids(store) == []


async def test_the_oldest_go_when_there_is_too_much(places: Places) -> None:
    moment = now()
    pictures = [
        picture(number, created_at=moment + number, data=bytes(1000)) for number in range(10)
    ]
    async with open_store(places, Limits(byte_size=3500)) as store:
        await store.keep(pictures)
        await store.page(ALL, None, 1, NEVER)
        await store._retention.sweep()
        assert await ids(store) == [kept.record.id for kept in reversed(pictures[-3:])]
        assert await store._objects.get(pictures[0].record) is None


async def test_the_too_old_go(places: Places) -> None:
    old, new = picture(1, created_at=now() - 100 * SECOND), picture(2)
    async with open_store(places) as store:
        await store.keep([old, new])
    async with open_store(places, Limits(age=50)) as store:

        async def swept() -> bool:
            return await ids(store) == [new.record.id]

        await eventually(swept)


async def test_what_was_in_the_spool_is_moved_at_the_next_start(places: Places) -> None:
    kept = picture(1)
    spool = Spool(places.folder / "spool")
    assert spool.take_over() == []
    spool.write(kept)
    (places.folder / "spool" / f"{new_id()}.unfinished").write_bytes(b"half")
    spool.close()
    async with open_store(places) as store:
        assert await ids(store) == [kept.record.id]
        assert await store.get(kept.record.id, NEVER) == kept
    assert [path.name for path in (places.folder / "spool").iterdir()] == [".lock"]


async def test_moved_twice_is_there_once(places: Places) -> None:
    """The process died after the store had the picture, and before the spool knew."""
    kept = picture(1, styles={"wave": 1.0})
    async with open_store(places) as store:
        await store.keep([kept])
    spool = Spool(places.folder / "spool")
    assert spool.take_over() == []
    spool.write(kept)
    spool.close()
    async with open_store(places) as store:
        assert await ids(store) == [kept.record.id]


async def test_a_late_deadline_is_kept(places: Places) -> None:
    async with open_store(places) as store:
        with pytest.raises(DeadlineExceeded):
            await store.get(new_id(), Deadline.after(0))


async def test_a_damaged_file_is_not_handed_out(tmp_path: Path) -> None:
    changed, gone = picture(1), picture(2)
    async with open_store(Places(tmp_path)) as store:
        await store.keep([changed, gone])
        await store.page(ALL, None, 1, NEVER)
        (path,) = tmp_path.glob(f"pictures/*/{changed.record.id}.png")
        path.write_bytes(changed.data[:-1] + b"?")
        with pytest.raises(DataLoss, match="damaged"):
            await store.get(changed.record.id, NEVER)
        (path,) = tmp_path.glob(f"pictures/*/{gone.record.id}.png")
        path.unlink()
        with pytest.raises(DataLoss, match="gone"):
            await store.get(gone.record.id, NEVER)


async def test_a_torn_file_in_the_spool_is_set_aside(tmp_path: Path) -> None:
    kept = picture(1)
    spool = Spool(tmp_path / "spool")
    assert spool.take_over() == []
    spool.write(kept)
    spool.close()
    path = tmp_path / "spool" / kept.record.id
    path.write_bytes(path.read_bytes()[:-10])
    async with open_store(Places(tmp_path)) as store:
        assert await ids(store) == []
    assert path.with_suffix(".broken").exists()


async def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    async with open_store(Places(tmp_path)):
        with pytest.raises(StartupError, match="belongs to another server"):
            async with open_store(Places(tmp_path)):
                pass


def test_a_full_spool_refuses(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit=1000)
    spool.check_room()
    spool.take(1000)
    with pytest.raises(Overloaded, match="is behind"):
        spool.check_room()
    spool.give_back(1)
    spool.check_room()


async def test_a_caller_who_leaves_confuses_nobody(tmp_path: Path) -> None:
    kept = picture(1, data=bytes(5_000_000))
    async with open_store(Places(tmp_path)) as store:
        leaving = asyncio.create_task(store.keep([kept]))
        await asyncio.sleep(0)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)

        async def stored() -> bool:
            return await ids(store) == [kept.record.id]

        await eventually(stored)
        assert store._spool.byte_size == 0
