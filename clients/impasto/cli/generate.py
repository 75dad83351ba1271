"""`impasto generate`."""

from __future__ import annotations

import click

from impasto.cli.files import FORMAT_NAMES, Output
from impasto.cli.options import (
    SEED,
    Connect,
    delivery_options,
    encoding_options,
    model_options,
    server_options,
    style_of,
    style_options,
)
from impasto.options import GenerateOptions, Priority


@click.command()
@click.option(
    "--seed",
    type=SEED,
    help="Seed of the first picture; absent: the server draws one and it is printed.",
)
@click.option("--count", type=click.IntRange(0, 2**32 - 1), default=1, help="Number of pictures.")
@model_options
@click.option("--truncation", type=float, help="Greatest size of a latent's numbers.")
@click.option(
    "--candidates",
    type=click.IntRange(0, 2**32 - 1),
    default=1,
    help="Pictures among which the discriminator chooses one.",
)
@style_options
@click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMAT_NAMES),
    help="Of the files; absent: what the file's name says, or PNG.",
)
@encoding_options
@delivery_options
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    required=True,
    help="File (several pictures make a grid, PNG only), or a folder: one that exists or "
    "a name with a slash at the end.",
)
@server_options
def generate(
    seed: int | None,
    count: int,
    model: str,
    size: int,
    label: str,
    truncation: float | None,
    candidates: int,
    styles: tuple[str, ...],
    strength: float,
    preserve_colour: bool,
    format_name: str | None,
    quality: int,
    store: bool,
    priority: str,
    content_credentials: bool,
    output: str,
    connect: Connect,
) -> None:
    r"""Generate pictures, painted in a style, into a file or a folder.

    \b
    impasto generate --seed 7 --style great_wave -o out.png
    impasto generate --count 16 --style cafe_terrace=2 --style spring=1 -o sheet.png
    impasto generate --count 16 --candidates 4 -o pictures/
    impasto generate --model fashion --label Sneaker --style my_painting.jpg -o shoe.webp
    """
    place = Output(output, format_name)
    place.check_grid(count, content_credentials)
    options = GenerateOptions(
        seed=seed,
        count=count,
        model=model,
        size=size,
        label=label,
        candidates=candidates,
        style=style_of(styles),
        style_strength=strength,
        preserve_colour=preserve_colour,
        picture_format=place.format,
        quality=quality,
        store=store,
        priority=Priority(priority),
        content_credentials=content_credentials,
    )
    if truncation is not None:
        options["truncation"] = truncation
    with connect() as client:
        lines = place.write_all(client.generate(**options))
    for line in lines:
        click.echo(line)
