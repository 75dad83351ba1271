"""What a call may ask for, as keyword arguments; bounds are the server's to check."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypedDict

from impasto.pictures import PictureFormat

# A name, a mix (names and weights, of which only the ratios matter), or the bytes of a picture
# file whose style is taken; empty: not painted.
Style: TypeAlias = str | Mapping[str, float] | bytes


class Priority(enum.Enum):
    """Whom a call may overtake where others wait, too."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class EncodingOptions(TypedDict, total=False):
    """How pictures come back.

    Attributes:
        picture_format: of `Picture.data`; PNG unless given.
        quality: 1 to 100, of JPEG and WebP; 90 unless given.
        content_credentials: whether they are signed (C2PA), where the server can.
    """

    picture_format: PictureFormat
    quality: int
    content_credentials: bool


class DeliveryOptions(EncodingOptions, total=False):
    """What becomes of pictures.

    Attributes:
        store: whether the server keeps a copy, under `Picture.id`.
        priority: whom the call may overtake where others wait, too; NORMAL unless given.
    """

    store: bool
    priority: Priority


class PaintingOptions(TypedDict, total=False):
    """How pictures are painted.

    Attributes:
        style: see `Style`.
        style_strength: 0 (not painted) to 1; 1 unless given.
        preserve_colour: whether the painting changes the luminance alone.
    """

    style: Style
    style_strength: float
    preserve_colour: bool


class GenerateOptions(DeliveryOptions, PaintingOptions, total=False):
    """What to generate.

    Attributes:
        seed: of the first picture, 0 to 2**64 - 1; picture i is made from seed + i. None or absent:
            the server draws one; it is in the pictures.
        count: number of pictures; 1 unless given.
        model: its name; the server's default unless given.
        label: name of a class, for models that know some.
        latents: in the place of seeds, one picture from each.
        truncation: greatest size of a latent's numbers.
        candidates: of so many pictures for each one wanted the discriminator chooses the best.
        size: longer side in pixels, one of the model's; its own unless given.
    """

    seed: int | None
    count: int
    model: str
    label: str
    latents: Sequence[Sequence[float]]
    truncation: float
    candidates: int
    size: int


class StylizeOptions(DeliveryOptions, PaintingOptions, total=False):
    """How to paint a picture.

    Attributes:
        max_side: pixels; a picture whose longer side is over that is made smaller first.
    """

    max_side: int


class InterpolateOptions(DeliveryOptions, total=False):
    """How to walk.

    Attributes:
        frames: pictures, both ends included; 16 unless given.
        model: its name; the server's default unless given.
        size: longer side in pixels, one of the model's; its own unless given.
        label: name of a class, for models that know some.
        preserve_colour: whether the painting changes the luminance alone.
    """

    frames: int
    model: str
    size: int
    label: str
    preserve_colour: bool


class ListOptions(TypedDict, total=False):
    """Which stored pictures; without any, all.

    Attributes:
        seed: made from it.
        style: painted in it, perhaps among others.
        model: made by it.
        label: shows that class.
        created_from: made then or later; a time without a zone is UTC.
        created_before: made earlier.
    """

    seed: int
    style: str
    model: str
    label: str
    created_from: datetime
    created_before: datetime


@dataclass(frozen=True)
class Waypoint:
    """Where a walk begins or ends.

    Attributes:
        seed: of the picture there; None: there is a latent.
        latent: of the picture there.
        style: see `Style`.
        style_strength: 0 (not painted) to 1.
    """

    seed: int | None = None
    latent: Sequence[float] = ()
    style: Style = ""
    style_strength: float = 1.0
