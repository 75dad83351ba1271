"""What both clients share: channel options, and the way to and from the wire messages."""

from __future__ import annotations

from impasto.pictures import Picture, PictureFormat
from impasto.v1 import image_service_pb2 as pb

DEFAULT_TARGET = "localhost:8081"
DEFAULT_TIMEOUT_SECONDS = 60.0
# A full answer of raw pictures is far over gRPC's default of 4 MiB.
CHANNEL_OPTIONS = (("grpc.max_receive_message_length", 256 * 1024 * 1024),)

_TO_WIRE: dict[PictureFormat, pb.OutputFormat] = {
    PictureFormat.PNG: pb.OUTPUT_FORMAT_PNG,
    PictureFormat.RAW_RGB8: pb.OUTPUT_FORMAT_RAW_RGB8,
}
_FROM_WIRE = {wire: known for known, wire in _TO_WIRE.items()}


def generate_request(
    seed: int | None,
    style: str,
    count: int,
    style_strength: float,
    picture_format: PictureFormat,
    preserve_colour: bool,
) -> pb.GenerateRequest:
    """The wire message; bounds are the server's to check.

    Raises:
        ValueError: a number does not fit the wire at all.
    """
    return pb.GenerateRequest(
        seed=seed,
        count=count,
        style=style,
        style_strength=style_strength,
        format=_TO_WIRE[picture_format],
        preserve_colour=preserve_colour,
    )


def pictures_of(response: pb.GenerateResponse) -> list[Picture]:
    """The answer's pictures."""
    return [
        Picture(
            data=picture.data,
            format=_FROM_WIRE[response.format],
            seed=picture.seed,
            width=picture.width,
            height=picture.height,
            style=response.style,
            style_strength=response.style_strength,
            preserve_colour=response.preserve_colour,
            model=response.model,
            model_version=response.model_version,
        )
        for picture in response.pictures
    ]
