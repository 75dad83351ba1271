"""Between the messages of `impasto.v1` and the core's requests and answers.

The core's requests have the messages' fields under the same names, so one rule reads them all.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from impasto.v1 import image_service_pb2 as pb

from server.errors import InvalidArgument
from server.generation.answers import EncodedPicture, Origin
from server.generation.keeping import created_at
from server.generation.requests import MAX_LATENT, MAX_REPEATED, OutputFormat, Painting, Priority
from server.storage.records import PictureRecord

_WIRE_FORMATS: Mapping[OutputFormat, pb.OutputFormat] = {
    known: pb.OutputFormat.Value(f"OUTPUT_FORMAT_{known.name}") for known in OutputFormat
}
# Of each enumeration of the wire, what the core calls its numbers.
_KNOWN: Mapping[str, Mapping[int, enum.Enum]] = {
    pb.OutputFormat.DESCRIPTOR.full_name: {wire: known for known, wire in _WIRE_FORMATS.items()},
    pb.Priority.DESCRIPTOR.full_name: {
        pb.Priority.Value(f"PRIORITY_{known.name}"): known for known in Priority
    },
}


def arguments(message: Message) -> dict[str, Any]:
    """The fields that were given, by name, as the core's request takes them."""
    return {field.name: _argument(field, value) for field, value in message.ListFields()}


def _argument(field: FieldDescriptor, value: Any) -> Any:
    if isinstance(value, pb.Latent):
        # One more than the core takes is enough for it to say so.
        return value.values[: MAX_LATENT + 1]
    if isinstance(value, Timestamp):
        return _moment(field, value)
    if field.message_type is not None:
        if isinstance(value, Message):
            return arguments(value)
        if len(value) > MAX_REPEATED:
            raise InvalidArgument(field.name, f"at most {MAX_REPEATED} entries", len(value))
        return [_argument(field, item) for item in value]
    if field.enum_type is not None:
        # A number that has no name stays one: the core says which there are.
        return _KNOWN[field.enum_type.full_name].get(value, value)
    return value


def _moment(field: FieldDescriptor, value: Timestamp) -> datetime:
    try:
        return value.ToDatetime(tzinfo=UTC)
    except ValueError as error:
        raise InvalidArgument(field.name, "a time from year 1 to 9999", value.seconds) from error


def picture_message(picture: EncodedPicture) -> pb.Picture:
    """One picture."""
    return pb.Picture(
        data=picture.data,
        seed=picture.seed,
        width=picture.width,
        height=picture.height,
        label=picture.label,
        score=picture.score,
        id=picture.id,
    )


def stored_message(record: PictureRecord, data: bytes = b"") -> pb.StoredPicture:
    """One stored picture."""
    stored_at = Timestamp()
    stored_at.FromDatetime(created_at(record))
    return pb.StoredPicture(
        id=record.id,
        created_at=stored_at,
        format=wire_format(OutputFormat(record.format)),
        width=record.width,
        height=record.height,
        byte_size=record.byte_size,
        sha256=record.sha256,
        model=record.model,
        model_version=record.model_version,
        seed=record.seed,
        label=record.label,
        score=record.score,
        styles=[
            pb.StyleWeight(style=style, weight=weight) for style, weight in record.styles.items()
        ],
        recipe=record.recipe,
        data=data,
    )


def provenance_message(
    painting: Painting, origin: Origin, truncation: float | None = None
) -> pb.Provenance:
    """What made the pictures of a request."""
    return pb.Provenance(
        model=origin.model,
        model_version=origin.version,
        style=painting.style,
        style_mix=[
            pb.StyleWeight(style=part.style, weight=part.weight) for part in painting.style_mix
        ],
        style_picture_sha256=painting.style_picture_sha256,
        style_strength=painting.style_strength,
        preserve_colour=painting.preserve_colour,
        truncation=truncation,
    )


def wire_format(output_format: OutputFormat) -> pb.OutputFormat:
    """The wire's number of a format."""
    return _WIRE_FORMATS[output_format]


def picture_messages(pictures: Sequence[EncodedPicture]) -> list[pb.Picture]:
    """Pictures in their order."""
    return [picture_message(picture) for picture in pictures]
