"""PNG files of our own making, read by Pillow."""

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from server.generation.png import png

XMP = "<x:xmpmeta>caf\u00e9</x:xmpmeta>".encode()


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    "pixels",
    [noise(1, 1), noise(1, 9), noise(9, 1), noise(33, 47), np.full((20, 30, 3), 255, np.uint8)],
    ids=lambda pixels: "x".join(map(str, pixels.shape)),
)
def test_says_the_same_pixels(pixels: np.ndarray) -> None:
    file = png(pixels, XMP)
    with Image.open(io.BytesIO(file)) as image:
        image.verify()
    with Image.open(io.BytesIO(file)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        assert np.array_equal(np.asarray(image), pixels)
        assert image.info["XML:com.adobe.xmp"] == XMP.decode()


def test_part_of_a_batch_says_its_own_pixels() -> None:
    batch = np.stack([noise(8, 8), noise(8, 8)[::-1]])
    assert png(batch[1], b"") == png(batch[1].copy(), b"")


def test_any_zlib_makes_the_same_bytes() -> None:
    pixels = noise(40, 40) // 64
    data = png(pixels, b"").partition(b"IDAT")[2]
    compressor = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    filtered = zlib.decompressobj().decompress(data)
    assert data.startswith(compressor.compress(filtered) + compressor.flush())


def test_smooth_pictures_get_small() -> None:
    ramp = np.add.outer(np.arange(256), np.arange(256)) // 2
    assert len(png(np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8), b"")) < 256 * 256 * 3 / 4
