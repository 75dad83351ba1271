"""The pictures' catalogue: SQLite in a file, or PostgreSQL.

Everything here blocks, and is called in threads.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from server.errors import Reason, StartupError, Unavailable
from server.storage.records import PictureFilter, PictureRecord, Position
from server.storage.tables import DELETED_PICTURES, PICTURE_STYLES, PICTURES

_log = logging.getLogger(__name__)
_MIGRATIONS = Path(__file__).parent / "migrations"
# Of PostgreSQL's advisory locks; any number that nobody else uses.
_MIGRATION_LOCK = 7_301_944
_CONNECT_SECONDS = 5
_STATEMENT_MILLISECONDS = 10_000
# Longer than a server can be down and come back with pictures in its spool.
_REMEMBERED_MICROSECONDS = 90 * 24 * 3600 * 1_000_000
# That ask at a time, each with a connection of its own.
THREADS = 4


class PictureCatalogue:
    """Records by id, and in the order of their time.

    Args:
        url: `postgresql://user@host/database`; None: SQLite.
        file: of SQLite.
    """

    def __init__(self, url: str | None, file: Path) -> None:
        """Set the connections up; nothing is asked yet.

        Raises:
            StartupError: the URL is none.
        """
        self._place = str(file) if url is None else "PostgreSQL"
        self._engine = _sqlite(file) if url is None else _postgresql(url)

    def migrate(self) -> None:
        """Bring the tables up to date; of several servers one does it and the others wait.

        Raises:
            StartupError: the database cannot be reached, or knows more than this version.
        """
        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        try:
            with self._engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    # Others may be at it for long, and so may this one.
                    connection.execute(sa.text("set local statement_timeout = 0"))
                    lock = sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)
                    connection.execute(sa.select(lock))
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except (SQLAlchemyError, CommandError) as error:
            raise StartupError(f"catalogue {self._place}: {_sentence(error)}") from error

    def add(self, records: Sequence[PictureRecord]) -> set[str]:
        """Add records; those that are there already stay as they are.

        Returns:
            Ids among them of pictures that were deleted, which are not added.

        Raises:
            Unavailable: the database fails.
        """
        ids = [record.id for record in records]
        with self._transaction() as connection:
            found = connection.execute(
                sa.select(PICTURES.c.id, PICTURES.c.doomed).where(PICTURES.c.id.in_(ids))
            )
            known = {row.id: row.doomed for row in found}
            gone = sa.select(DELETED_PICTURES.c.id).where(DELETED_PICTURES.c.id.in_(ids))
            deleted = set(connection.scalars(gone))
            deleted |= {picture_id for picture_id, doomed in known.items() if doomed}
            new = [
                record for record in records if record.id not in known and record.id not in deleted
            ]
            if new:
                connection.execute(sa.insert(PICTURES), [_row(record) for record in new])
            styles = [
                {"picture_id": record.id, "style": style, "weight": weight}
                for record in new
                for style, weight in record.styles.items()
            ]
            if styles:
                connection.execute(sa.insert(PICTURE_STYLES), styles)
        return deleted

    def get(self, picture_id: str) -> PictureRecord | None:
        """A record; None: there is none.

        Raises:
            Unavailable: the database fails.
        """
        wanted = PICTURES.c.id == picture_id, ~PICTURES.c.doomed
        found = self._select(sa.select(PICTURES).where(*wanted))
        return found[0] if found else None

    def page(
        self, wanted: PictureFilter, after: Position | None, limit: int
    ) -> list[PictureRecord]:
        """Records, the newest first.

        Args:
            wanted: which.
            after: those behind it; None: from the first.
            limit: greatest number.

        Raises:
            Unavailable: the database fails.
        """
        conditions = [~PICTURES.c.doomed, *_conditions(wanted)]
        if after is not None:
            conditions.append(_order() < sa.tuple_(after.created_at, after.id))
        newest = PICTURES.c.created_at.desc(), PICTURES.c.id.desc()
        return self._select(sa.select(PICTURES).where(*conditions).order_by(*newest).limit(limit))

    def doom(self, picture_id: str) -> PictureRecord | None:
        """Hide a record for ever; None: there is none.

        Raises:
            Unavailable: the database fails.
        """
        wanted = PICTURES.c.id == picture_id, ~PICTURES.c.doomed
        with self._transaction() as connection:
            record = _records(connection, sa.select(PICTURES).where(*wanted))
            connection.execute(sa.update(PICTURES).where(*wanted).values(doomed=True))
        return record[0] if record else None

    def doom_older(self, created_before: int) -> None:
        """Hide what was made before a time, in microseconds since 1970.

        Raises:
            Unavailable: the database fails.
        """
        self._doom(PICTURES.c.created_at < created_before)

    def doom_beyond(self, byte_size: int) -> None:
        """Hide the oldest, so that what stays takes no more than so many bytes.

        Raises:
            Unavailable: the database fails.
        """
        newest = PICTURES.c.created_at.desc(), PICTURES.c.id.desc()
        running = sa.func.sum(PICTURES.c.byte_size).over(order_by=newest).label("running")
        summed = sa.select(PICTURES.c.id, running).where(~PICTURES.c.doomed).subquery()
        self._doom(PICTURES.c.id.in_(sa.select(summed.c.id).where(summed.c.running > byte_size)))

    def doomed(self, after: str, limit: int) -> list[PictureRecord]:
        """Some of what is hidden and not forgotten, by id; those behind `after`.

        Raises:
            Unavailable: the database fails.
        """
        wanted = PICTURES.c.doomed, PICTURES.c.id > after
        return self._select(sa.select(PICTURES).where(*wanted).order_by(PICTURES.c.id).limit(limit))

    def forget(self, ids: Sequence[str], moment: int) -> None:
        """Remove hidden records at a moment, in microseconds since 1970, but remember their ids.

        Another server may have such a picture in its spool, and must not bring it back.

        Raises:
            Unavailable: the database fails.
        """
        with self._transaction() as connection:
            # None that another server has removed meanwhile.
            gone = sa.delete(PICTURES).where(PICTURES.c.id.in_(ids)).returning(PICTURES.c.id)
            forgotten = [{"id": each, "at": moment} for each in connection.scalars(gone)]
            if forgotten:
                connection.execute(sa.insert(DELETED_PICTURES), forgotten)
            old = DELETED_PICTURES.c.at < moment - _REMEMBERED_MICROSECONDS
            connection.execute(sa.delete(DELETED_PICTURES).where(old))

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _doom(self, condition: sa.ColumnElement[bool]) -> None:
        with self._transaction() as connection:
            statement = sa.update(PICTURES).where(~PICTURES.c.doomed, condition)
            connection.execute(statement.values(doomed=True))

    def _select(self, statement: sa.Select[Any]) -> list[PictureRecord]:
        with self._transaction() as connection:
            return _records(connection, statement)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            # Addresses and names are nothing for callers.
            _log.warning("picture catalogue: %s", _sentence(error))
            raise Unavailable(
                "the picture catalogue fails; try again later", Reason.STORE_UNAVAILABLE
            ) from error


def _sqlite(file: Path) -> sa.Engine:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(file)))

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _: object) -> None:
        # One writer beside any number of readers, and nothing is lost when the machine falls.
        for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on"):
            connection.execute(f"pragma {pragma}")

    return engine


def _postgresql(url: str) -> sa.Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StartupError(
            "--store-database: expected postgresql://user@host/database, got something else"
        ) from error
    if parsed.drivername not in {"postgresql", "postgres"}:
        raise StartupError(
            f"--store-database: expected postgresql://user@host/database, got "
            f"{parsed.drivername}://"
        )
    return sa.create_engine(
        parsed.set(drivername="postgresql+psycopg"),
        pool_pre_ping=True,
        pool_size=THREADS,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        connect_args={
            "connect_timeout": _CONNECT_SECONDS,
            # A network that swallows everything is noticed.
            "keepalives_idle": _CONNECT_SECONDS,
            "keepalives_interval": _CONNECT_SECONDS,
            "keepalives_count": 2,
            "tcp_user_timeout": _STATEMENT_MILLISECONDS,
            "options": f"-c statement_timeout={_STATEMENT_MILLISECONDS}",
        },
    )


def _order() -> sa.Tuple:
    return sa.tuple_(PICTURES.c.created_at, PICTURES.c.id)


def _conditions(wanted: PictureFilter) -> Iterator[sa.ColumnElement[bool]]:
    if wanted.seed is not None:
        yield PICTURES.c.seed == str(wanted.seed)
    if wanted.style is not None:
        painted = PICTURE_STYLES.c.picture_id == PICTURES.c.id
        yield sa.exists().where(painted, PICTURE_STYLES.c.style == wanted.style)
    if wanted.model is not None:
        yield PICTURES.c.model == wanted.model
    if wanted.label is not None:
        yield PICTURES.c.label == wanted.label
    if wanted.created_from is not None:
        yield PICTURES.c.created_at >= wanted.created_from
    if wanted.created_before is not None:
        yield PICTURES.c.created_at < wanted.created_before


def _row(record: PictureRecord) -> dict[str, Any]:
    row = dict(record.__dict__)
    del row["styles"]
    row["seed"] = None if record.seed is None else str(record.seed)
    return row


def _records(connection: sa.Connection, statement: sa.Select[Any]) -> list[PictureRecord]:
    rows = [dict(row) for row in connection.execute(statement).mappings()]
    styles: dict[str, dict[str, float]] = {row["id"]: {} for row in rows}
    wanted = PICTURE_STYLES.c.picture_id.in_(styles)
    for part in connection.execute(sa.select(PICTURE_STYLES).where(wanted)).mappings():
        styles[part["picture_id"]][part["style"]] = part["weight"]
    for row in rows:
        del row["doomed"]
        row["seed"] = None if row["seed"] is None else int(row["seed"])
    return [PictureRecord(**row, styles=styles[row["id"]]) for row in rows]


def _sentence(error: Exception) -> str:
    """The first line of what the database said: the statement behind it is nobody's business."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
