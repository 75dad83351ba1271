"""Checks who calls, whatever the transport."""

from __future__ import annotations

from server.access.api_keys import ApiKeys, read_keys
from server.access.callers import Caller, needed_scope
from server.access.limits import Limits
from server.errors import Forbidden, Unauthenticated
from server.settings import Settings
from server.telemetry.metrics import Metrics

_PREFIX = "bearer "


class Access:
    """Checks the credential that a call brings.

    Args:
        keys: the API keys; None lets everybody do everything.
    """

    def __init__(self, keys: ApiKeys | None) -> None:
        """Keep the parts."""
        self._keys = keys

    @classmethod
    def of(cls, settings: Settings, metrics: Metrics) -> Access:
        """What the settings say of it.

        Raises:
            StartupError: a file cannot be read.
        """
        keys = None
        if settings.api_keys is not None:
            keys = ApiKeys(read_keys(settings.api_keys).keys, metrics.observe_limited)
        return cls(keys)

    def check(self, method: str, authorization: str | None) -> Limits | None:
        """Check that a call may be made.

        Args:
            method: the call's name.
            authorization: the header's value, `Bearer KEY`.

        Returns:
            The limits that the call counts towards.

        Raises:
            Unauthenticated: there is no key, or an unknown one.
            Forbidden: the key is not good for this.
        """
        if self._keys is None:
            return None
        if authorization is None or not authorization.lower().startswith(_PREFIX):
            raise Unauthenticated("authorization: expected 'Bearer KEY' with an API key, got none")
        caller = self._caller(authorization[len(_PREFIX) :].strip())
        needed = needed_scope(method)
        if needed not in caller.scopes:
            raise Forbidden(f"{method}: expected a key with scope {needed.value!r}")
        return caller.limits

    def _caller(self, credential: str) -> Caller:
        assert self._keys is not None
        caller = self._keys.caller(credential)
        if caller is None:
            raise Unauthenticated("authorization: expected a known API key, got another one")
        return caller
