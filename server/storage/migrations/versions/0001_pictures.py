"""Pictures, the styles that they are painted in, and which were deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "pictures",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("byte_size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("model_version", sa.Text, nullable=False),
        sa.Column("seed", sa.String(20)),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("score", sa.Float),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("doomed", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index("pictures_by_time", "pictures", ["created_at", "id"])
    op.create_index("pictures_by_seed", "pictures", ["seed", "created_at", "id"])
    op.create_index("pictures_by_model", "pictures", ["model", "created_at", "id"])
    op.create_index("pictures_doomed", "pictures", ["doomed"])
    op.create_table(
        "picture_styles",
        sa.Column(
            "picture_id",
            sa.String(32),
            sa.ForeignKey("pictures.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("style", sa.Text, primary_key=True),
        sa.Column("weight", sa.Float, nullable=False),
    )
    op.create_table(
        "deleted_pictures",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("deleted_pictures_by_time", "deleted_pictures", ["at"])
    op.create_index("picture_styles_by_style", "picture_styles", ["style", "picture_id"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("deleted_pictures")
    op.drop_table("picture_styles")
    op.drop_table("pictures")
