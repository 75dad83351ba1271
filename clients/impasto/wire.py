"""The way to and from the wire messages, which both clients share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from impasto.options import (
    GenerateOptions,
    InterpolateOptions,
    ListOptions,
    Style,
    StylizeOptions,
    Waypoint,
)
from impasto.pictures import ModelInfo, Picture, PictureFormat, StoredPicture, StyleInfo
from impasto.v1 import image_service_pb2 as pb

_TO_WIRE: dict[PictureFormat, pb.OutputFormat] = {
    PictureFormat.PNG: pb.OUTPUT_FORMAT_PNG,
    PictureFormat.RAW_RGB8: pb.OUTPUT_FORMAT_RAW_RGB8,
    PictureFormat.JPEG: pb.OUTPUT_FORMAT_JPEG,
    PictureFormat.WEBP: pb.OUTPUT_FORMAT_WEBP,
}
_FROM_WIRE = {wire: known for known, wire in _TO_WIRE.items()}


def generate_request(options: GenerateOptions) -> pb.GenerateRequest:
    """The wire message.

    Raises:
        ValueError: a number does not fit the wire at all.
    """
    fields: dict[str, Any] = dict(options)
    latents = [pb.Latent(values=values) for values in fields.pop("latents", ())]
    return pb.GenerateRequest(**_fields(fields), latents=latents)


def stylize_request(picture: bytes, options: StylizeOptions) -> pb.StylizeRequest:
    """The wire message; errors as above."""
    return pb.StylizeRequest(picture=picture, **_fields(options))


def interpolate_request(
    start: Waypoint, end: Waypoint, options: InterpolateOptions, **more: Any
) -> pb.InterpolateRequest:
    """The wire message; errors as above."""
    return pb.InterpolateRequest(
        start=_waypoint(start), end=_waypoint(end), **_fields(options), **more
    )


def _waypoint(point: Waypoint) -> pb.Waypoint:
    latent = pb.Latent(values=point.latent) if point.latent else None
    return pb.Waypoint(
        seed=point.seed,
        latent=latent,
        style_strength=point.style_strength,
        **_style(point.style),
    )


def _fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options that are not fields of their own name, replaced by those fields."""
    fields = dict(options)
    fields |= _style(fields.pop("style", ""))
    if "picture_format" in fields:
        fields["format"] = _TO_WIRE[fields.pop("picture_format")]
    if "priority" in fields:
        fields["priority"] = pb.Priority.Value(f"PRIORITY_{fields['priority'].name}")
    return fields


def _style(style: Style) -> dict[str, Any]:
    if isinstance(style, bytes):
        return {"style_picture": style}
    if isinstance(style, str):
        return {"style": style} if style else {}
    mix = [pb.StyleWeight(style=name, weight=weight) for name, weight in style.items()]
    return {"style_mix": mix}


def pictures_of(response: pb.GenerateResponse) -> list[Picture]:
    """The answer's pictures."""
    return [
        picture_of(picture, response.format, response.provenance) for picture in response.pictures
    ]


def picture_of(
    picture: pb.Picture, wire_format: pb.OutputFormat, provenance: pb.Provenance
) -> Picture:
    """One picture with what made it."""
    return Picture(
        data=picture.data,
        format=_FROM_WIRE[wire_format],
        seed=picture.seed if picture.HasField("seed") else None,
        width=picture.width,
        height=picture.height,
        label=picture.label,
        score=picture.score if picture.HasField("score") else None,
        style=provenance.style,
        style_mix={part.style: part.weight for part in provenance.style_mix},
        style_strength=provenance.style_strength,
        preserve_colour=provenance.preserve_colour,
        model=provenance.model,
        model_version=provenance.model_version,
        id=picture.id,
    )


def list_request(options: ListOptions) -> pb.ListPicturesRequest:
    """The wire message of the first page; errors as above."""
    fields: dict[str, Any] = dict(options)
    for name in ("created_from", "created_before"):
        if name in fields:
            moment = Timestamp()
            moment.FromDatetime(fields[name])
            fields[name] = moment
    return pb.ListPicturesRequest(**fields)


def stored_picture_of(stored: pb.StoredPicture) -> StoredPicture:
    """A stored picture."""
    return StoredPicture(
        id=stored.id,
        created_at=stored.created_at.ToDatetime(tzinfo=UTC),
        format=_FROM_WIRE[stored.format],
        width=stored.width,
        height=stored.height,
        byte_size=stored.byte_size,
        sha256=stored.sha256,
        model=stored.model,
        model_version=stored.model_version,
        seed=stored.seed if stored.HasField("seed") else None,
        label=stored.label,
        score=stored.score if stored.HasField("score") else None,
        styles={part.style: part.weight for part in stored.styles},
        recipe=json.loads(stored.recipe),
        data=stored.data,
    )


def frame_of(response: pb.InterpolateResponse, preserve_colour: bool) -> Picture:
    """One frame, or an animation; what it was made from lies between the waypoints."""
    provenance = pb.Provenance(
        model=response.model,
        model_version=response.model_version,
        preserve_colour=preserve_colour,
    )
    return picture_of(response.picture, response.format, provenance)


def models_of(response: pb.ListModelsResponse) -> list[ModelInfo]:
    """The models."""
    return [
        ModelInfo(
            name=model.name,
            version=model.version,
            is_default=model.is_default,
            width=model.width,
            height=model.height,
            latent_size=model.latent_size,
            classes=tuple(model.classes),
            ranks=model.ranks,
            sizes=tuple(model.sizes),
        )
        for model in response.models
    ]


def styles_of(response: pb.ListStylesResponse) -> list[StyleInfo]:
    """The styles."""
    return [StyleInfo(style.name, style.title, style.artist) for style in response.styles]
