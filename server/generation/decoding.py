"""From a caller's picture file to pixels, within bounds and whatever the file claims."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from server.errors import InvalidArgument
from server.generation.file_bounds import check_pieces
from server.generation.requests import MIN_SIDE

_FORMATS = ("PNG", "JPEG", "WEBP")
_MAX_PIXELS = 32_000_000
_ORIENTATION = 0x0112
_UPRIGHT, _TURNED = 1, range(5, 9)
# Ours is the bound, and it is an error that names the field; Pillow's own only warns at first.
Image.MAX_IMAGE_PIXELS = None


class PictureFile:
    """A picture file whose header was read; its pixels are not decoded yet.

    Attributes:
        width: of the decoded picture, in pixels.
        height: of the decoded picture, in pixels.
        source_pixels: of the file, before it is made smaller.

    Args:
        data: a PNG, JPEG or WebP file.
        field: the request's, for errors.
        max_side: a picture whose longer side is over that is made smaller.
    """

    def __init__(self, data: bytes, field: str, max_side: int) -> None:
        """Read the header.

        Raises:
            InvalidArgument: it is none of the formats, or the picture is too large, or too narrow.
        """
        self._field = field
        check_pieces(data, field)
        try:
            self._image = Image.open(io.BytesIO(data), formats=_FORMATS)
            self._orientation = _orientation(self._image)
        except Exception as error:  # a decoder meets broken data with whatever error comes first
            raise InvalidArgument(
                field, "a PNG, JPEG or WebP file", f"{len(data)} other bytes"
            ) from error
        width, height = self._image.size
        if width * height > _MAX_PIXELS:
            raise InvalidArgument(field, f"at most {_MAX_PIXELS} pixels", f"{width}x{height}")
        if self._orientation in _TURNED:
            width, height = height, width
        self.source_pixels = width * height
        shrinking = min(1.0, max_side / max(width, height))
        self.width, self.height = round(width * shrinking), round(height * shrinking)
        if min(self.width, self.height) < MIN_SIDE:
            raise InvalidArgument(
                field,
                f"sides of at least {MIN_SIDE} pixels once the longer one is at most {max_side}",
                f"{width}x{height}",
            )

    def pixels(self) -> np.ndarray:
        """Decode to float32 [1, 3, height, width] in [-1, 1]; slow, safe in any thread, once.

        Raises:
            InvalidArgument: the file is broken.
        """
        try:
            image = self._decoded()
        except Exception as error:  # as above
            raise InvalidArgument(
                self._field, "a whole picture", f"a broken one: {error}"
            ) from error
        array = np.asarray(image, np.float32).transpose(2, 0, 1)[None]
        return np.ascontiguousarray(array / np.float32(127.5) - np.float32(1))

    def _decoded(self) -> Image.Image:
        size = self.width, self.height
        # A JPEG is decoded at an eighth, quarter or half of its size where that is enough.
        self._image.draft("RGB", (max(size), max(size)))
        image: Image.Image = self._image
        if self._orientation != _UPRIGHT:
            image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            # Sixteen bits; converting would clip them to eight.
            image = Image.fromarray((np.asarray(image, np.float32) / 257).astype(np.uint8))
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
        return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def _orientation(image: Image.Image) -> int:
    """What the header says of how the camera was held."""
    if image.format == "PNG" and "exif" not in image.info:
        # Pillow would decode the whole picture to look behind it.
        return _UPRIGHT
    orientation: int = image.getexif().get(_ORIENTATION, _UPRIGHT)
    return orientation
