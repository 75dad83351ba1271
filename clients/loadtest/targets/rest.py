"""Impasto's REST face: `POST /v1/generate`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Self

from loadtest.errors import LoadTestError
from loadtest.targets.base import Answer, Connection, Statistics
from loadtest.targets.http_calls import HttpCalls
from loadtest.targets.requests import PictureRequest

_HEADERS = {"Content-Type": "application/json"}


class RestTarget:
    """Pictures over HTTP.

    Args:
        connection: how to reach the server.
        requests: as `PictureRequest` has them.
    """

    def __init__(self, connection: Connection, requests: Sequence[dict[str, Any]]) -> None:
        wanted = [PictureRequest.model_validate(request) for request in requests]
        self._calls = HttpCalls(connection)
        self._head = self._calls.head("POST", "/v1/generate", _HEADERS)
        # All but the seed, and a comma for it.
        self._bodies = [json.dumps(_document(request)).encode()[1:] for request in wanted]
        self._seeds = [request.seed for request in wanted]
        self._counts = [request.count for request in wanted]

    async def __aenter__(self) -> Self:
        """Connect."""
        try:
            await self._calls.get("/v1/models")
        except BaseException:
            self._calls.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        self._calls.close()

    async def call(self, entry: int, seed: int) -> Answer:
        """Generate."""
        fixed = self._seeds[entry]
        body = b'{"seed": %d, ' % (seed if fixed is None else fixed) + self._bodies[entry]
        return await self._calls.post(self._head, body, self._counts[entry])

    async def server(self) -> str:
        """As it calls itself over the Open Inference Protocol, which it speaks, too."""
        try:
            told = await self._calls.get("/v2")
            return f"{told['name']} {told['version']}"
        except (LoadTestError, KeyError, TypeError):
            return ""

    async def statistics(self) -> Statistics | None:
        """Its protocol has none; its metrics have."""
        return None


def _document(request: PictureRequest) -> dict[str, Any]:
    document = request.model_dump(exclude_none=True, exclude={"seed"})
    if request.format == "raw":
        document["format"] = "raw_rgb8"
    if isinstance(request.style, dict):
        del document["style"]
        document["style_mix"] = [
            {"style": name, "weight": weight} for name, weight in request.style.items()
        ]
    return document
