"""The catalogue's tables, in both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from server.errors import StartupError
from server.storage.catalogue import PictureCatalogue
from server.storage.tables import METADATA


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgresql").new_database()
    return url


@pytest.fixture
def catalogue(tmp_path: Path, database: str | None) -> Iterator[PictureCatalogue]:
    made = PictureCatalogue(database, tmp_path / "catalogue.sqlite3")
    yield made
    made.close()


def test_migrations_end_in_the_tables(catalogue: PictureCatalogue) -> None:
    catalogue.migrate()
    with catalogue._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_again_is_no_harm(catalogue: PictureCatalogue) -> None:
    catalogue.migrate()
    catalogue.migrate()
    assert catalogue.get("0" * 32) is None


def test_a_newer_catalogue_is_refused(catalogue: PictureCatalogue) -> None:
    catalogue.migrate()
    with catalogue._engine.begin() as connection:
        connection.execute(sa.text("update alembic_version set version_num = '9999'"))
    with pytest.raises(StartupError, match="9999"):
        catalogue.migrate()


def test_servers_that_start_together(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgresql").new_database()
    catalogues = [PictureCatalogue(url, tmp_path / "unused") for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(catalogue.migrate) for catalogue in catalogues]:
            done.result()
    for catalogue in catalogues:
        catalogue.close()
