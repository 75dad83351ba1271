"""Pictures as the client hands them out."""

from __future__ import annotations

import enum
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image


class PictureFormat(enum.Enum):
    """How a picture's bytes are encoded."""

    PNG = "png"
    RAW_RGB8 = "raw"
    JPEG = "jpeg"
    WEBP = "webp"


@dataclass(frozen=True)
class Picture:
    """One picture and what reproduces it.

    Attributes:
        data: a file's contents, or bare pixels (height x width x 3 bytes, rows from the top).
        format: which of them.
        seed: that it was made from; None: it was made from a latent or a picture.
        width: pixels.
        height: pixels.
        label: the class that it shows; empty: the model knows none.
        score: the discriminator's, where there were candidates.
        style: the style's name; empty where it is not painted in one named style.
        style_mix: the styles' names and weights; empty where it is not painted in a mix.
        style_strength: 0 to 1.
        preserve_colour: whether the painting changed the luminance alone.
        model: what made it.
        model_version: of that model.
        id: in the server's picture store; empty: the server was not asked to keep it.
    """

    data: bytes
    format: PictureFormat
    seed: int | None
    width: int
    height: int
    label: str
    score: float | None
    style: str
    style_mix: Mapping[str, float]
    style_strength: float
    preserve_colour: bool
    model: str
    model_version: str
    id: str = ""

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


@dataclass(frozen=True)
class StoredPicture:
    """A picture that the server keeps.

    Attributes:
        id: 32 hexadecimal digits.
        created_at: when it was made.
        format: of the data.
        width: pixels.
        height: pixels.
        byte_size: of the data.
        sha256: of the data, in hexadecimal.
        model: what made it.
        model_version: of that model.
        seed: that it was made from; None: it was made from something else.
        label: the class that it shows; empty: the model knows none.
        score: the discriminator's, where there were candidates.
        styles: names and weights of the styles that it is painted in.
        recipe: what makes it again, as the file itself tells it.
        data: a file's contents, or bare pixels; empty in lists.
    """

    id: str
    created_at: datetime
    format: PictureFormat
    width: int
    height: int
    byte_size: int
    sha256: str
    model: str
    model_version: str
    seed: int | None
    label: str
    score: float | None
    styles: Mapping[str, float]
    recipe: Mapping[str, Any]
    data: bytes = b""


@dataclass(frozen=True)
class ModelInfo:
    """A model that pictures can be asked of.

    Attributes:
        name: for `model=`.
        version: what answers.
        is_default: whether it answers where no model is named.
        width: of its pictures, in pixels.
        height: of its pictures, in pixels.
        latent_size: length of a latent.
        classes: for `label=`; empty: it knows none.
        ranks: whether it can choose among candidates.
        sizes: for `size=`, in pixels of the longer side.
    """

    name: str
    version: str
    is_default: bool
    width: int
    height: int
    latent_size: int
    classes: tuple[str, ...]
    ranks: bool
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class StyleInfo:
    """A named style: its name for `style=`, the painting, and who painted it."""

    name: str
    title: str
    artist: str


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
