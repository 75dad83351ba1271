"""API keys, kept as hashes in a file."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from server.access.callers import Caller, Scope
from server.access.limits import Limits
from server.errors import StartupError

_KEY_BYTES = 32
_MAX_NUMBER = 100_000


class KeyEntry(BaseModel):
    """One key of the file.

    Attributes:
        name: whose it is, for people.
        sha256: of the key, in hexadecimal; a fast hash is enough, for nobody guesses 256 bits.
        scopes: what it is good for.
        requests_per_second: that it may make in the long run; None: any number.
        burst: requests that it may make at once after a rest; None: those of a second.
        max_in_flight: calls that it may have under way; None: any number.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: list[Scope] = Field(min_length=1)
    requests_per_second: float | None = Field(default=None, ge=0.001, le=_MAX_NUMBER)
    burst: int | None = Field(default=None, ge=1, le=_MAX_NUMBER)
    max_in_flight: int | None = Field(default=None, ge=1, le=_MAX_NUMBER)

    @model_validator(mode="after")
    def _bursts_have_a_rate(self) -> Self:
        if self.burst is not None and self.requests_per_second is None:
            raise ValueError("burst needs requests_per_second")
        return self

    def limits(self) -> Limits | None:
        """What the key may use up; None: it has no limits."""
        if self.requests_per_second is None and self.max_in_flight is None:
            return None
        burst = self.burst or math.ceil(self.requests_per_second or 1)
        return Limits(self.requests_per_second, burst, self.max_in_flight)


class KeyFile(BaseModel):
    """The file's contents."""

    model_config = ConfigDict(extra="forbid")

    keys: list[KeyEntry] = Field(default_factory=list)


class ApiKeys:
    """The keys that are known.

    Args:
        entries: of the file.
    """

    def __init__(self, entries: list[KeyEntry]) -> None:
        """Keep the hashes."""
        self._known = [
            (entry.sha256, Caller(frozenset(entry.scopes), entry.limits())) for entry in entries
        ]

    def caller(self, key: str) -> Caller | None:
        """Whose key it is; None: nobody's."""
        digest = _hash(key)
        found = None
        for known, caller in self._known:
            # All are compared, each in constant time: how long it takes tells nothing.
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def read_keys(path: Path) -> KeyFile:
    """The keys of a file.

    Raises:
        StartupError: it cannot be read.
    """
    try:
        return KeyFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StartupError(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "file"
        raise StartupError(
            f"{path}: {place}: {first['msg']}; make keys with `python -m server.keys`"
        ) from error


def new_key(name: str, scopes: list[Scope], **limits: float | None) -> tuple[str, KeyEntry]:
    """A new key, which nothing but its hash is kept of, and its entry.

    Args:
        name: whose it is.
        scopes: what it is good for.
        limits: `requests_per_second` and what else the entry has of them.

    Raises:
        ValidationError: a limit is out of bounds.
    """
    key = secrets.token_urlsafe(_KEY_BYTES)
    entry = {"name": name, "sha256": _hash(key), "scopes": scopes} | limits
    return key, KeyEntry.model_validate(entry)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
