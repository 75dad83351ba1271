"""`impasto interpolate`."""

from __future__ import annotations

import click

from impasto.cli.files import Output, described
from impasto.cli.options import (
    SEED,
    Connect,
    delivery_options,
    encoding_options,
    model_options,
    server_options,
    style_of,
)
from impasto.options import InterpolateOptions, Priority, Waypoint
from impasto.pictures import PictureFormat


@click.command()
@click.argument("start", type=SEED)
@click.argument("end", type=SEED)
@click.option(
    "--start-style",
    "start_styles",
    multiple=True,
    help="Style at the start, as --style of `impasto generate`.",
)
@click.option("--end-style", "end_styles", multiple=True, help="Style at the end.")
@click.option("--frames", type=click.IntRange(0, 2**32 - 1), default=16, help="Ends included.")
@model_options
@click.option("--preserve-colour", is_flag=True, help="Keep the pictures' own colours.")
@click.option(
    "--milliseconds", type=click.IntRange(0, 2**32 - 1), default=80, help="Of an animation's frame."
)
@encoding_options
@delivery_options
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    required=True,
    help="A .webp file, which becomes an animation, or a folder for the frames.",
)
@server_options
def interpolate(
    start: int,
    end: int,
    start_styles: tuple[str, ...],
    end_styles: tuple[str, ...],
    frames: int,
    model: str,
    size: int,
    label: str,
    preserve_colour: bool,
    milliseconds: int,
    quality: int,
    store: bool,
    priority: str,
    content_credentials: bool,
    output: str,
    connect: Connect,
) -> None:
    r"""Walk from the picture of seed START to the picture of seed END.

    \b
    impasto interpolate 7 8 -o walk.webp
    impasto interpolate 7 7 --start-style great_wave --end-style spring -o frames/
    """
    place = Output(output, None)
    if not place.is_folder and place.format is not PictureFormat.WEBP:
        raise click.UsageError(f"{output}: a walk is a .webp animation, or frames in a folder")
    ends = Waypoint(start, style=style_of(start_styles)), Waypoint(end, style=style_of(end_styles))
    options = InterpolateOptions(
        frames=frames,
        model=model,
        size=size,
        label=label,
        preserve_colour=preserve_colour,
        quality=quality,
        store=store,
        priority=Priority(priority),
        content_credentials=content_credentials,
    )
    with connect() as client:
        if not place.is_folder:
            animation = client.animate(*ends, frame_milliseconds=milliseconds, **options)
            path = place.write_one(animation, "")
            click.echo(f"{path}: {frames} frames, {described(animation)}")
            return
        options["picture_format"] = place.format
        for index, picture in enumerate(client.interpolate(*ends, **options)):
            path = place.write_one(picture, f"{index:04}")
            click.echo(f"{path}: {described(picture)}")
