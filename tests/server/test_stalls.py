"""A caller who takes nothing of a stream gives its places to others in the end."""

import asyncio

import pytest
from starlette.requests import ClientDisconnect

from server.errors import DeadlineExceeded
from server.grpc import calls
from server.http import lines
from server.http.lines import LineResponse


async def test_a_part_that_nobody_takes_ends_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "STALL_SECONDS", 0.01)
    await calls.until_taken(asyncio.sleep(0))
    with pytest.raises(DeadlineExceeded, match="the caller took nothing for"):
        await calls.until_taken(asyncio.Event().wait())


async def test_lines_that_nobody_takes_end_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "STALL_SECONDS", 0.01)
    finished = []

    async def made() -> object:
        yield b"{}\n"
        yield b"{}\n"

    async def finish() -> None:
        finished.append(True)

    async def send(message: dict[str, object]) -> None:
        if message.get("body"):
            await asyncio.Event().wait()

    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    with pytest.raises(ClientDisconnect):
        await LineResponse(made(), finish)(scope, receive, send)
    assert finished == [True]
