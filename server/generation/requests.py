"""What a caller may ask for, whatever the transport; a request that exists is within bounds.

Bounds that depend on what is served (models, styles, classes, greatest count) are checked by who
answers.
"""

from __future__ import annotations

import enum
import hashlib
import secrets
from functools import cached_property
from typing import Annotated, Self, TypeAlias

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    WithJsonSchema,
    model_validator,
)

from server.generation.validation import expected, fault

SEED_BITS = 64
MAX_FILE_BYTES = 8 * 1024 * 1024
MIN_SIDE, MAX_SIDE = 32, 1024
# Of whatever is repeated; the greatest count that a server can be set to is no larger.
MAX_REPEATED = 256
MAX_LATENT = 1024
_MAX_STYLES = 16
_DEFAULT_PAGE, _MAX_PAGE = 50, 100
_MAX_WEIGHT = 1e6
_MAX_CANDIDATES = 16
_LEAST_TRUNCATION = 0.1


class OutputFormat(enum.Enum):
    """How a picture's bytes are encoded."""

    PNG = "png"
    RAW_RGB8 = "raw_rgb8"
    JPEG = "jpeg"
    WEBP = "webp"


class Priority(enum.Enum):
    """Whom a request may overtake where others wait, too."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


Seed: TypeAlias = Annotated[
    int,
    Field(ge=0, lt=2**SEED_BITS),
    expected(f"a whole number from 0 to 2^{SEED_BITS} - 1"),
]
LatentValues: TypeAlias = Annotated[
    tuple[Annotated[float, Field(allow_inf_nan=False)], ...],
    Field(max_length=MAX_LATENT),
    FailFast(),
    expected(f"at most {MAX_LATENT} finite numbers"),
]
File: TypeAlias = Annotated[
    bytes,
    Field(max_length=MAX_FILE_BYTES),
    WithJsonSchema(
        {
            "type": "string",
            "contentEncoding": "base64",
            "maxLength": -(-MAX_FILE_BYTES // 3) * 4,
        }
    ),
    expected(f"a file of at most {MAX_FILE_BYTES} bytes"),
]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", val_json_bytes="base64")


Strength: TypeAlias = Annotated[
    float, Field(ge=0, le=1, allow_inf_nan=False), expected("a number from 0 to 1")
]
Truncation: TypeAlias = Annotated[
    float | None,
    Field(gt=_LEAST_TRUNCATION, allow_inf_nan=False),
    expected(f"a finite number above {_LEAST_TRUNCATION}"),
]
Candidates: TypeAlias = Annotated[
    int,
    Field(ge=1, le=_MAX_CANDIDATES),
    expected(f"a whole number from 1 to {_MAX_CANDIDATES}"),
]


Size: TypeAlias = Annotated[
    int, Field(ge=0, le=MAX_SIDE), expected("a size that the model can make, or none")
]


Moment: TypeAlias = Annotated[
    AwareDatetime, expected("a date and time with its zone, as in 2026-01-31T12:00:00Z")
]


class StyleWeight(_Request):
    """One style's part of a mix; only the ratios of the weights matter."""

    style: str
    weight: Annotated[
        float, Field(gt=0, le=_MAX_WEIGHT), expected(f"a number above 0, at most {_MAX_WEIGHT:.0f}")
    ]


class StyleChoice(_Request):
    """A style: named, mixed or of a picture, and how much of it.

    Attributes:
        style: a name; empty: none.
        style_mix: several names with weights.
        style_picture: a picture file whose style is taken.
        style_strength: 0 (not painted) to 1.
    """

    style: str = ""
    style_mix: Annotated[tuple[StyleWeight, ...], Field(max_length=_MAX_STYLES), FailFast()] = ()
    style_picture: File = b""
    style_strength: Strength = 1.0

    @property
    def weights(self) -> dict[str, float]:
        """The named styles and their weights; empty for a style picture or no style."""
        if self.style:
            return {self.style: 1.0}
        return {part.style: part.weight for part in self.style_mix}

    @cached_property
    def style_picture_sha256(self) -> str:
        """In hexadecimal; empty where there is no style picture."""
        return hashlib.sha256(self.style_picture).hexdigest() if self.style_picture else ""

    @model_validator(mode="after")
    def _one_style(self) -> Self:
        given = [bool(self.style), bool(self.style_mix), bool(self.style_picture)]
        if sum(given) > 1:
            wanted = "at most one of style, style_mix and style_picture"
            raise fault(wanted, "style", f"{sum(given)} of them")
        if len(self.weights) < len(self.style_mix):
            raise fault("each style once", "style_mix", "a style twice")
        return self


