"""Callers of every kind who call again and again until the server refuses, and what they saw."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from impasto import AsyncClient, ImpastoError, Waypoint

SERVICE = "impasto.v1.ImageService"
_PATIENCE_SECONDS = 60
_DRAINING = "draining"
# What gRPC says where there is nobody to connect to.
_NOBODY = "failed to connect"
_PICTURES = 6


class Refused(Exception):
    """The server said that it drains."""


class Unreached(Exception):
    """There was no server any more."""


class Fault(Exception):
    """A call ended as none may."""


@dataclass
class Seen:
    """What the callers saw, by kind of call.

    Attributes:
        answered: calls that were answered as a whole.
        refused: calls that were refused since the server drains.
        unreached: calls for which there was no server any more.
        faults: everything else, in words.
    """

    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unreached: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


class Crowd:
    """The callers of one server.

    Attributes:
        seen: what they saw so far.

    Args:
        target: the server's gRPC address.
        url: its HTTP address.
        callers: of each kind.
    """

    def __init__(self, target: str, url: str, callers: int) -> None:
        """Nobody calls yet."""
        self.seen = Seen()
        self._target = target
        self._url = url
        self._callers = callers
        self._seeds = count(0, _PICTURES)
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = {
            "Generate": self._generate,
            "GenerateStream": self._generate_stream,
            "Interpolate": self._interpolate,
            "POST /v1/generate": self._post,
            "POST /v1/generate/stream": self._post_stream,
        }

    @property
    def kinds(self) -> Iterable[str]:
        """The kinds of calls that are made."""
        return self._kinds

    async def __aenter__(self) -> Crowd:
        """Connect."""
        self._stack = AsyncExitStack()
        enter = self._stack.enter_async_context
        self._client = await enter(AsyncClient(self._target, _PATIENCE_SECONDS))
        self._channel = await enter(grpc.aio.insecure_channel(self._target))
        self._http = await enter(httpx.AsyncClient(base_url=self._url, timeout=_PATIENCE_SECONDS))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def call_until_refused(self) -> None:
        """Let everybody call until everybody was refused."""
        async with asyncio.TaskGroup() as tasks:
            for kind, call in self._kinds.items():
                for _ in range(self._callers):
                    tasks.create_task(self._caller(kind, call))

    async def everybody_answered(self) -> None:
        """Wait until calls of each kind were answered."""
        while self.seen.answered.keys() < self._kinds.keys() and not self.seen.faults:
            await asyncio.sleep(0.01)

    async def _caller(self, kind: str, call: Callable[[], Awaitable[None]]) -> None:
        try:
            while True:
                await call()
                self.seen.answered[kind] += 1
        except Refused:
            self.seen.refused[kind] += 1
            await self._check_health(kind)
        except Unreached:
            self.seen.unreached[kind] += 1
        except Fault as fault:
            self.seen.faults.append(f"{kind}: {fault}")

    async def _check_health(self, kind: str) -> None:
        """Nobody may be refused by a server that says that it serves."""
        stub = health_pb2_grpc.HealthStub(self._channel)
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=SERVICE))
            ready = await self._http.get("/health/ready")
        except (grpc.RpcError, httpx.TransportError):
            return
        if answer.status != health_pb2.HealthCheckResponse.NOT_SERVING or ready.status_code != 503:
            self.seen.faults.append(
                f"{kind}: refused while health said {answer.status} and {ready.status_code}"
            )

    async def _generate(self) -> None:
        seed = next(self._seeds)
        try:
            pictures = await self._client.generate(seed=seed, count=2)
        except ImpastoError as error:
            raise _ended(error) from error
        _check([picture.seed for picture in pictures], range(seed, seed + 2))

    async def _generate_stream(self) -> None:
        got: list[int] = []
        try:
            stream = self._client.generate_stream(seed=next(self._seeds), count=_PICTURES)
            async for index, _ in stream:
                got.append(index)
        except ImpastoError as error:
            raise _ended(error, len(got)) from error
        _check(sorted(got), range(_PICTURES))

    async def _interpolate(self) -> None:
        ends = Waypoint(next(self._seeds)), Waypoint(next(self._seeds))
        got = 0
        try:
            async for _ in self._client.interpolate(*ends, frames=_PICTURES):
                got += 1
        except ImpastoError as error:
            raise _ended(error, got) from error
        _check([got], [_PICTURES])

    async def _post(self) -> None:
        seed = next(self._seeds)
        answer = await self._posted("/v1/generate", {"seed": seed, "count": 2})
        seeds = [int(picture["seed"]) for picture in json.loads(answer)["pictures"]]
        _check(seeds, range(seed, seed + 2))

    async def _post_stream(self) -> None:
        body = {"seed": next(self._seeds), "count": _PICTURES}
        answer = await self._posted("/v1/generate/stream", body)
        lines = [json.loads(line) for line in answer.splitlines()]
        _check(sorted(line.get("index", -1) for line in lines), range(_PICTURES))

    async def _posted(self, path: str, body: dict[str, int]) -> str:
        try:
            answer = await self._http.post(path, json=body)
        except httpx.ConnectError as error:
            raise Unreached from error
        except httpx.TransportError as error:
            raise Fault(f"{type(error).__name__}: {error}") from error
        if answer.status_code == 503 and _DRAINING in answer.text:
            raise Refused
        if answer.status_code != 200:
            raise Fault(f"{answer.status_code}: {answer.text}")
        return answer.text


def _ended(error: ImpastoError, got: int = 0) -> Exception:
    if error.code is grpc.StatusCode.UNAVAILABLE and not got:
        if _DRAINING in error.details:
            return Refused()
        if _NOBODY in error.details:
            return Unreached()
    return Fault(f"{error}, after {got} pictures")


def _check(got: list[int | None] | list[int], wanted: Iterable[int]) -> None:
    if got != list(wanted):
        raise Fault(f"expected {list(wanted)}, got {got}")
