"""A caller who takes nothing of a stream gives its places to others in the end."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from server.access.access import Access
from server.calls import Calls
from server.errors import DeadlineExceeded
from server.grpc import calls
from server.http import endpoint
from server.http.lines import LineResponse
from server.telemetry.metrics import Metrics


async def test_a_part_that_nobody_takes_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "STALL_SECONDS", 0.01)
    await calls.until_taken(asyncio.sleep(0))
    with pytest.raises(DeadlineExceeded, match="the caller took nothing for"):
        await calls.until_taken(asyncio.Event().wait())


async def lines() -> AsyncIterator[bytes]:
    yield b"{}\n"
    yield b"{}\n"


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_http_answer_that_nobody_takes_ends_and_holds_nothing(
    monkeypatch: pytest.MonkeyPatch, streamed: bool
) -> None:
    monkeypatch.setattr(endpoint, "STALL_SECONDS", 0.01)
    finished, sent = [], []

    async def finish() -> None:
        finished.append(True)

    async def handler(request: Request) -> Response:
        return LineResponse(lines(), finish) if streamed else Response(bytes(1_000_000))

    async def send(message: Message) -> None:
        # What a connection buffers goes; the rest waits for the caller.
        sent.append(len(message.get("body", b"")))
        if sum(sent) > 2:
            await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        return {}

    under_way = Calls(Metrics(), Access(None, None, None))
    under_way.open()
    scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "headers": [], "method": "GET"}
    await endpoint.Endpoint(under_way, "Generate", handler, "/v1/generate")(scope, receive, send)
    assert finished == [True] * streamed
    assert max(sent) <= 256 * 1024
    assert under_way.answers.taken == 0
    async with asyncio.timeout(1):
        await under_way.delivered()


async def test_http_answers_hold_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    status = []

    async def handler(request: Request) -> Response:
        return Response(bytes(1000))

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])

    async def receive() -> Message:
        return {}

    under_way = Calls(Metrics(), Access(None, None, None))
    under_way.open()
    served = endpoint.Endpoint(under_way, "Generate", handler, "/v1/generate")
    scope = {"type": "http", "headers": [], "method": "GET"}
    await served(scope, receive, send)
    under_way.answers.limit = 1500
    under_way.answers.taken = 1000
    await served(scope, receive, send)
    assert status == [200, 429]
    assert under_way.answers.taken == 1000
