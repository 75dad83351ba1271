"""The caller's own picture, painted."""

import io
import zlib

import grpc
import numpy as np
import pytest
from impasto import Client, ImpastoError, PictureFormat
from impasto.v1 import image_service_pb2 as pb
from impasto.v1 import image_service_pb2_grpc as pb_grpc
from PIL import Image
from running_server import RunningServer, running_server

RAW = PictureFormat.RAW_RGB8


def photograph(width: int = 200, height: int = 120) -> Image.Image:
    rows, columns = np.mgrid[:height, :width]
    channels = [rows * 255 / height, columns * 255 / width, (rows + columns) % 64 * 4]
    return Image.fromarray(np.stack(channels, axis=2).astype(np.uint8))


def file_of(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("size", [(200, 120), (33, 101)])
def test_paints_at_the_pictures_own_size(
    client: Client, file_format: str, size: tuple[int, int]
) -> None:
    picture = client.stylize(file_of(photograph(*size), file_format), style="great_wave")
    assert (picture.width, picture.height) == picture.image().size == size
    assert (picture.model, picture.style, picture.seed) == ("stylizer", "great_wave", None)


def test_strength_zero_returns_the_picture(client: Client) -> None:
    image = photograph()
    painted = client.stylize(
        file_of(image), style="great_wave", style_strength=0.0, picture_format=RAW
    )
    difference = np.asarray(painted.image(), int) - np.asarray(image, int)
    assert np.abs(difference).max() <= 1


def test_a_long_side_is_made_smaller(client: Client) -> None:
    picture = client.stylize(file_of(photograph(400, 240)), style="spring", max_side=100)
    assert (picture.width, picture.height) == (100, 60)
    large = client.stylize(file_of(photograph(3000, 1500), "JPEG"), style="spring", max_side=128)
    assert (large.width, large.height) == (128, 64)


def test_the_cameras_orientation_is_obeyed(client: Client) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = file_of(photograph(), "JPEG", exif=exif)
    picture = client.stylize(turned, style="spring", style_strength=0.0)
    assert (picture.width, picture.height) == (120, 200)
    upright = np.asarray(photograph().transpose(Image.Transpose.ROTATE_270), int)
    assert np.abs(np.asarray(picture.image(), int) - upright).mean() < 8


@pytest.mark.parametrize("mode", ["RGBA", "L", "P", "LA", "1", "I;16", "CMYK"])
def test_pictures_of_every_mode(client: Client, mode: str) -> None:
    image = (
        photograph().convert("I").convert(mode) if mode == "I;16" else photograph().convert(mode)
    )
    data = file_of(image, "JPEG" if mode == "CMYK" else "PNG")
    assert client.stylize(data, style="spring").width == 200


def test_sixteen_bits_keep_their_greys(client: Client) -> None:
    data = file_of(Image.fromarray(np.full((64, 64), 30_000, np.uint16)))
    picture = client.stylize(data, style="spring", style_strength=0.0, picture_format=RAW)
    assert np.abs(np.asarray(picture.image(), int) - 30_000 / 257).max() <= 2


def test_transparency_becomes_white(client: Client) -> None:
    data = file_of(Image.new("RGBA", (64, 64), (200, 0, 0, 0)))
    picture = client.stylize(data, style="spring", style_strength=0.0, picture_format=RAW)
    assert np.asarray(picture.image()).min() == 255


def test_a_second_picture_is_the_style(client: Client) -> None:
    style = file_of(photograph(64, 64).rotate(90))
    painted = client.stylize(file_of(photograph()), style=style, picture_format=RAW)
    plain = client.stylize(
        file_of(photograph()), style=style, style_strength=0.0, picture_format=RAW
    )
    assert painted.data != plain.data


def _many_scans() -> bytes:
    """A progressive JPEG that goes over its picture again and again."""
    data = file_of(photograph(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 200 + data[-2:]


def _many_pieces(data: bytes, place: int, piece: bytes) -> bytes:
    return data[:place] + piece * 500 + data[place:]


_TEXT = b"\0\0\0\x03tEXta\0b"
_SEGMENT = b"\xff\xe1\0\x08Exif\0\0"


def _lying_png() -> bytes:
    """A header that claims 60000x60000 pixels before a few bytes of data."""
    data = bytearray(file_of(Image.new("RGB", (40, 40))))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    return bytes(data)


whole = file_of(photograph())
REFUSED = {
    "nothing": (b"", "picture: expected"),
    "no picture": (b"GIF89a no such thing", "picture: expected a PNG, JPEG or WebP file, got 20"),
    "gif": (file_of(photograph(), "GIF"), "picture: expected a PNG, JPEG or WebP file"),
    "truncated": (whole[: len(whole) // 2], "picture: expected a whole picture, got a broken one"),
    "bomb": (file_of(Image.new("1", (8000, 8000))), "picture: expected at most 32000000 pixels"),
    "lying": (_lying_png(), "picture: expected"),
    "many scans": (_many_scans(), "picture: expected a JPEG of at most 100 scans, got more"),
    "many chunks": (
        _many_pieces(whole, 33, _TEXT + zlib.crc32(_TEXT[4:]).to_bytes(4)),
        "picture: expected at most 200 pieces of metadata, got more",
    ),
    "many segments": (
        _many_pieces(file_of(photograph(), "JPEG"), 2, _SEGMENT),
        "picture: expected at most 200 pieces of metadata, got more",
    ),
    "narrow": (file_of(photograph(2000, 40)), "picture: expected sides of at least 32 pixels"),
    "too many bytes": (b"x" * 9_000_000, "picture: expected a PNG, JPEG or WebP file, got 9000000"),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_picture_is_named(client: Client, data: bytes, message: str) -> None:
    with pytest.raises(ImpastoError) as caught:
        client.stylize(data, style="spring")
    assert caught.value.details.startswith(message)
    assert client.stylize(whole, style="spring", max_side=64).width == 64


def test_a_style_is_asked_for(client: Client) -> None:
    with pytest.raises(ImpastoError, match="style: expected one of style, style_mix and"):
        client.stylize(whole)


def test_a_large_picture_counts_as_several() -> None:
    with running_server("--max-in-flight", "4", "--max-count", "4") as running:
        with Client(running.target) as client, pytest.raises(ImpastoError) as caught:
            client.stylize(file_of(photograph(1024, 1024)), style="spring")
    assert "takes as much work as 16 pictures, the server takes 4 at a time" in str(caught.value)


def test_timings_come_in_the_trailing_metadata(server: RunningServer) -> None:
    with grpc.insecure_channel(server.target) as channel:
        service = pb_grpc.ImageServiceStub(channel)
        _, call = service.Stylize.with_call(pb.StylizeRequest(picture=whole, style="spring"))
        timings = dict(call.trailing_metadata())["server-timing"]
        assert [part.split(";")[0] for part in timings.split(", ")] == [
            "decode",
            "stylizer.queue",
            "stylizer",
            "encode",
        ]
