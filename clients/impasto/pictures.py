"""Pictures as the client hands them out."""

from __future__ import annotations

import enum
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image


class PictureFormat(enum.Enum):
    """How a picture's bytes are encoded."""

    PNG = "png"
    RAW_RGB8 = "raw"


@dataclass(frozen=True)
class Picture:
    """One picture and what reproduces it.

    Attributes:
        data: a PNG file, or bare pixels (height x width x 3 bytes, rows from the top).
        format: which of the two.
        seed: the seed that this picture was made from.
        width: pixels.
        height: pixels.
        style: the style's name; empty where it is not painted.
        style_strength: 0 to 1.
        preserve_colour: whether the painting changed the luminance alone.
        model: what made it.
        model_version: of that model.
    """

    data: bytes
    format: PictureFormat
    seed: int
    width: int
    height: int
    style: str
    style_strength: float
    preserve_colour: bool
    model: str
    model_version: str

    def image(self) -> Image.Image:
        """The picture as a Pillow image (RGB)."""
        if self.format is PictureFormat.RAW_RGB8:
            return Image.frombytes("RGB", (self.width, self.height), self.data)
        return Image.open(io.BytesIO(self.data)).convert("RGB")

    def save(self, path: str | Path) -> Path:
        """Write the server's bytes as they are; return the path."""
        path = Path(path)
        path.write_bytes(self.data)
        return path


def grid(pictures: Sequence[Picture], columns: int | None = None) -> Image.Image:
    """All pictures on one sheet, row by row; as square as possible unless `columns` is given.

    Raises:
        ValueError: there are none, or they differ in size.
    """
    sizes = {(picture.width, picture.height) for picture in pictures}
    if len(sizes) != 1:
        raise ValueError(f"expected at least one picture, all of one size; got sizes {sizes}")
    ((width, height),) = sizes
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * width, rows * height))
    for index, picture in enumerate(pictures):
        sheet.paste(picture.image(), (index % columns * width, index // columns * height))
    return sheet
