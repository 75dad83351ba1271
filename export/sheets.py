"""The sheet of painted pictures beside the committed models, made by asking a running server.

Run `make serve` in another terminal first; then `python -m export.sheets`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from impasto import Client, Picture
from impasto.connection import DEFAULT_TARGET
from PIL import Image

from training.data.paintings import PAINTINGS

STYLES = ("", *(painting.name for painting in PAINTINGS))
_COLUMNS = 5
_SIDE = 208
_JPEG_QUALITY = 90


def sheet(pictures: Sequence[Picture], columns: int, size: int, gap: int) -> Image.Image:
    """Pictures row by row, each shrunk to `size`, on white with a gap of `gap` pixels."""
    pitch = size + gap
    rows = -(-len(pictures) // columns)
    paper = Image.new("RGB", (columns * pitch + gap, rows * pitch + gap), "white")
    for index, picture in enumerate(pictures):
        image = picture.image().resize((size, size), Image.Resampling.BOX)
        paper.paste(image, (gap + index % columns * pitch, gap + index // columns * pitch))
    return paper


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--target", default=DEFAULT_TARGET, help="The server's gRPC address.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("model_repository"))
@click.option("--seeds", default="2,49", help="Each plain, then in every style.")
def main(target: str, folder: Path, seeds: str) -> None:
    """Write paintings.jpg."""
    with Client(target) as client:
        paintings = [
            client.generate(seed=int(seed), style=style)[0]
            for seed in seeds.split(",")
            for style in STYLES
        ]
    sheet(paintings, _COLUMNS, _SIDE, 6).save(folder / "paintings.jpg", quality=_JPEG_QUALITY)


if __name__ == "__main__":
    main()
