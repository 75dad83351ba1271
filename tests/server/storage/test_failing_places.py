"""Places that cannot be reached, at the start and later."""

from pathlib import Path

import pytest
from running_s3 import BUCKET, running_s3
from stored_pictures import eventually, open_store, picture

from server.engines.base import NEVER
from server.errors import StartupError, Unavailable
from server.storage.records import PictureFilter
from server.storage.retention import Limits
from server.storage.store import PictureStore, Places
from server.telemetry.metrics import Metrics


async def refused(places: Places) -> str:
    with pytest.raises(StartupError) as refusal:
        async with open_store(places):
            pass
    return str(refusal.value)


async def test_no_such_database(tmp_path: Path) -> None:
    message = await refused(Places(tmp_path, database=f"postgresql://me:secret@/x?host={tmp_path}"))
    assert "catalogue PostgreSQL" in message
    assert "secret" not in message


@pytest.mark.parametrize("url", ["mysql://localhost/pictures", "pictures", "sqlite:///x"])
def test_another_kind_of_database(tmp_path: Path, url: str) -> None:
    with pytest.raises(StartupError, match="expected postgresql://"):
        PictureStore(Places(tmp_path, database=url), Limits(), Metrics())


async def test_another_kind_of_store(tmp_path: Path) -> None:
    message = await refused(Places(tmp_path, url="ftp://somewhere"))
    assert "expected s3://bucket/prefix" in message


async def test_no_such_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    message = await refused(Places(tmp_path, url="s3://pictures"))
    assert "--store-url s3://pictures" in message


async def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "store").touch()
    assert "cannot be written" in await refused(Places(tmp_path / "store"))


async def test_pictures_wait_for_a_store_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = picture(1), picture(2)
    with running_s3() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        async with open_store(Places(tmp_path, f"s3://{BUCKET}")) as store:
            await store.keep([early])
            assert len(await store.page(PictureFilter(), None, 9, NEVER)) == 1
            s3.process.kill()
            s3.process.wait()
            with pytest.raises(Unavailable, match="the picture store fails"):
                await store.get(early.record.id, NEVER)
            # Taken all the same, and found where it waits.
            await store.keep([late])
            assert await store.get(late.record.id, NEVER) == late
            with pytest.raises(Unavailable, match="is behind"):
                await store.delete(late.record.id, NEVER)
            with running_s3(int(s3.url.rpartition(":")[2])) as again:

                async def moved() -> bool:
                    return len(again.names()) == 1

                await eventually(moved)
                assert await store.get(late.record.id, NEVER) == late
