"""Traces of calls, as a collector receives them."""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Iterator

import grpc
import httpx
import numpy as np
import pytest
from collector import PROMPT, Collector, ReceivedSpan, grpc_collector, http_collector
from impasto import AsyncClient, ImpastoError
from impasto.v1 import image_service_pb2 as pb
from impasto.v1 import image_service_pb2_grpc as pb_grpc
from running_server import RunningServer, running_server
from tritonclient.grpc.aio import InferenceServerClient, InferInput

SERVICE = "impasto.v1.ImageService"
SERVER_KIND = 2
# A span of a caller's, and whether the caller wants the trace to be seen.
CALLER = "00f067aa0ba902b7"
WANTED, UNWANTED = "01", "00"
LATE = {
    "OTEL_BSP_SCHEDULE_DELAY": "600000",
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1000",
    "OTEL_SERVICE_NAME": "studio",
}


def context(trace: str, flags: str = WANTED) -> tuple[tuple[str, str], ...]:
    """What a caller sends who traces its calls."""
    return ("traceparent", f"00-{trace}-{CALLER}-{flags}"), ("tracestate", "caller=7")


def trace_id(number: int) -> str:
    return f"4bf92f3577b34da6a3ce929d0e0e{number:04x}"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with http_collector() as receiving:
        yield receiving


