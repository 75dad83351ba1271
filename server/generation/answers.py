"""What comes back from the core, before it is a message of some transport."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from server.generation.timings import Timings


@dataclass(frozen=True)
class EncodedPicture:
    """One finished picture.

    Attributes:
        data: encoded.
        width: in pixels.
        height: in pixels.
        seed: that it was made from; None: it was made from something else.
        label: the class that it shows; empty: none.
        score: the discriminator's; None: nobody asked.
        recipe: what makes it again.
        id: in the picture store; empty: it is not there.
    """

    data: bytes
    width: int
    height: int
    seed: int | None = None
    label: str = ""
    score: float | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""


class Origin(NamedTuple):
    """The model that made the pixels, and its version."""

    model: str
    version: str


class Answer(NamedTuple):
    """The pictures of one request."""

    pictures: list[EncodedPicture]
    origin: Origin
    timings: Timings


@dataclass(frozen=True)
class StreamedPicture:
    """One picture of several that come one by one; `index` counts from 0."""

    index: int
    picture: EncodedPicture
    origin: Origin
