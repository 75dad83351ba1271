"""SIGTERM under load: what was let in is finished, whatever else comes is refused, and told so."""

import asyncio
import json
import signal

import pytest
from running_server import RunningServer, running_server

from benchmarks.crowd import Crowd

CALLERS = 2
# The callers are not too many.
ALL_ARE_LET_IN = ("--max-backlog", "512")


async def exit_code(server: RunningServer) -> int:
    return await asyncio.to_thread(server.process.wait, 60)


@pytest.mark.parametrize("transport", ["grpcio", "native"])
async def test_calls_of_every_kind_end_whole_or_are_refused(transport: str) -> None:
    if transport == "native":
        pytest.importorskip("pygrpc_native", reason="no wheel of pygrpc-native for this platform")
    with running_server(*ALL_ARE_LET_IN, "--grpc-transport", transport) as running:
        async with Crowd(running.target, running.http, CALLERS) as crowd:
            calling = asyncio.create_task(crowd.call_until_refused())
            await crowd.everybody_answered()
            running.process.send_signal(signal.SIGTERM)
            await calling
            assert await exit_code(running) == 0
    assert crowd.seen.faults == []
    told = crowd.seen.refused + crowd.seen.unreached
    assert told == dict.fromkeys(crowd.kinds, CALLERS)
    assert crowd.seen.refused


async def test_drain_waits_until_a_slow_reader_of_http_has_its_answer() -> None:
    """17 MB do not fit into any buffer on the way, so they leave only as the caller reads."""
    body = json.dumps({"count": 64, "format": "raw_rgb8"}).encode()
    head = f"POST /v1/generate HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with running_server() as running:
        host, port = running.http.removeprefix("http://").rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode() + body)
        await running.wait_for_in_flight(64)
        running.process.send_signal(signal.SIGTERM)
        await running.wait_for_in_flight(0)
        await asyncio.sleep(0.5)
        assert running.metrics()["impasto_calls_under_way",] == 1
        # The connection is closed, too, so that the next request goes to another server.
        answer = await reader.read(-1)
        writer.close()
        assert await exit_code(running) == 0
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert len(document["pictures"]) == 64
