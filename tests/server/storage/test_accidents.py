"""What goes wrong half-way, and what must come of it all the same."""

import asyncio
import errno
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from running_postgresql import programs, running_postgresql
from stored_pictures import eventually, open_store, picture

import server.storage.store as store_module
from server.engines.base import NEVER
from server.errors import NotFound, Unavailable
from server.storage.records import PictureFilter, new_id
from server.storage.retention import Limits
from server.storage.spool import Spool
from server.storage.store import PictureStore, Places
from server.telemetry.metrics import Metrics

ALL = PictureFilter()


async def stored(store: PictureStore) -> set[str]:
    return {record.id for record in await store.page(ALL, None, 100, NEVER)}


async def test_what_the_store_refuses_keeps_nobody_else(tmp_path: Path) -> None:
    refused = picture(1, id="ab" + new_id()[2:])
    others = [picture(number, id="cd" + new_id()[2:]) for number in range(50)]
    async with open_store(Places(tmp_path)) as store:
        # Where the folder of the first two digits should be, there is a file.
        (tmp_path / "pictures/ab").touch()
        await store.keep([refused])
        await store.keep(others)
        wanted = {kept.record.id for kept in others}

        async def moved() -> bool:
            return await stored(store) == wanted

        await eventually(moved)
        assert await store.get(refused.record.id, NEVER) == refused
        (tmp_path / "pictures/ab").unlink()

        async def all_moved() -> bool:
            return refused.record.id in await stored(store)

        await eventually(all_moved)


async def test_what_has_gone_from_the_spool_is_counted_as_lost(tmp_path: Path) -> None:
    kept = picture(1, id="ab" + new_id()[2:])
    async with open_store(Places(tmp_path)) as store:
        # Where the folder of the first two digits should be, there is a file.
        (tmp_path / "pictures/ab").touch()
        await store.keep([kept])
        (left,) = tmp_path.glob(f"spool/*{kept.record.id}*")
        left.unlink()

        async def given_up() -> bool:
            return not store._writer.waiting

        await eventually(given_up)
        registry = store._writer._metrics.registry
        assert registry is not None
        labels = {"stage": "store", "model": "", "method": "", "code": "DATA_LOSS"}
        assert registry.get_sample_value("impasto_stage_seconds_count", labels) == 1


async def test_a_disk_that_fills_half_way_keeps_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [picture(number) for number in range(4)]
    write = Spool.write

    def write_some(spool: Spool, kept: object) -> None:
        if kept is pictures[2]:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(spool, kept)  # type: ignore[arg-type]

    async with open_store(Places(tmp_path)) as store:
        monkeypatch.setattr(Spool, "write", write_some)
        with pytest.raises(Unavailable, match="No space left"):
            await store.keep(pictures)
        assert store._spool.byte_size == 0
        assert [path.name for path in (tmp_path / "spool").iterdir()] == [".lock"]
    async with open_store(Places(tmp_path)) as store:
        assert await stored(store) == set()


async def test_deleted_pictures_do_not_come_back_from_a_spool(places: Places) -> None:
    """Another server deletes what this one has stored, but had no time to note."""
    kept = picture(1)
    async with open_store(places) as store:
        await store.keep([kept])
    elsewhere = replace(places, folder=places.folder / "other")
    if places.url is None:
        elsewhere = places
    async with open_store(elsewhere) as store:
        await store.delete(kept.record.id, NEVER)
    spool = Spool(places.folder / "spool")
    assert spool.take_over() == []
    spool.write(kept)
    spool.close()
    async with open_store(places) as store:
        assert await stored(store) == set()
        with pytest.raises(NotFound):
            await store.get(kept.record.id, NEVER)
        assert await store._objects.get(kept.record) is None


async def test_reading_beside_deleting_is_no_loss(tmp_path: Path) -> None:
    async with open_store(Places(tmp_path)) as store:
        for number in range(30):
            kept = picture(number)
            await store.keep([kept])
            await stored(store)
            reads = [asyncio.create_task(store.get(kept.record.id, NEVER)) for _ in range(6)]
            await store.delete(kept.record.id, NEVER)
            for outcome in await asyncio.gather(*reads, return_exceptions=True):
                assert outcome == kept or isinstance(outcome, NotFound)


async def test_a_file_that_cannot_go_keeps_no_other(tmp_path: Path) -> None:
    pictures = [picture(number) for number in range(3)]
    async with open_store(Places(tmp_path)) as store:
        await store.keep(pictures)
        await stored(store)
        first = min(kept.record.id for kept in pictures)
        (path,) = tmp_path.glob(f"pictures/*/{first}.png")
        path.unlink()
        path.mkdir()
        (path / "something").touch()
    async with open_store(Places(tmp_path), Limits(byte_size=1)) as store:

        async def others_gone() -> bool:
            left = await asyncio.to_thread(store._catalogue.doomed, "", 10)
            return [record.id for record in left] == [first]

        await eventually(others_gone)


async def test_a_database_that_does_not_answer_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    monkeypatch.setattr(store_module, "_PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(store_module, "_CLOSE_SECONDS", 0.5)
    with running_postgresql(found) as postgresql:
        store = PictureStore(Places(tmp_path, database=postgresql.url()), Limits(), Metrics())
        await store.start()
        await stored(store)
        backends = postgresql.processes()
        for process in backends:
            os.kill(process, signal.SIGSTOP)
        try:
            kept = picture(1)
            await store.keep([kept])
            assert await store.get(kept.record.id, NEVER) == kept
            with pytest.raises(Unavailable, match="does not answer"):
                await store.get(new_id(), NEVER)
            assert not await store.close()
        finally:
            for process in backends:
                os.kill(process, signal.SIGCONT)
        # For this process, which lives on.
        assert await store._asking.finish(20)
        store._catalogue.close()
