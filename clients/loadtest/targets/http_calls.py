"""Calls over HTTP with requests that are serialised beforehand."""

from __future__ import annotations

import asyncio
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from loadtest.codes import OK, of_status
from loadtest.errors import LoadTestError
from loadtest.targets.base import Answer, Connection
from loadtest.targets.http_connection import HttpAnswer, HttpPool, Place

_SAID_CHARACTERS = 300
_PORTS = {"http": 80, "https": 443}


class HttpCalls:
    """A server's URL, and one connection to it for each outstanding call.

    Args:
        connection: how to reach it.

    Raises:
        LoadTestError: the address is no URL, or a file of the credentials cannot be read.
    """

    def __init__(self, connection: Connection) -> None:
        url = urlsplit(connection.address)
        try:
            port = url.port or _PORTS[url.scheme]
        except (KeyError, ValueError):
            port = 0
        if not url.hostname or not port:
            raise LoadTestError(
                f"address: expected a URL such as http://localhost:8080, got {connection.address!r}"
            )
        tls = _tls(connection) if url.scheme == "https" else None
        self._pool = HttpPool(Place(url.hostname, port, tls))
        self._address = connection.address.rstrip("/")
        self._path = url.path.rstrip("/")
        self._timeout = connection.timeout
        self._headers = {"Host": url.netloc.rpartition("@")[2]}
        if connection.api_key:
            self._headers["Authorization"] = f"Bearer {connection.api_key}"

    def close(self) -> None:
        """Disconnect."""
        self._pool.close()

    def head(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        """The head of a request, but for the length of its body, and the end."""
        lines = [f"{method} {self._path}{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (self._headers | headers).items()]
        return "\r\n".join(lines).encode("latin-1")

    async def get(self, path: str) -> Any:
        """A JSON document.

        Raises:
            LoadTestError: there is none.
        """
        where = f"{self._address}{path}"
        try:
            answer = await self._call(self.head("GET", path, {}) + b"\r\n\r\n")
            if answer.status != 200:
                raise LoadTestError(f"{where}: status {answer.status}: {_said(answer)}")
            return json.loads(answer.body)
        except TimeoutError as error:
            raise LoadTestError(f"{where}: no answer in {self._timeout:g} s") from error
        except (OSError, ValueError) as error:
            raise LoadTestError(f"{where}: {error}") from error

    async def post(self, head: bytes, body: bytes, pictures: int) -> Answer:
        """Make one call; `pictures` are what a good answer brings."""
        request = b"%b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)
        try:
            answer = await self._call(request)
        except TimeoutError:
            return Answer("DEADLINE_EXCEEDED", details="no answer in time")
        except OSError as error:
            return Answer("UNAVAILABLE", details=str(error))
        code = of_status(answer.status)
        if code == OK:
            return Answer(OK, pictures)
        return Answer(code, 0, answer.wait, _said(answer))

    async def _call(self, request: bytes) -> HttpAnswer:
        async with asyncio.timeout(self._timeout):
            return await self._pool.call(request)


def _said(answer: HttpAnswer) -> str:
    return answer.body[:_SAID_CHARACTERS].decode(errors="replace")


def _tls(connection: Connection) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=connection.ca)
        if connection.certificate is not None:
            context.load_cert_chain(connection.certificate, connection.key)
    except OSError as error:
        raise LoadTestError(f"TLS: {error}") from error
    return context
