"""`impasto stylize`."""

from __future__ import annotations

from pathlib import Path

import click

from impasto.cli.files import Output, described
from impasto.cli.options import (
    Connect,
    delivery_options,
    encoding_options,
    server_options,
    style_of,
    style_options,
)
from impasto.options import Priority


@click.command()
@click.argument("picture", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@style_options
@click.option(
    "--max-side",
    type=click.IntRange(0, 2**32 - 1),
    default=1024,
    help="Pixels; a picture whose longer side is over that is made smaller first.",
)
@encoding_options
@delivery_options
@click.option("-o", "--output", type=click.Path(), required=True, help="File, or a folder.")
@server_options
def stylize(
    picture: Path,
    styles: tuple[str, ...],
    strength: float,
    preserve_colour: bool,
    max_side: int,
    quality: int,
    store: bool,
    priority: str,
    content_credentials: bool,
    output: str,
    connect: Connect,
) -> None:
    r"""Paint a picture of your own (PNG, JPEG or WebP).

    \b
    impasto stylize photo.jpg --style great_wave -o painted.jpg
    impasto stylize photo.jpg --style painting.png --strength 0.7 -o painted.png
    """
    place = Output(output, None)
    with connect() as client:
        painted = client.stylize(
            picture.read_bytes(),
            style=style_of(styles),
            style_strength=strength,
            preserve_colour=preserve_colour,
            max_side=max_side,
            picture_format=place.format,
            quality=quality,
            store=store,
            priority=Priority(priority),
            content_credentials=content_credentials,
        )
        path = place.write_one(painted, picture.stem)
    click.echo(f"{path}: {described(painted)}")
