"""Calls over HTTP that stay connected."""

from __future__ import annotations

import ssl
from typing import Any, Self

import aiohttp

from loadtest.codes import OK, of_status
from loadtest.errors import LoadTestError
from loadtest.targets.base import Answer, Connection

_SAID_CHARACTERS = 300


class HttpCalls:
    """A server's URL, and one connection to it for each outstanding call.

    Args:
        connection: how to reach it.

    Raises:
        LoadTestError: the address is no URL, or a file of the credentials cannot be read.
    """

    def __init__(self, connection: Connection) -> None:
        if not connection.is_http:
            raise LoadTestError(
                f"address: expected a URL such as http://localhost:8080, got {connection.address!r}"
            )
        self._url = connection.address.rstrip("/")
        self._connection = connection
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> Self:
        """Make ready; connections are made when they are needed, and then kept."""
        headers = {}
        if self._connection.api_key:
            headers["Authorization"] = f"Bearer {self._connection.api_key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=_tls(self._connection)),
            timeout=aiohttp.ClientTimeout(total=self._connection.timeout),
            headers=headers,
            auto_decompress=False,
            # Nothing from the environment comes between.
            trust_env=False,
        )
        return self

    async def close(self) -> None:
        """Disconnect."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str) -> Any:
        """A JSON document.

        Raises:
            LoadTestError: there is none.
        """
        assert self._session is not None
        try:
            async with self._session.get(f"{self._url}{path}") as answer:
                if answer.status != 200:
                    said = (await answer.text())[:_SAID_CHARACTERS]
                    raise LoadTestError(f"{self._url}{path}: status {answer.status}: {said}")
                return await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise LoadTestError(f"{self._url}{path}: {error or 'no answer in time'}") from error

    async def post(self, path: str, body: bytes, headers: dict[str, str], pictures: int) -> Answer:
        """Make one call; `pictures` are what a good answer brings."""
        assert self._session is not None
        try:
            async with self._session.post(
                f"{self._url}{path}", data=body, headers=headers
            ) as answer:
                content = await answer.read()
        except TimeoutError:
            return Answer("DEADLINE_EXCEEDED", details="no answer in time")
        except (aiohttp.ClientError, OSError) as error:
            return Answer("UNAVAILABLE", details=str(error) or type(error).__name__)
        code = of_status(answer.status)
        if code == OK:
            return Answer(OK, pictures)
        said = content[:_SAID_CHARACTERS].decode(errors="replace")
        return Answer(code, 0, _wait(answer), said)


def _wait(answer: aiohttp.ClientResponse) -> float:
    hint = answer.headers.get("Retry-After", "")
    return float(hint) if hint.isdigit() else 0.0


def _tls(connection: Connection) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=connection.ca)
        if connection.certificate is not None:
            context.load_cert_chain(connection.certificate, connection.key)
    except OSError as error:
        raise LoadTestError(f"TLS: {error}") from error
    return context
