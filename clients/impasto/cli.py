"""The command `impasto`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from impasto.client import Client
from impasto.errors import ImpastoError
from impasto.pictures import Picture, PictureFormat, grid
from impasto.wire import DEFAULT_TARGET, DEFAULT_TIMEOUT_SECONDS

_SUFFIXES = {PictureFormat.PNG: ".png", PictureFormat.RAW_RGB8: ".rgb"}


@click.group(context_settings={"show_default": True})
@click.version_option(package_name="impasto")
def main() -> None:
    """Generate pictures on an Impasto server."""


@main.command()
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    help="Seed of the first picture; absent: the server draws one and it is printed.",
)
@click.option("--style", default="", help="Style to paint in; absent: not painted.")
@click.option("--count", type=click.IntRange(0, 2**32 - 1), default=1, help="Number of pictures.")
@click.option("--strength", type=float, default=1.0, help="Style strength from 0 to 1.")
@click.option("--preserve-colour", is_flag=True, help="Keep the picture's own colours.")
@click.option(
    "--format",
    "picture_format",
    default="png",
    type=click.Choice([known.value for known in PictureFormat]),
    help="PNG files, or bare RGB bytes.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    required=True,
    help="File (several pictures make a grid, PNG only), or a folder: one that exists or "
    "a name with a slash at the end.",
)
@click.option(
    "--target",
    default=DEFAULT_TARGET,
    envvar="IMPASTO_TARGET",
    show_envvar=True,
    help="The server's gRPC address.",
)
@click.option(
    "--timeout", type=float, default=DEFAULT_TIMEOUT_SECONDS, help="Seconds that the call may take."
)
def generate(
    seed: int | None,
    style: str,
    count: int,
    strength: float,
    preserve_colour: bool,
    picture_format: str,
    output: str,
    target: str,
    timeout: float,
) -> None:
    r"""Generate pictures, painted in a style, into a file or a folder.

    \b
    impasto generate --seed 7 --style great_wave -o out.png
    impasto generate --count 16 --style cafe_terrace -o sheet.png
    impasto generate --count 16 -o pictures/
    """
    wanted = PictureFormat(picture_format)
    path = Path(output)
    is_folder = output.endswith("/") or path.is_dir()
    _check_output(path, is_folder, count, wanted)
    try:
        with Client(target, timeout) as client:
            pictures = client.generate(seed, style, count, strength, wanted, preserve_colour)
        lines = _write(pictures, path, is_folder)
    except (ImpastoError, OSError) as error:
        raise click.ClickException(str(error)) from error
    for line in lines:
        click.echo(line)


def _check_output(path: Path, is_folder: bool, count: int, wanted: PictureFormat) -> None:
    """Refuse what could not be written before the server works for it.

    Raises:
        click.UsageError: says what would do.
    """
    if is_folder:
        return
    if not path.parent.is_dir():
        raise click.UsageError(f"{path}: there is no folder {path.parent}")
    if count > 1 and wanted is not PictureFormat.PNG:
        raise click.UsageError(
            "several pictures in one file make a PNG grid; for --format raw give a folder (a name "
            "with a slash at the end)"
        )
    if wanted is PictureFormat.PNG and path.suffix.lower() != _SUFFIXES[wanted]:
        raise click.UsageError(
            f"{path}: pictures are PNG files; give a name that ends in .png, or a folder (a name "
            f"with a slash at the end)"
        )


def _write(pictures: Sequence[Picture], output: Path, is_folder: bool) -> list[str]:
    """Write the pictures; return one line per file."""
    if not is_folder and len(pictures) > 1:
        grid(pictures).save(output)
        return [f"{output}: seeds {pictures[0].seed} to {pictures[-1].seed}"]
    if is_folder:
        output.mkdir(parents=True, exist_ok=True)
    lines = []
    for picture in pictures:
        name = f"{picture.seed}{_SUFFIXES[picture.format]}"
        path = picture.save(output / name if is_folder else output)
        lines.append(f"{path}: seed {picture.seed}, {picture.width}x{picture.height}")
    return lines
