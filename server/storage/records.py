"""What the store knows of a picture."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

_MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class PictureRecord:
    """One stored picture without its bytes.

    Attributes:
        id: 32 hexadecimal digits.
        created_at: microseconds since 1970, UTC.
        format: how the bytes are encoded, a value of `OutputFormat`.
        width: in pixels.
        height: in pixels.
        byte_size: of the bytes.
        sha256: of the bytes, in hexadecimal.
        model: that made the pixels.
        model_version: of that model.
        seed: that it was made from; None: it was made from something else.
        label: the class that it shows; empty: none.
        score: the discriminator's; None: nobody asked.
        styles: weights of the named styles that it is painted in.
        recipe: what makes it again, JSON.
    """

    id: str
    created_at: int
    format: str
    width: int
    height: int
    byte_size: int
    sha256: str
    model: str
    model_version: str
    seed: int | None
    label: str
    score: float | None
    styles: Mapping[str, float] = field(hash=False)
    recipe: str

    def to_json(self) -> bytes:
        """One line that `from_json` reads."""
        return json.dumps(self.__dict__, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, line: bytes) -> PictureRecord:
        """The record of such a line, perhaps of a newer version that knows more.

        Raises:
            ValueError, TypeError: it is none.
        """
        written: dict[str, Any] = json.loads(line)
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in written.items() if name in known})

    def is_of(self, data: bytes) -> bool:
        """Whether these are the picture's bytes, whole and unchanged."""
        return len(data) == self.byte_size and digest(data) == self.sha256


class KeptPicture(NamedTuple):
    """A stored picture."""

    record: PictureRecord
    data: bytes


class Position(NamedTuple):
    """A place in the order of all pictures, newest first."""

    created_at: int
    id: str


@dataclass(frozen=True)
class PictureFilter:
    """Which pictures are wanted; None is all.

    Attributes:
        seed: made from it.
        style: painted in it, perhaps among others.
        model: made by it.
        label: shows that class.
        created_from: microseconds since 1970; not before it.
        created_before: microseconds since 1970; before it.
    """

    seed: int | None = None
    style: str | None = None
    model: str | None = None
    label: str | None = None
    created_from: int | None = None
    created_before: int | None = None


def digest(data: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def new_id() -> str:
    """An id that nobody has and nobody guesses."""
    return uuid.uuid4().hex


def now() -> int:
    """Microseconds since 1970."""
    return int(time.time() * _MICROSECONDS)
