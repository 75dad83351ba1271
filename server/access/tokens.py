"""JSON Web Tokens of an issuer that the server trusts."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import jwt
from cachetools import LRUCache

from server.access.callers import Caller, Scope
from server.access.token_keys import TokenKeys
from server.errors import Unauthenticated

# gRPC takes 8 KiB of metadata, and there is more of it than the token.
_MAX_LENGTH = 7168
# What clocks may differ by.
_LEEWAY_SECONDS = 10
_REMEMBERED = 4096
_SCOPES = {f"impasto:{scope.value}": scope for scope in Scope}
_EXPECTED: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.ExpiredSignatureError, "that has not expired"),
    (jwt.ImmatureSignatureError, "that is valid already"),
    (jwt.InvalidIssuerError, "of this server's issuer"),
    (jwt.InvalidAudienceError, "for this server's audience"),
    (jwt.MissingRequiredClaimError, "with the claims exp, iss and aud"),
    (jwt.InvalidSignatureError, "signed by a known key"),
    (jwt.InvalidAlgorithmError, "signed by a known key"),
)


class _Known(NamedTuple):
    """A token that was checked: with which keys, and until when that holds."""

    caller: Caller
    keys: Mapping[str, jwt.PyJWK]
    until: float


class Tokens:
    """Checks tokens; lives on the event loop.

    A signature takes a fraction of a millisecond to check, so a token is checked once and then
    remembered, by its hash, until it expires or the keys change.

    Args:
        issuer: what their claim `iss` must say.
        audience: what their claim `aud` must say, or hold.
        keys: what they must be signed with.
    """

    def __init__(self, issuer: str, audience: str, keys: TokenKeys) -> None:
        """Remember none yet."""
        self._issuer = issuer
        self._audience = audience
        self._keys = keys
        self._known: LRUCache[bytes, _Known] = LRUCache(_REMEMBERED)

    def caller(self, token: str) -> Caller:
        """Whose token it is.

        Raises:
            Unauthenticated: it is not good.
        """
        if len(token) > _MAX_LENGTH:
            raise _refusal(f"of at most {_MAX_LENGTH} characters")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None or known.keys is not self._keys.known or time.time() >= known.until:
            known = self._checked(token)
            self._known[digest] = known
        return known.caller

    def _checked(self, token: str) -> _Known:
        try:
            key = self._keys.find(jwt.get_unverified_header(token).get("kid"))
            if key is None:
                raise _refusal("signed by a known key")
            claims = jwt.decode(
                token,
                key,
                # The key's own and no other, whatever the token says.
                algorithms=[key.algorithm_name],
                options={"require": ["exp", "iss", "aud"]},
                issuer=self._issuer,
                audience=self._audience,
                leeway=_LEEWAY_SECONDS,
            )
        except jwt.PyJWTError as error:
            expected = next((text for kind, text in _EXPECTED if isinstance(error, kind)), None)
            raise _refusal(expected or "that can be read") from error
        until = int(claims["exp"]) + _LEEWAY_SECONDS
        return _Known(Caller(_scopes(claims)), self._keys.known, until)


def _scopes(claims: Mapping[str, Any]) -> frozenset[Scope]:
    words = claims.get("scope")
    given = words.split() if isinstance(words, str) else []
    return frozenset(_SCOPES[word] for word in given if word in _SCOPES)


def _refusal(expected: str) -> Unauthenticated:
    return Unauthenticated(f"authorization: expected a JWT {expected}, got another one")