class Painting(StyleChoice):
    """A style, and whose colours.

    Attributes:
        preserve_colour: whether the painting changes the luminance alone.
    """

    preserve_colour: bool = False


class Encoding(_Request):
    """What the returned bytes are.

    Attributes:
        format: how pictures are encoded.
        quality: of JPEG and WebP.
        content_credentials: whether they carry a signed C2PA manifest.
    """

    format: Annotated[
        OutputFormat, expected(f"one of {', '.join(known.value for known in OutputFormat)}")
    ] = OutputFormat.PNG
    quality: Annotated[int, Field(ge=1, le=100), expected("a whole number from 1 to 100")] = 90
    content_credentials: bool = False

    @model_validator(mode="after")
    def _bare_pixels_carry_nothing(self) -> Self:
        if self.content_credentials and self.format is OutputFormat.RAW_RGB8:
            raise fault("png, jpeg or webp with content_credentials", "format", self.format.value)
        return self


class Delivery(Encoding):
    """What becomes of the bytes, and how soon there are any.

    Attributes:
        store: whether the server keeps a copy, and tells its id.
        priority: whom the request may overtake where others wait, too.
    """

    store: bool = False
    priority: Annotated[
        Priority, expected(f"one of {', '.join(known.value for known in Priority)}")
    ] = Priority.NORMAL

    @property
    def encoded(self) -> OutputFormat:
        """What the bytes are."""
        return self.format


class GenerationRequest(Painting, Delivery):
    """Pictures from seeds or latents.

    Attributes:
        model: its name; empty: the default.
        seed: of the first picture; drawn where it is absent.
        count: number of pictures, unless there are latents.
        latents: in the place of seeds.
        label: name of a class; empty: seed modulo the number of classes, or the first.
        truncation: greatest size of a number of a latent; None: unbounded.
        candidates: pictures among which the discriminator chooses one.
        size: longer side in pixels, one of the model's; 0: its own.
    """

    model: str = ""
    size: Size = 0
    seed: Seed = Field(default_factory=lambda: secrets.randbits(SEED_BITS))
    count: Annotated[int, Field(ge=1), expected("a whole number from 1 on")] = 1
    latents: Annotated[tuple[LatentValues, ...], Field(max_length=MAX_REPEATED), FailFast()] = ()
    label: str = ""
    truncation: Truncation = None
    candidates: Candidates = 1

    @property
    def pictures(self) -> int:
        """How many pictures are wanted."""
        return len(self.latents) or self.count

    @property
    def made(self) -> GenerationRequest:
        """What determines the bytes, whatever becomes of them."""
        return self.model_copy(update={"store": False, "priority": Priority.NORMAL})

    @property
    def reproducible(self) -> bool:
        """Whether the same request makes the same bytes again: its seed is not drawn.

        No signature is made twice.
        """
        determined = bool(self.latents) or "seed" in self.model_fields_set
        return determined and not self.content_credentials

    def turn(self, index: int) -> int:
        """The number by which picture `index` takes its turn among the classes."""
        return (self.seed + index) % 2**SEED_BITS

    def seeds(self, wanted: range) -> list[int]:
        """The seeds of some pictures, one per candidate, the candidates of a picture together."""
        first, last = wanted.start * self.candidates, wanted.stop * self.candidates
        return [(self.seed + index) % 2**SEED_BITS for index in range(first, last)]

    @model_validator(mode="after")
    def _latents_stand_alone(self) -> Self:
        if self.latents:
            for name in {"seed", "truncation", "candidates"} & self.model_fields_set:
                raise fault("none beside latents", name, getattr(self, name))
            if "count" in self.model_fields_set and self.count != len(self.latents):
                raise fault(f"none, or {len(self.latents)} as of latents", "count", self.count)
        return self


