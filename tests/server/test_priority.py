"""Urgent requests overtake others in the queues of the models."""

import asyncio
from collections.abc import Iterator

import grpc
import httpx
import pytest
from impasto import AsyncClient, Client, ImpastoError, Priority
from impasto.v1 import image_service_pb2 as pb
from impasto.v1 import image_service_pb2_grpc as pb_grpc
from running_server import RunningServer, running_server

pytestmark = pytest.mark.alone
CROWD = 24


@pytest.fixture(scope="module")
def patient() -> Iterator[RunningServer]:
    """A server that lets a crowd in."""
    with running_server("--max-backlog", "512") as running:
        yield running


async def overtaken(running: RunningServer, crowd: Priority, late: Priority) -> int:
    """How many of a crowd's pictures come before one that is asked for last."""
    done, before = 0, admissions(running)
    async with AsyncClient(running.target) as client:

        async def one(seed: int) -> None:
            nonlocal done
            # Painted and several, so that few are done when all have come.
            await client.generate(seed=seed, count=2, style="spring", priority=crowd)
            done += 1

        calls = [asyncio.create_task(one(seed)) for seed in range(CROWD)]
        await admitted(running, before + CROWD)
        await client.generate(seed=99, style="spring", priority=late)
        first = done
        await asyncio.gather(*calls)
    return first


def admissions(running: RunningServer) -> float:
    """Calls that the server has let in so far."""
    return running.total("impasto_stage_seconds_count", stage="admission", code="OK")


async def admitted(running: RunningServer, calls: float) -> None:
    """Wait until so many have been; some may be done."""
    async with asyncio.timeout(10):
        while await asyncio.to_thread(admissions, running) < calls:
            pass


async def test_urgent_requests_go_first(patient: RunningServer) -> None:
    assert await overtaken(patient, Priority.NORMAL, Priority.HIGH) < CROWD // 2
    assert await overtaken(patient, Priority.LOW, Priority.NORMAL) < CROWD // 2


async def test_patient_requests_go_last(patient: RunningServer) -> None:
    assert await overtaken(patient, Priority.NORMAL, Priority.LOW) > CROWD // 2
    assert await overtaken(patient, Priority.HIGH, Priority.NORMAL) > CROWD // 2


@pytest.mark.parametrize("priority", list(Priority))
def test_priority_changes_no_byte(client: Client, priority: Priority) -> None:
    (usual,) = client.generate(seed=7, style="spring")
    (made,) = client.generate(seed=7, style="spring", priority=priority)
    assert made.data == usual.data


def test_priorities_share_the_picture_cache() -> None:
    with running_server("--picture-cache-byte-size", "1000000") as running:
        with Client(running.target) as client:
            for priority in Priority:
                client.generate(seed=7, priority=priority)
        assert running.metrics()["impasto_picture_cache_lookups_total", "hit"] == 2


def test_http(server: RunningServer) -> None:
    place = f"{server.http}/v1/generate"
    assert httpx.post(place, json={"priority": "low"}).status_code == 200
    answer = httpx.post(place, json={"priority": "urgent"})
    assert answer.status_code == 400
    assert "priority: expected one of high, normal, low, got 'urgent'" in answer.text


def test_unknown_numbers_are_named(server: RunningServer) -> None:
    with grpc.insecure_channel(server.target) as channel:
        stub = pb_grpc.ImageServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Generate(pb.GenerateRequest(priority=9))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details() == "priority: expected one of high, normal, low, got 9"
    assert ImpastoError.from_rpc(caught.value).code is grpc.StatusCode.INVALID_ARGUMENT
