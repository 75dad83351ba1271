"""`impasto pictures`: what the server keeps."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click

from impasto.cli.files import SUFFIXES
from impasto.cli.options import SEED, Connect, server_options
from impasto.pictures import StoredPicture

_TIME = click.DateTime()


@click.group()
def pictures() -> None:
    """List, get and delete the pictures that the server keeps (see --store)."""


@pictures.command(name="list")
@click.option("--seed", type=SEED, help="Only those made from it.")
@click.option("--style", help="Only those painted in it, perhaps among others.")
@click.option("--model", help="Only those made by it.")
@click.option("--label", help="Only those that show that class.")
@click.option("--from", "created_from", type=_TIME, help="Only those made then (UTC) or later.")
@click.option("--before", "created_before", type=_TIME, help="Only those made earlier (UTC).")
@click.option("--limit", type=click.IntRange(1), default=50, help="Greatest number of pictures.")
@server_options
def list_(
    seed: int | None,
    style: str | None,
    model: str | None,
    label: str | None,
    created_from: datetime | None,
    created_before: datetime | None,
    limit: int,
    connect: Connect,
) -> None:
    r"""List pictures, the newest first.

    \b
    impasto pictures list --style great_wave --from 2026-01-31
    """
    given: dict[str, Any] = {
        "seed": seed,
        "style": style,
        "model": model,
        "label": label,
        "created_from": created_from,
        "created_before": created_before,
    }
    options: Any = {name: value for name, value in given.items() if value is not None}
    with connect() as client:
        for stored in islice(client.pictures(**options), limit):
            click.echo(f"{stored.id}\t{_described(stored)}")


@pictures.command()
@click.argument("picture_id", metavar="ID")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File; absent: the id with a suffix."
)
@server_options
def get(picture_id: str, output: Path | None, connect: Connect) -> None:
    """Write a picture to a file."""
    with connect() as client:
        stored = client.picture(picture_id)
        path = output or Path(f"{stored.id}{SUFFIXES[stored.format]}")
        path.write_bytes(stored.data)
    click.echo(f"{path}: {_described(stored)}")


@pictures.command()
@click.argument("picture_ids", metavar="ID...", nargs=-1, required=True)
@server_options
def delete(picture_ids: tuple[str, ...], connect: Connect) -> None:
    """Delete pictures, for ever."""
    with connect() as client:
        for picture_id in picture_ids:
            client.delete_picture(picture_id)
            click.echo(f"{picture_id}: deleted")


def _described(stored: StoredPicture) -> str:
    parts = [f"{stored.created_at:%Y-%m-%d %H:%M:%S}", stored.model]
    if stored.seed is not None:
        parts.append(f"seed {stored.seed}")
    if stored.label:
        parts.append(stored.label)
    if stored.styles:
        parts.append("+".join(stored.styles))
    parts.append(f"{stored.width}x{stored.height} {stored.format.value}")
    return ", ".join(parts)
