"""Checks who calls, whatever the transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.access.api_keys import ApiKeys, read_keys
from server.access.callers import Caller, needed_scope
from server.access.limits import Limits
from server.errors import Forbidden, StartupError, Unauthenticated
from server.settings import Settings

if TYPE_CHECKING:
    from server.access.token_keys import TokenKeys
    from server.access.tokens import Tokens

_PREFIX = "bearer "
_DOTS = 2


class Access:
    """Checks the credential that a call brings.

    Args:
        keys: the API keys; None: there are none.
        tokens: what checks tokens; None: there are none. Without both, everybody may do everything.
        token_keys: what tokens are signed with.
    """

    def __init__(
        self, keys: ApiKeys | None, tokens: Tokens | None, token_keys: TokenKeys | None
    ) -> None:
        """Keep the parts."""
        self._keys = keys
        self._tokens = tokens
        self._token_keys = token_keys
        wanted = [(keys, "an API key"), (tokens, "a JWT")]
        self._wanted = " or ".join(name for part, name in wanted if part is not None)

    @classmethod
    def of(cls, settings: Settings) -> Access:
        """What the settings say of it.

        Raises:
            StartupError: a file cannot be read, or a package is missing.
        """
        keys = None
        if settings.api_keys is not None:
            keys = ApiKeys(read_keys(settings.api_keys).keys)
        return cls(keys, *_tokens(settings))

    async def load(self) -> None:
        """Read what takes a while; before the first call.

        Raises:
            StartupError: it cannot be read.
        """
        if self._token_keys is not None:
            await self._token_keys.load()

    async def watch(self) -> None:
        """Take over what changes, until cancelled."""
        if self._token_keys is not None:
            await self._token_keys.watch()

    def check(self, method: str, authorization: str | None) -> Limits | None:
        """Check that a call may be made.

        Args:
            method: the call's name.
            authorization: the header's value, `Bearer` and an API key or a token.

        Returns:
            The limits that the call counts towards.

        Raises:
            Unauthenticated: there is neither, or one that is not known.
            Forbidden: it is not good for this.
        """
        if not self._wanted:
            return None
        if authorization is None or not authorization.lower().startswith(_PREFIX):
            raise Unauthenticated(
                f"authorization: expected 'Bearer KEY' with {self._wanted}, got none"
            )
        caller = self._caller(authorization[len(_PREFIX) :].strip())
        needed = needed_scope(method)
        if needed not in caller.scopes:
            raise Forbidden(
                f"{method}: expected a key with scope {needed.value!r}, or a token with scope "
                f"'impasto:{needed.value}'"
            )
        return caller.limits

    def _caller(self, credential: str) -> Caller:
        # An API key has no dots.
        if self._tokens is not None and (self._keys is None or credential.count(".") == _DOTS):
            return self._tokens.caller(credential)
        assert self._keys is not None
        caller = self._keys.caller(credential)
        if caller is None:
            raise Unauthenticated("authorization: expected a known API key, got another one")
        return caller


def _tokens(settings: Settings) -> tuple[Tokens, TokenKeys] | tuple[None, None]:
    if settings.jwt_keys is None:
        return None, None
    try:
        # An extra that not everybody has.
        from server.access.token_keys import TokenKeys  # noqa: PLC0415
        from server.access.tokens import Tokens  # noqa: PLC0415
    except ImportError as error:
        raise StartupError(
            "--jwt-keys needs the packages PyJWT and httpx: pip install '.[jwt]'"
        ) from error
    keys = TokenKeys(settings.jwt_keys)
    assert settings.jwt_issuer is not None
    assert settings.jwt_audience is not None
    return Tokens(settings.jwt_issuer, settings.jwt_audience, keys), keys
