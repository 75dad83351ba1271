"""The catalogue's tables, as the newest migration leaves them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
)

METADATA = MetaData()

PICTURES = Table(
    "pictures",
    METADATA,
    Column("id", String(32), primary_key=True),
    # Microseconds since 1970, UTC: the same exact order in every database.
    Column("created_at", BigInteger, nullable=False),
    Column("format", String(16), nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("byte_size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("model", Text, nullable=False),
    Column("model_version", Text, nullable=False),
    # Digits: 64 bits without a sign are more than a database's integer.
    Column("seed", String(20)),
    Column("label", Text, nullable=False),
    Column("score", Float),
    Column("recipe", Text, nullable=False),
    # Nobody sees it any more, and its bytes are on their way out.
    Column("doomed", Boolean, nullable=False, server_default=false()),
    Index("pictures_by_time", "created_at", "id"),
    Index("pictures_by_seed", "seed", "created_at", "id"),
    Index("pictures_by_model", "model", "created_at", "id"),
    Index("pictures_doomed", "doomed"),
)

DELETED_PICTURES = Table(
    "deleted_pictures",
    METADATA,
    Column("id", String(32), primary_key=True),
    # Microseconds since 1970, UTC.
    Column("at", BigInteger, nullable=False),
    Index("deleted_pictures_by_time", "at"),
)

PICTURE_STYLES = Table(
    "picture_styles",
    METADATA,
    Column(
        "picture_id",
        String(32),
        ForeignKey("pictures.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("style", Text, primary_key=True),
    Column("weight", Float, nullable=False),
    Index("picture_styles_by_style", "style", "picture_id"),
)
