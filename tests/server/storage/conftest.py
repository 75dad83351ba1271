from collections.abc import Iterator
from pathlib import Path

import pytest
from running_postgresql import RunningPostgresql, programs, running_postgresql
from running_s3 import BUCKET, RunningS3, running_s3

from server.storage.store import Places


@pytest.fixture(scope="session")
def postgresql() -> Iterator[RunningPostgresql]:
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    with running_postgresql(found) as running:
        yield running


@pytest.fixture(scope="session")
def s3() -> Iterator[RunningS3]:
    with running_s3() as running:
        yield running


@pytest.fixture(params=["folder", "s3 and postgresql"])
def places(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Places:
    if request.param == "folder":
        return Places(tmp_path)
    s3 = request.getfixturevalue("s3")
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    database = request.getfixturevalue("postgresql").new_database()
    return Places(tmp_path, f"s3://{BUCKET}/{tmp_path.name}", database)
