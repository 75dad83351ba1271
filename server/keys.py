"""Make an API key: `python -m server.keys --file keys.json --name studio --scope generate`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
from pydantic import ValidationError

from server.access.api_keys import KeyFile, new_key, read_keys
from server.access.callers import Scope
from server.errors import StartupError


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--file", "path", type=click.Path(path_type=Path), required=True)
@click.option("--name", required=True, help="Whose key it is.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=["generate"],
    type=click.Choice([scope.value for scope in Scope]),
    help="What it is good for; may be given several times.",
)
@click.option(
    "--requests-per-second", type=float, help="That it may make in the long run; absent: any."
)
@click.option(
    "--burst", type=int, help="Requests that it may make at once; absent: those of a second."
)
@click.option(
    "--max-in-flight", type=int, help="Calls that it may have under way; absent: any number."
)
def main(path: Path, name: str, scopes: tuple[str, ...], **limits: float | None) -> None:
    """Add a key to the file and print it: it is shown this once."""
    try:
        keys = read_keys(path) if path.exists() else KeyFile()
        key, entry = new_key(name, [Scope(scope) for scope in scopes], **limits)
        if any(known.name == name for known in keys.keys):
            raise StartupError(f"{path}: there is a key of the name {name!r}; remove it first")
        keys.keys.append(entry)
        _replace(path, keys)
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in first["loc"])
        _refuse(f"{place}{first['msg']}")
    except (StartupError, OSError) as error:
        _refuse(str(error))
    click.echo(key)


def _refuse(reason: str) -> None:
    click.echo(f"server.keys: {reason}", err=True)
    sys.exit(1)


def _replace(path: Path, keys: KeyFile) -> None:
    """Write the file at once or not at all; nobody else reads it."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w") as file:
        file.write(keys.model_dump_json(indent=2, exclude_none=True) + "\n")
    Path(name).replace(path)


if __name__ == "__main__":
    main()
