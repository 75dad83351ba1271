"""The load tester's own HTTP against servers that are not polite."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from loadtest.errors import LoadTestError
from loadtest.targets.base import Answer, Connection
from loadtest.targets.http_calls import HttpCalls

_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
Behave = Callable[[int, asyncio.StreamWriter], None]


@asynccontextmanager
async def calls(behave: Behave, timeout: float = 10) -> AsyncIterator[tuple[HttpCalls, list[int]]]:
    """Calls to a server that does `behave` for each request of a connection, from 0."""
    connections: list[int] = []
    served: list = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(connections)
        connections.append(0)
        served.append(asyncio.current_task())
        try:
            while True:
                await reader.readuntil(b"\r\n\r\nbody")
                behave(connections[number], writer)
                connections[number] += 1
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connected = HttpCalls(Connection(address=f"http://127.0.0.1:{port}", timeout=timeout))
    try:
        yield connected, connections
    finally:
        connected.close()
        server.close()
        await asyncio.wait_for(asyncio.gather(*served), 5)


async def post(connected: HttpCalls) -> Answer:
    return await connected.post(connected.head("POST", "/x", {"A": "b"}), b"body", 3)


async def test_a_connection_is_kept_and_used_again() -> None:
    async with calls(lambda _, writer: writer.write(_OK)) as (connected, connections):
        for _ in range(5):
            assert await post(connected) == Answer("OK", 3)
        assert connections == [5]
        await asyncio.gather(*(post(connected) for _ in range(3)))
        assert len(connections) == 3


async def test_an_answer_may_come_in_pieces() -> None:
    def in_chunks(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n")
        asyncio.get_running_loop().call_later(0.01, writer.write, b"1\r\n}\r\n0\r\n\r\n")

    async with calls(in_chunks) as (connected, connections):
        assert (await post(connected)).is_good
        assert (await post(connected)).is_good
        assert connections == [2]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("429 Too Many Requests", "RESOURCE_EXHAUSTED"),
        ("502 Bad Gateway", "UNAVAILABLE"),
        ("503 Service Unavailable", "UNAVAILABLE"),
        ("408 Request Timeout", "DEADLINE_EXCEEDED"),
        ("504 Gateway Timeout", "DEADLINE_EXCEEDED"),
        ("400 Bad Request", "INVALID_ARGUMENT"),
        ("418 I'm a teapot", "UNKNOWN"),
    ],
)
async def test_a_status_is_a_code_and_its_hint_is_read(status: str, code: str) -> None:
    head = f"HTTP/1.1 {status}\r\nretry-after: 7\r\nContent-Length: 4\r\n\r\nfull"
    async with calls(lambda _, writer: writer.write(head.encode())) as (connected, _):
        assert await post(connected) == Answer(code, 0, 7.0, "full")


async def test_a_connection_that_was_closed_when_idle_is_no_failure() -> None:
    def close_later(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(_OK)
        asyncio.get_running_loop().call_later(0.05, writer.close)

    async with calls(close_later) as (connected, connections):
        assert (await post(connected)).is_good
        await asyncio.sleep(0.15)
        assert (await post(connected)).is_good
        assert connections == [1, 1]


async def test_a_call_that_the_server_took_is_never_repeated() -> None:
    def crash_at_the_second(number: int, writer: asyncio.StreamWriter) -> None:
        if number == 0:
            writer.write(_OK)
        else:
            writer.transport.abort()

    async with calls(crash_at_the_second) as (connected, connections):
        said = [(await post(connected)).code for _ in range(4)]
        assert said == ["OK", "UNAVAILABLE", "OK", "UNAVAILABLE"]
        # As many requests as calls; the last of a connection is counted by nobody: it crashed.
        assert len(connections) == 2


@pytest.mark.parametrize(
    ("said", "details"),
    [
        (b"", "lost before an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nha", "lost in the middle of the answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no HTTP"),
    ],
)
async def test_half_an_answer_is_none(said: bytes, details: str) -> None:
    def say_and_close(_: int, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    async with calls(say_and_close) as (connected, _):
        answer = await post(connected)
        assert answer.code == "UNAVAILABLE"
        assert details in answer.details


async def test_no_answer_in_time_is_a_passed_deadline() -> None:
    def once(number: int, writer: asyncio.StreamWriter) -> None:
        if number:
            writer.write(_OK)

    async with calls(once, timeout=0.05) as (connected, connections):
        assert (await post(connected)).code == "DEADLINE_EXCEEDED"
        # Its answer might still come there; nobody calls on that connection any more.
        assert (await post(connected)).code == "DEADLINE_EXCEEDED"
        assert connections == [1, 1]


async def test_nobody_listening_is_unavailable() -> None:
    connected = HttpCalls(Connection(address="http://127.0.0.1:1", timeout=5))
    assert (await post(connected)).code == "UNAVAILABLE"
    with pytest.raises(LoadTestError, match=r"127\.0\.0\.1:1/v2"):
        await connected.get("/v2")


@pytest.mark.parametrize("address", ["http://", "http://host:port", "ftp://host"])
def test_what_is_no_url_is_refused(address: str) -> None:
    with pytest.raises(LoadTestError, match="expected a URL"):
        HttpCalls(Connection(address=address, timeout=1))
