"""From start to drain: health, reflection, metrics, signals, ports."""

import asyncio
import signal
import socket
import subprocess
import sys

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from impasto import AsyncClient, Client, ImpastoError
from running_server import RunningServer, failed_start, running_server

from server.engines.onnxruntime.cores import available_cores

SERVICE = "impasto.v1.ImageService"


def test_health_says_serving(server: RunningServer) -> None:
    with grpc.insecure_channel(server.target) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert httpx.get(f"{server.http}/health/live").status_code == 200
    assert httpx.get(f"{server.http}/health/ready").text == "ready\n"


def test_reflection_describes_the_service(server: RunningServer) -> None:
    with grpc.insecure_channel(server.target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        assert SERVICE in database.get_services()
        file = database.FindFileContainingSymbol(SERVICE)
    assert [method.name for method in file.service[0].method] == [
        "Generate",
        "GenerateStream",
        "Stylize",
        "Interpolate",
        "ListModels",
        "ListStyles",
        "GetPicture",
        "ListPictures",
        "DeletePicture",
    ]


def test_metrics_show_every_stage_in_seconds(server: RunningServer, client: Client) -> None:
    client.generate(seed=1, count=8, style="great_wave")
    values = server.metrics()

    def stage(name: str, model: str) -> tuple[str, ...]:
        return ("impasto_stage_seconds_count", *sorted((name, model, "Generate", "OK")))

    for series in (
        ("impasto_request_seconds_count", "Generate", "OK", "landscapes"),
        stage("admission", "landscapes"),
        stage("queue", "landscapes_generator"),
        stage("generator", "landscapes_generator"),
        stage("stylizer", "stylizer"),
        stage("encode", ""),
        ("impasto_inferences_total", *sorted(("stylizer", str(available_cores())))),
        ("impasto_pictures_total",),
    ):
        assert values[series] > 0, series
    computed = server.total("impasto_stage_seconds_sum", stage="stylizer", method="Generate")
    whole = server.total("impasto_request_seconds_sum", method="Generate", code="OK")
    assert computed > 0, "the stylizer takes time"
    assert whole < 3600, "seconds, not milliseconds"
    assert values["impasto_batch_size_bucket", "8.0", "stylizer"] > 0


async def test_sigterm_finishes_accepted_calls_then_closes_the_ports() -> None:
    with running_server() as running:
        async with AsyncClient(running.target) as client:
            accepted = asyncio.create_task(client.generate(count=64, size=128))
            await running.wait_for_in_flight(64)
            running.process.send_signal(signal.SIGTERM)
            assert len(await accepted) == 64
        assert running.process.wait(30) == 0
        for address in (running.target, running.http.removeprefix("http://")):
            host, port = address.rsplit(":", 1)
            with socket.socket() as probe:
                assert probe.connect_ex((host, int(port))) != 0


async def test_drain_waits_until_a_slow_reader_has_its_answer() -> None:
    """12 MB do not fit into any buffer on the way, so they leave only as the caller reads."""
    reader = (
        "import sys, impasto\n"
        "with impasto.Client(sys.argv[1]) as client:\n"
        "    pictures = client.generate(count=64, picture_format=impasto.PictureFormat.RAW_RGB8)\n"
        "print(sum(len(picture.data) for picture in pictures))\n"
    )
    with running_server() as running:
        command = [sys.executable, "-c", reader, running.target]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
            await running.wait_for_in_flight(64)
            client.send_signal(signal.SIGSTOP)
            running.process.send_signal(signal.SIGTERM)
            await running.wait_for_in_flight(0)
            with pytest.raises(subprocess.TimeoutExpired):
                running.process.wait(3)
            client.send_signal(signal.SIGCONT)
            output, _ = client.communicate(timeout=30)
        assert output == f"{64 * 256 * 256 * 3}\n"
        assert running.process.wait(30) == 0


async def test_draining_server_refuses_new_calls() -> None:
    with running_server() as running:
        async with AsyncClient(running.target) as client:
            accepted = asyncio.create_task(client.generate(count=64))
            await running.wait_for_in_flight(64)
            running.process.send_signal(signal.SIGTERM)
            while httpx.get(f"{running.http}/health/ready").status_code == 200:
                await asyncio.sleep(0.01)
            with pytest.raises(ImpastoError, match="draining; ask another") as refused:
                await client.generate()
            assert refused.value.code is grpc.StatusCode.UNAVAILABLE
            assert len(await accepted) == 64


async def test_second_signal_ends_at_once() -> None:
    with running_server("--drain-grace", "60") as running:
        async with AsyncClient(running.target) as client:
            accepted = asyncio.create_task(client.generate(count=64))
            await running.wait_for_in_flight(64)
            for _ in range(2):
                running.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.1)
            assert running.process.wait(30) == 1
            with pytest.raises(ImpastoError, match="UNAVAILABLE"):
                await accepted


def test_health_watch_sees_the_drain_and_does_not_hold_it_up() -> None:
    with running_server("--drain-grace", "3600") as running:
        with grpc.insecure_channel(running.target) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            stream = stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE))
            assert next(stream).status == health_pb2.HealthCheckResponse.SERVING
            running.process.send_signal(signal.SIGTERM)
            assert next(stream).status == health_pb2.HealthCheckResponse.NOT_SERVING
            assert running.process.wait(60) == 0


def test_listens_on_ipv6() -> None:
    with running_server("--host", "::1") as running, Client(running.target) as client:
        assert client.generate(seed=1)
        assert running.target.startswith("[::1]:")
        assert running.metrics()


def test_settings_come_from_the_environment() -> None:
    with running_server(environment={"IMPASTO_MAX_COUNT": "2"}) as running:
        with Client(running.target) as client:
            assert len(client.generate(count=2)) == 2


def test_taken_port_stops_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"gRPC cannot listen on 127.0.0.1:{port}" in failed_start("--port", port)
        assert f"HTTP cannot listen on 127.0.0.1:{port}" in failed_start("--http-port", port)


def test_bad_settings_are_named() -> None:
    message = failed_start("--max-count", "0")
    assert "max_count (IMPASTO_MAX_COUNT): Input should be greater than or equal to 1" in message
    message = failed_start("--port", "abc")
    assert "port (IMPASTO_PORT): Input should be a valid integer" in message
    message = failed_start("--max-in-flight", "10")
    assert "max_count (64) must not be over max_in_flight (10)" in message
