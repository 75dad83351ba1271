"""Who may call what: API keys, kept as hashes in a file."""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from server.errors import Forbidden, StartupError, Unauthenticated

_PREFIX = "bearer "
_KEY_BYTES = 32
# By the names that both transports and the metrics give the calls.
_ADMIN_METHODS = frozenset(
    {
        "DeletePicture",
        "RepositoryModelLoad",
        "RepositoryModelUnload",
        "SystemSharedMemoryRegister",
        "SystemSharedMemoryUnregister",
    }
)


class Scope(enum.Enum):
    """What a key is good for."""

    GENERATE = "generate"
    ADMIN = "admin"


class KeyEntry(BaseModel):
    """One key of the file.

    Attributes:
        name: whose it is, for people.
        sha256: of the key, in hexadecimal; a fast hash is enough, for nobody guesses 256 bits.
        scopes: what it is good for.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    scopes: list[Scope] = Field(min_length=1)


class KeyFile(BaseModel):
    """The file's contents."""

    model_config = ConfigDict(extra="forbid")

    keys: list[KeyEntry] = Field(default_factory=list)


class Access:
    """Checks the key that a call brings.

    Args:
        entries: the keys; None lets everybody do everything.
    """

    def __init__(self, entries: list[KeyEntry] | None) -> None:
        """Keep the hashes."""
        self._entries = entries

    @classmethod
    def of(cls, path: Path | None) -> Access:
        """The keys of a file; None: no keys are needed.

        Raises:
            StartupError: the file cannot be read.
        """
        return cls(None if path is None else read_keys(path).keys)

    def check(self, method: str, authorization: str | None) -> None:
        """Check that a call may be made.

        Args:
            method: the call's name.
            authorization: the header's value, `Bearer KEY`.

        Raises:
            Unauthenticated: there is no key, or an unknown one.
            Forbidden: the key is not good for this.
        """
        if self._entries is None:
            return
        if authorization is None or not authorization.lower().startswith(_PREFIX):
            raise Unauthenticated("authorization: expected 'Bearer KEY' with an API key, got none")
        entry = self._entry(_hash(authorization[len(_PREFIX) :].strip()))
        needed = Scope.ADMIN if method in _ADMIN_METHODS else Scope.GENERATE
        if needed not in entry.scopes:
            raise Forbidden(f"{method}: expected a key with scope {needed.value!r}")

    def _entry(self, digest: str) -> KeyEntry:
        found = None
        assert self._entries is not None
        for entry in self._entries:
            # All are compared, each in constant time: how long it takes tells nothing.
            if hmac.compare_digest(entry.sha256, digest):
                found = entry
        if found is None:
            raise Unauthenticated("authorization: expected a known API key, got another one")
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


def new_key(name: str, scopes: list[Scope]) -> tuple[str, KeyEntry]:
    """A new key, which nothing but its hash is kept of, and its entry."""
    key = secrets.token_urlsafe(_KEY_BYTES)
    return key, KeyEntry(name=name, sha256=_hash(key), scopes=scopes)


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