class PictureQuery(Encoding):
    """One picture, by what fits into a URL; attributes as of `GenerationRequest`."""

    model: str = ""
    size: Size = 0
    seed: Seed | None = None
    label: str = ""
    truncation: Truncation = None
    candidates: Candidates = 1
    style: str = ""
    style_strength: Strength = 1.0
    preserve_colour: bool = False

    def request(self) -> GenerationRequest:
        """The request that it stands for."""
        return GenerationRequest.model_validate(self.model_dump(exclude_unset=True))


class StylizationRequest(Painting, Delivery):
    """The caller's own picture, painted.

    Attributes:
        picture: a picture file.
        max_side: a longer picture is made smaller first.
    """

    picture: Annotated[File, Field(min_length=1), expected("a PNG, JPEG or WebP file")]
    max_side: Annotated[
        int,
        Field(ge=MIN_SIDE, le=MAX_SIDE),
        expected(f"a whole number from {MIN_SIDE} to {MAX_SIDE}"),
    ] = MAX_SIDE

    @model_validator(mode="after")
    def _is_painted(self) -> Self:
        if not self.weights and not self.style_picture:
            raise fault("one of style, style_mix and style_picture", "style", "none of them")
        return self


class Waypoint(StyleChoice):
    """Where a walk begins or ends: a seed or a latent, and a style."""

    seed: Seed | None = None
    latent: LatentValues = ()

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.seed is None) != bool(self.latent):
            came = "neither" if self.seed is None else "both"
            raise fault("one of seed and latent", "seed", came)
        return self


class InterpolationRequest(Delivery):
    """A walk between two waypoints.

    Attributes:
        start: where it begins.
        end: where it ends.
        frames: pictures, both ends included.
        model: its name; empty: the default.
        size: longer side in pixels, one of the model's; 0: its own.
        label: name of a class; empty: the first.
        preserve_colour: whether the painting changes the luminance alone.
        animation: whether the answer is one animated WebP.
        frame_milliseconds: of an animation.
    """

    start: Waypoint
    end: Waypoint
    frames: Annotated[int, Field(ge=2), expected("a whole number from 2 on")] = 16
    model: str = ""
    size: Size = 0
    label: str = ""
    preserve_colour: bool = False
    animation: bool = False
    frame_milliseconds: Annotated[
        int, Field(ge=10, le=10_000), expected("a whole number from 10 to 10000")
    ] = 80

    @property
    def encoded(self) -> OutputFormat:
        """What the bytes are; an animation is always WebP."""
        return OutputFormat.WEBP if self.animation else self.format

    @model_validator(mode="after")
    def _animations_are_webp(self) -> Self:
        if self.animation and "format" in self.model_fields_set:
            raise fault("none beside animation", "format", self.format.value)
        return self


class StoredPictureRequest(_Request):
    """One stored picture.

    Attributes:
        id: its id.
    """

    id: Annotated[
        str,
        Field(pattern="^[0-9a-f]{32}$"),
        expected("the id of a stored picture, 32 hexadecimal digits"),
    ]


class ListingRequest(_Request):
    """Stored pictures, the newest first.

    Attributes:
        seed: only those made from it.
        style: only those painted in it, perhaps among others; empty: any.
        model: only those made by it; empty: any.
        label: only those that show that class; empty: any.
        created_from: only those made then or later.
        created_before: only those made earlier.
        page_size: greatest number of pictures.
        page_token: that came with the page before; empty: the first page.
    """

    seed: Seed | None = None
    style: str = ""
    model: str = ""
    label: str = ""
    created_from: Moment | None = None
    created_before: Moment | None = None
    page_size: Annotated[
        int,
        Field(ge=1, le=_MAX_PAGE),
        expected(f"a whole number from 1 to {_MAX_PAGE}"),
    ] = _DEFAULT_PAGE
    page_token: Annotated[
        str,
        Field(pattern="^([0-9a-f]{1,13}-[0-9a-f]{32})?$"),
        expected("the token that came with the page before, or none"),
    ] = ""