@pytest.fixture(scope="module")
def traced(
    collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """A server that traces nothing unless its caller does."""
    flags = ("--trace-url", collector.url, "--trace-share", "0")
    store = ("--store", str(tmp_path_factory.mktemp("store")))
    with running_server(*flags, *store, environment=PROMPT) as running:
        yield running


def generate(server: RunningServer, trace: str, patience: float = 60, **request: object) -> None:
    with grpc.insecure_channel(server.target) as channel:
        stub = pb_grpc.ImageServiceStub(channel)
        stub.Generate(pb.GenerateRequest(**request), metadata=context(trace), timeout=patience)


def of_trace(collector: Collector, trace: str, name: str) -> ReceivedSpan:
    """The span of that name in a trace of which the collector has everything."""
    patience = time.monotonic() + 20
    while not (found := [x for x in collector.spans if (x.trace, x.name) == (trace, name)]):
        assert time.monotonic() < patience, f"no {name} in {collector.spans}"
        time.sleep(0.01)
    (span,) = found
    return span


def check_tree(collector: Collector, call: ReceivedSpan) -> list[ReceivedSpan]:
    """The call's stages: all of its trace, beneath it, within its time."""
    stages = collector.children(call)
    assert len(stages) + 1 == sum(span.trace == call.trace for span in collector.spans)
    for stage in stages:
        assert stage.trace == call.trace
        assert call.start <= stage.start <= stage.end <= call.end, stage.name
    return stages


def test_a_call_is_a_span_with_one_for_each_stage_beneath(
    collector: Collector, traced: RunningServer
) -> None:
    generate(traced, trace_id(1), seed=1, count=2, candidates=2, size=64, store=True)
    call = of_trace(collector, trace_id(1), f"{SERVICE}/Generate")
    assert (call.parent, call.kind, call.failed) == (CALLER, SERVER_KIND, False)
    assert call.attributes == {
        "rpc.system.name": "grpc",
        "rpc.method": f"{SERVICE}/Generate",
        "rpc.response.status_code": "OK",
        "impasto.method": "Generate",
        "impasto.model": "landscapes",
        "impasto.pictures": 2,
    }
    assert call.resource["service.name"] == "impasto"
    assert call.resource["service.version"]
    assert len(call.resource["service.instance.id"]) == 32
    stages = check_tree(collector, call)
    names = [stage.name for stage in stages]
    assert names[0] == "admission"
    assert names[-1] == "store"
    assert set(names) == {
        "admission",
        "queue",
        "generator",
        "discriminator",
        "stylizer",
        "encode",
        "store",
    }
    computed = {stage.attributes.get("impasto.model", "") for stage in stages}
    assert computed >= {"landscapes_generator", "landscapes_discriminator", "stylizer"}
    for stage in stages:
        if stage.name in ("generator", "discriminator", "stylizer"):
            assert stage.attributes["impasto.batch_size"] >= 2
            instance = call.resource["service.instance.id"]
            assert stage.attributes["impasto.batch"].startswith(instance[:8])


def test_metrics_name_a_trace(collector: Collector, traced: RunningServer) -> None:
    generate(traced, trace_id(10), size=64)
    accept = {"accept": "application/openmetrics-text; version=1.0.0"}
    lines = httpx.get(f"{traced.http}/metrics", headers=accept).text.splitlines()
    named = [line for line in lines if f'# {{trace_id="{trace_id(10)}"}}' in line]
    for family in ("impasto_request_seconds", "impasto_stage_seconds"):
        assert any(line.startswith(f"{family}_bucket") for line in named), family
    for stage in ("admission", "queue", "generator", "stylizer", "encode"):
        assert any(f'stage="{stage}"' in line for line in named), stage


def test_over_http(collector: Collector, traced: RunningServer) -> None:
    headers = dict(context(trace_id(2)))
    answer = httpx.get(f"{traced.http}/v1/picture", params={"size": 64}, headers=headers)
    assert answer.status_code == 200
    call = of_trace(collector, trace_id(2), "GET /v1/picture")
    assert (call.parent, call.kind) == (CALLER, SERVER_KIND)
    assert call.attributes == {
        "http.request.method": "GET",
        "http.route": "/v1/picture",
        "http.response.status_code": 200,
        "url.path": "/v1/picture",
        "url.scheme": "http",
        "impasto.method": "Picture",
        "impasto.model": "landscapes",
        "impasto.pictures": 1,
    }
    assert {"admission", "generator", "encode"} <= {
        stage.name for stage in check_tree(collector, call)
    }


def test_streams(collector: Collector, traced: RunningServer) -> None:
    headers = dict(context(trace_id(3)))
    wanted = {"count": 3, "size": 64}
    url = f"{traced.http}/v1/generate/stream"
    assert httpx.post(url, json=wanted, headers=headers).text.count("\n") == 3
    with grpc.insecure_channel(traced.target) as channel:
        stub = pb_grpc.ImageServiceStub(channel)
        stream = stub.GenerateStream(
            pb.GenerateRequest(**wanted), metadata=context(trace_id(4)), timeout=60
        )
        assert len(list(stream)) == 3
    for number, name in ((3, "POST /v1/generate/stream"), (4, f"{SERVICE}/GenerateStream")):
        call = of_trace(collector, trace_id(number), name)
        assert call.attributes["impasto.pictures"] == 3
        names = [stage.name for stage in check_tree(collector, call)]
        assert names.count("encode") == 3


def test_the_status_is_the_one_that_was_sent(collector: Collector, traced: RunningServer) -> None:
    """Of a stream that its caller leaves, the one that it began with; of no answer, none."""
    many = {"count": 64, "size": 64}
    began = dict(context(trace_id(11)))
    url = f"{traced.http}/v1/generate/stream"
    with httpx.stream("POST", url, json=many, headers=began) as stream:
        next(stream.iter_lines())
    call = of_trace(collector, trace_id(11), "POST /v1/generate/stream")
    assert call.attributes["error.type"] == "Cancelled"
    assert call.attributes["http.response.status_code"] == 200
    never = dict(context(trace_id(12)))
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{traced.http}/v1/generate", json=many, headers=never, timeout=0.2)
    call = of_trace(collector, trace_id(12), "POST /v1/generate")
    assert call.attributes["error.type"] == "Cancelled"
    assert "http.response.status_code" not in call.attributes


async def test_the_open_inference_protocol(collector: Collector, traced: RunningServer) -> None:
    image = np.zeros((1, 3, 64, 64), np.float32)
    tensor = InferInput("image", image.shape, "FP32").set_data_from_numpy(image)
    async with InferenceServerClient(traced.target) as client:
        await client.infer("style_encoder", [tensor], headers=dict(context(trace_id(5))))
    parameters = {"name": "image", "shape": [1, 3, 64, 64], "datatype": "FP32"}
    body = {"inputs": [{**parameters, "data": image.ravel().tolist()}]}
    url = f"{traced.http}/v2/models/style_encoder/infer"
    headers = dict(context(trace_id(6)))
    assert httpx.post(url, content=json.dumps(body), headers=headers).status_code == 200
    for number, name in (
        (5, "inference.GRPCInferenceService/ModelInfer"),
        (6, "POST /v2/models/{model}/infer"),
    ):
        call = of_trace(collector, trace_id(number), name)
        assert call.attributes["impasto.model"] == "style_encoder"
        assert "style_encoder" in [stage.name for stage in check_tree(collector, call)]


def test_errors(collector: Collector, traced: RunningServer) -> None:
    """The caller's fault is no error of the server's."""
    headers = dict(context(trace_id(7)))
    assert httpx.get(f"{traced.http}/v1/picture?size=63", headers=headers).status_code == 400
    call = of_trace(collector, trace_id(7), "GET /v1/picture")
    assert call.attributes["http.response.status_code"] == 400
    assert call.attributes["error.type"] == "InvalidArgument"
    assert call.events["rejected"] == {"impasto.reason": "invalid"}
    assert not call.failed
    with pytest.raises(grpc.RpcError) as caught:
        generate(traced, trace_id(8), patience=0.1, count=64)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    call = of_trace(collector, trace_id(8), f"{SERVICE}/Generate")
    assert call.attributes["rpc.response.status_code"] == "DEADLINE_EXCEEDED"
    assert call.events["rejected"] == {"impasto.reason": "deadline"}
    assert call.failed


@pytest.mark.parametrize(
    "headers",
    [
        {},
        dict(context(trace_id(9), UNWANTED)),
        {"traceparent": "00-xyz-1-01"},
        {"traceparent": f"00-{'0' * 32}-{CALLER}-01"},
        {"tracestate": "caller=7"},
    ],
)
def test_who_does_not_want_traces_gets_none(
    collector: Collector, traced: RunningServer, headers: dict[str, str]
) -> None:
    """With a share of 0, that is everybody who sends no valid context that says so."""
    before = len(collector.spans)
    with grpc.insecure_channel(traced.target) as channel:
        stub = pb_grpc.ImageServiceStub(channel)
        stub.ListModels(pb.ListModelsRequest(), metadata=tuple(headers.items()), timeout=60)
    assert httpx.get(f"{traced.http}/v1/models", headers=headers).status_code == 200
    # What comes after them comes alone.
    last = f"4bf92f3577b34da6a3ce929d0e0f{before:04x}"
    asked = httpx.get(f"{traced.http}/v1/styles", headers=dict(context(last)))
    assert asked.status_code == 200
    of_trace(collector, last, "GET /v1/styles")
    assert {span.trace for span in collector.spans[before:]} == {last}


async def test_shared_batches_and_shed_calls() -> None:
    shed = 0

    async def ask(client: AsyncClient, seed: int) -> None:
        nonlocal shed
        try:
            await client.generate(seed=seed)
        except ImpastoError as error:
            shed += error.code is grpc.StatusCode.RESOURCE_EXHAUSTED

    with grpc_collector() as collector:
        flags = ("--trace-url", collector.url, "--trace-share", "1")
        bounds = ("--max-in-flight", "16", "--max-count", "8")
        # Only what is left at the end is sent.
        with running_server(*flags, *bounds, environment=LATE) as running:
            async with AsyncClient(running.target) as client:
                await asyncio.gather(*(ask(client, seed) for seed in range(30)))
            assert not collector.spans
            running.process.terminate()
            assert running.process.wait(30) == 0
    calls = collector.wait_for(f"{SERVICE}/Generate", 30)
    assert {call.resource["service.name"] for call in calls} == {"studio"}
    assert shed > 0
    refused = [call for call in calls if "rejected" in call.events]
    assert len(refused) == shed
    for call in refused:
        assert call.events["rejected"]["impasto.reason"] in ("full", "backlog")
        assert call.attributes["rpc.response.status_code"] == "RESOURCE_EXHAUSTED"
        assert call.attributes["error.type"] == "Overloaded"
        assert [stage.name for stage in check_tree(collector, call)] == ["admission"]
    together = defaultdict[str, list[ReceivedSpan]](list)
    for call in calls:
        assert call.parent == ""
        for stage in check_tree(collector, call):
            if stage.name == "stylizer":
                together[stage.attributes["impasto.batch"]].append(stage)
    assert sum(map(len, together.values())) == 30 - shed
    assert max(map(len, together.values())) > 1
    for stages in together.values():
        # Each asked for one picture.
        assert {stage.attributes["impasto.batch_size"] for stage in stages} == {len(stages)}
        assert len({stage.trace for stage in stages}) == len(stages)
        took = [stage.end - stage.start for stage in stages]
        assert max(took) - min(took) < 10
