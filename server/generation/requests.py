"""What a caller may ask for, and the check that the request is within bounds."""

from __future__ import annotations

import enum
import math
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from server.errors import InvalidArgument

SEED_BITS = 64


class OutputFormat(enum.Enum):
    """How a picture's bytes are encoded."""

    PNG = "png"
    RAW_RGB8 = "raw_rgb8"


@dataclass(frozen=True)
class GenerationRequest:
    """A request that passed every check.

    Attributes:
        seed: of the first picture; picture i is made from seed + i, modulo 2**64.
        count: number of pictures.
        style: a known style, or None for unpainted pictures.
        strength: 0 (not painted) to 1.
        preserve_colour: whether the painting changes the luminance alone.
        format: of the returned bytes.
    """

    seed: int
    count: int
    style: str | None
    strength: float
    preserve_colour: bool
    format: OutputFormat

    @property
    def seeds(self) -> list[int]:
        """One seed per picture."""
        return [(self.seed + index) % 2**SEED_BITS for index in range(self.count)]


def validate(
    *,
    seed: int | None,
    count: int | None,
    style: str,
    strength: float | None,
    preserve_colour: bool,
    output_format: OutputFormat,
    max_count: int,
    styles: Collection[str],
) -> GenerationRequest:
    """Fill in defaults and check bounds; an absent seed is drawn at random.

    Raises:
        InvalidArgument: names the field, what was expected and what came.
    """
    if seed is None:
        seed = secrets.randbits(SEED_BITS)
    if count is None:
        count = 1
    if strength is None:
        strength = 1.0
    if not 1 <= count <= max_count:
        raise InvalidArgument("count", f"1 to {max_count}", count)
    if style and style not in styles:
        raise InvalidArgument("style", f"one of {', '.join(styles)}, or none", repr(style))
    if not math.isfinite(strength) or not 0.0 <= strength <= 1.0:
        raise InvalidArgument("style_strength", "a number from 0 to 1", strength)
    return GenerationRequest(seed, count, style or None, strength, preserve_colour, output_format)
