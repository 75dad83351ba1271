"""The public keys of whoever issues tokens: a JSON Web Key Set from a file or a URL."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

import httpx
import jwt

from server.errors import StartupError

_log = logging.getLogger(__name__)
# None with a shared secret: whoever can check those can make them, and a public key is no secret.
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_REFRESH_SECONDS = 300.0
# Between two looks, however many tokens name keys that nobody knows.
_COOLDOWN_SECONDS = 10.0
_FETCH_SECONDS = 10.0
_MAX_BYTES = 256 * 1024


class TokenKeys:
    """The keys in use, by their `kid`.

    Attributes:
        known: the keys; another object once they have changed.

    Args:
        source: a file's name, or a URL that begins with https://.
    """

    def __init__(self, source: str) -> None:
        """Know none yet."""
        self.known: Mapping[str, jwt.PyJWK] = {}
        self._source = source
        self._document = b""
        self._missed = asyncio.Event()

    def find(self, kid: object) -> jwt.PyJWK | None:
        """The key of that name; where there is none, the next look at the source is soon."""
        key = self.known.get(kid) if isinstance(kid, str) else None
        if key is None:
            self._missed.set()
        return key

    async def load(self) -> None:
        """Take the source's keys, if they have changed.

        Raises:
            StartupError: it cannot be read, or holds none that can be used; those known stay.
        """
        document = await self._read()
        if document != self._document:
            self.known = await asyncio.to_thread(_keys, self._source, document)
            self._document = document

    async def watch(self) -> None:
        """Load again every few minutes, and soon after an unknown key was asked for."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._missed.wait(), _REFRESH_SECONDS)
            self._missed.clear()
            try:
                await self.load()
            except StartupError as error:
                _log.warning("the keys of tokens stay as they are: %s", error)
            await asyncio.sleep(_COOLDOWN_SECONDS)

    async def _read(self) -> bytes:
        try:
            if self._source.startswith("https://"):
                document = await _fetched(self._source)
            else:
                document = await asyncio.to_thread(_file, self._source)
        except (OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            reason = str(error) or type(error).__name__
            raise StartupError(f"{self._source}: cannot be read ({reason})") from error
        if len(document) > _MAX_BYTES:
            raise StartupError(f"{self._source}: expected at most {_MAX_BYTES} bytes, got more")
        return document


async def _fetched(url: str) -> bytes:
    """What is there, but not much more than what is allowed."""
    document = bytearray()
    # The system's certificates, as everywhere else in the server; redirections are not followed.
    context = ssl.create_default_context()
    async with (
        asyncio.timeout(_FETCH_SECONDS),
        httpx.AsyncClient(verify=context) as client,
        client.stream("GET", url) as answer,
    ):
        answer.raise_for_status()
        async for chunk in answer.aiter_bytes():
            document += chunk
            if len(document) > _MAX_BYTES:
                break
    return bytes(document)


def _file(name: str) -> bytes:
    with Path(name).open("rb") as file:
        return file.read(_MAX_BYTES + 1)


def _keys(source: str, document: bytes) -> dict[str, jwt.PyJWK]:
    """Those that sign, are no shared secrets and have a name; others are of no use here."""
    try:
        found = jwt.PyJWKSet.from_json(document.decode()).keys
    except (jwt.PyJWTError, ValueError, AttributeError, RecursionError) as error:
        raise StartupError(f"{source}: expected a JSON Web Key Set ({error})") from error
    keys = {key.key_id: key for key in found if key.key_id is not None and _is_usable(key)}
    if not keys:
        raise StartupError(
            f"{source}: expected a JSON Web Key Set with a public key for signatures that has a "
            f"'kid', got none; algorithms: {', '.join(sorted(ALGORITHMS))}"
        )
    return keys


def _is_usable(key: jwt.PyJWK) -> bool:
    return (
        key.algorithm_name in ALGORITHMS
        and key.public_key_use in {None, "sig"}
        and key.Algorithm.check_key_length(key.key) is None
    )
