"""The time that an HTTP request gives: it ends the work, wherever that is."""

import asyncio
import json

import httpx
import pytest
from running_server import RunningServer, running_server

from server.http.operations import OPERATIONS

WALK = {"start": {"seed": 1}, "end": {"seed": 2}}
HEADER = "Request-Timeout"
# All take a second or more on any machine, and answer nothing before.
LONG = [
    ("generate", {"count": 64}),
    ("generate", {"count": 64, "candidates": 16}),
    ("interpolate", WALK | {"frames": 64, "animation": True}),
]


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf", "1_0", "3601", "soon", "", "1" * 99])
def test_what_is_no_time_is_named(server: RunningServer, given: str) -> None:
    for operation in OPERATIONS:
        answer = httpx.request(
            operation.method, f"{server.http}{operation.path}", headers={HEADER: given}
        )
        assert answer.status_code == 400
        wanted = "Request-Timeout: expected a number of seconds above 0, at most 3600, got '"
        assert answer.json()["error"].startswith(wanted)


@pytest.mark.parametrize(("path", "body"), LONG)
async def test_work_is_given_up_when_the_time_has_passed(
    server: RunningServer, path: str, body: dict[str, object]
) -> None:
    before = server.calls("Generate", "DEADLINE_EXCEEDED")
    async with httpx.AsyncClient(base_url=f"{server.http}/v1", timeout=60) as client:
        answer = await client.post(f"/{path}", json=body, headers={HEADER: "0.2"})
        assert answer.status_code == 504
        assert "passed" in answer.json()["error"]
    await server.wait_for_in_flight(0)
    if path == "generate":
        assert server.calls("Generate", "DEADLINE_EXCEEDED") == before + 1


async def test_a_request_that_waits_behind_others_is_given_up() -> None:
    with running_server() as running:
        async with httpx.AsyncClient(base_url=f"{running.http}/v1", timeout=60) as client:
            busy = asyncio.create_task(client.post("/generate", json={"count": 64}))
            await running.wait_for_in_flight(64)
            for path in ("/picture", "/picture?size=64"):
                hurried = await client.get(path, headers={HEADER: "0.05"})
                assert hurried.status_code == 504
            await running.wait_for_in_flight(64)
            busy.cancel()


async def test_a_stream_ends_with_the_reason(server: RunningServer) -> None:
    async with httpx.AsyncClient(base_url=f"{server.http}/v1", timeout=60) as client:
        # One that lasts until after the first picture, and not until after the last.
        for seconds in (0.3, 0.6, 1.2, 2.4, 4.8):
            answer = await client.post(
                "/generate/stream", json={"count": 64}, headers={HEADER: str(seconds)}
            )
            if answer.status_code == 200:
                break
    *made, last = [json.loads(line) for line in answer.text.splitlines()]
    assert 0 < len(made) < 64
    assert "deadline passed" in last["error"]


def test_who_has_time_is_answered(server: RunningServer) -> None:
    for given in ("3600", "60.5", "6e1"):
        answer = httpx.get(f"{server.http}/v1/picture?seed=1", headers={HEADER: given}, timeout=60)
        assert answer.status_code == 200


def test_the_description_says_so(server: RunningServer) -> None:
    description = httpx.get(f"{server.http}/openapi.json").json()
    for operation in OPERATIONS:
        described = description["paths"][operation.path][operation.method.lower()]
        (header,) = [item for item in described["parameters"] if item["in"] == "header"]
        assert header["name"] == HEADER
        assert header["schema"] == {"type": "number", "exclusiveMinimum": 0, "maximum": 3600}
        assert "504" in described["responses"]
