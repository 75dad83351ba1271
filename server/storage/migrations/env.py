"""Alembic's entry: runs the steps on the connection that the catalogue hands over."""

from __future__ import annotations

from alembic import context

from server.storage.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite cannot alter a table; batch steps copy it.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
