"""What /metrics shows: stages of every kind of call, bounds, what is served; in which formats."""

import gzip
import re
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import numpy as np
import onnxruntime
import pytest
import tritonclient.grpc as triton
from grpc import StatusCode
from impasto import Client
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families
from running_server import REPOSITORY, ROOT, RunningServer, running_server
from tiny_models import write_model

from server.errors import Reason
from server.telemetry import calls, current, stages
from server.telemetry.exposition import Exposer
from server.telemetry.families import LATENCY_BUCKETS
from server.telemetry.metrics import Metrics

OPEN_METRICS = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
TRACE = {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The committed models and a tiny one, which can be unloaded."""
    models = tmp_path_factory.mktemp("shown")
    for model in filter(Path.is_dir, REPOSITORY.iterdir()):
        (models / model.name).symlink_to(model)
    write_model(models, "instance_group { count: 1 }")
    flags = ("--model-repository", str(models), "--max-in-flight", "100", "--max-backlog", "20")
    control = ("--model-control-mode", "explicit", "--load-model", "*")
    with running_server(*flags, *control, "--store", str(models.parent / "store")) as running:
        yield running


def ask(server: RunningServer, model: str, size: int = 4) -> None:
    with triton.InferenceServerClient(server.target) as client:
        tensor = triton.InferInput("x", [1, size], "FP32")
        tensor.set_data_from_numpy(np.zeros((1, size), np.float32))
        client.infer(model, [tensor])


def stage(server: RunningServer, name: str, **labels: str) -> float:
    return server.total("impasto_stage_seconds_count", stage=name, **labels)


def test_every_stage_has_its_method_and_model(server: RunningServer) -> None:
    with Client(server.target) as client:
        client.generate(count=1, candidates=2, style="great_wave", store=True)
        (picture,) = client.generate(seed=1)
        client.stylize(picture.data, style_picture=picture.data)
    ask(server, "add_one")
    generated = {"method": "Generate", "code": "OK"}
    assert stage(server, "admission", model="landscapes", **generated) == 2
    # The candidates, and the chain.
    assert stage(server, "generator", model="landscapes_generator", **generated) == 3
    assert stage(server, "discriminator", model="landscapes_discriminator", **generated) == 1
    assert stage(server, "stylizer", model="stylizer", **generated) == 2
    assert stage(server, "encode", model="", **generated) == 2
    assert stage(server, "style_encoder", method="Stylize") == 1
    assert stage(server, "stylizer", method="Stylize") == 1
    assert stage(server, "model", model="add_one", method="ModelInfer", code="OK") == 1
    assert stage(server, "queue", model="add_one", method="ModelInfer") == 1
    patience = time.monotonic() + 30
    while not stage(server, "store", method="Generate", code="OK"):
        assert time.monotonic() < patience
        time.sleep(0.05)
    assert server.total("impasto_request_seconds_count", model="stylizer", method="Stylize") == 1
    assert not stage(server, "model", model="stylizer"), "a model of a known role"


def test_a_name_that_is_no_model_is_no_label(server: RunningServer) -> None:
    for name in ("mona_lisa", "x" * 200):
        with pytest.raises(triton.InferenceServerException):
            ask(server, name)
    assert server.total("impasto_request_seconds_count", code="NOT_FOUND", model="") == 2
    shown = httpx.get(f"{server.http}/metrics").text
    assert "mona_lisa" not in shown
    assert "xxxx" not in shown


def test_bounds_and_what_is_served(server: RunningServer) -> None:
    assert server.total("impasto_in_flight_limit_pictures") == 100
    assert server.total("impasto_backlog_limit_pictures") == 20
    build = {"engine": "onnxruntime", "version": version("impasto")}
    assert server.total("impasto_build_info", **build, onnxruntime=onnxruntime.__version__) == 1
    assert server.total("impasto_model_info", model="landscapes", platform="ensemble") == 1
    assert server.total("process_resident_memory_bytes") > 1e7
    assert 0 <= server.total("nv_cpu_utilization") <= 1
    used = server.total("nv_cpu_memory_used_bytes")
    assert 0 < used < server.total("nv_cpu_memory_total_bytes")
    # Models come and go.
    with triton.InferenceServerClient(server.target) as client:
        for wanted, act in ((0, client.unload_model), (1, client.load_model)):
            act("add_one")
            assert server.total("impasto_model_info", model="add_one", version="1") == wanted
            depths = [key for key in server.metrics() if key[0] == "impasto_queue_depth"]
            assert (("impasto_queue_depth", "add_one") in depths) == bool(wanted)


def test_formats(server: RunningServer) -> None:
    plain = httpx.get(f"{server.http}/metrics", headers={"Accept": "text/plain"})
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE nv_inference_count counter\n" in plain.text
    opened = httpx.get(f"{server.http}/metrics", headers={"Accept": OPEN_METRICS})
    assert opened.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    odd = {"Accept": "application/openmetrics-text;version=abc"}
    odd_answer = httpx.get(f"{server.http}/metrics", headers=odd)
    assert odd_answer.status_code == 200
    assert odd_answer.headers["content-type"].startswith("text/plain")
    names = {family.name for family in open_metrics(opened.text)}
    assert {"impasto_request_seconds", "nv_inference_count", "impasto_rejections"} <= names
    # httpx unpacks what it has asked for.
    assert plain.headers["content-encoding"] == "gzip"
    with httpx.stream("GET", f"{server.http}/metrics") as packed:
        assert b"impasto_calls_total" in gzip.decompress(b"".join(packed.iter_raw()))
    bare = httpx.get(f"{server.http}/metrics", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in bare.headers


async def test_exemplars_where_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (calls, current, stages):
        monkeypatch.setattr(module, "exemplar", lambda: TRACE)
    metrics = Metrics()
    assert isinstance(metrics.registry, CollectorRegistry)
    record = metrics.calls.arrived("Generate")
    current.admission_ended()
    metrics.calls.ended(record, current.code_of(None), None)
    exposer = Exposer(metrics.registry)
    shown = await exposer.render(OPEN_METRICS, "")
    families = {family.name: family for family in open_metrics(shown.body.decode())}
    for name in ("impasto_request_seconds", "impasto_stage_seconds"):
        found = [sample.exemplar for sample in families[name].samples if sample.exemplar]
        assert [exemplar.labels for exemplar in found] == [TRACE]
    plain = await exposer.render("", "")
    assert TRACE["trace_id"] not in plain.body.decode()


async def test_reasons_count_from_nought_with_the_first_call_of_a_method() -> None:
    metrics = Metrics()
    assert isinstance(metrics.registry, CollectorRegistry)
    metrics.calls.arrived("Generate")
    metrics.calls.ended(metrics.calls.arrived("Picture"), StatusCode.INTERNAL, Reason.INTERNAL)
    (family,) = (found for found in metrics.registry.collect() if found.name.endswith("rejections"))
    counted = {
        (item.labels["method"], item.labels["reason"]): item.value for item in family.samples
    }
    nought = {(method, reason): 0 for method in ("Generate", "Picture") for reason in Reason}
    assert counted == nought | {("Picture", Reason.INTERNAL): 1}


def test_nothing_is_measured_where_nobody_wants_it() -> None:
    with running_server("--no-metrics") as running:
        with Client(running.target) as client:
            assert client.generate(seed=1)
        answer = httpx.get(f"{running.http}/metrics")
    assert answer.status_code == 404
    assert answer.text == "this server measures nothing; start it without --no-metrics\n"


def test_what_is_off_counts_nothing() -> None:
    metrics, before = Metrics(enabled=False), current.current_call()
    record = metrics.calls.arrived("Generate")
    assert current.current_call() is before
    metrics.calls.ended(record, current.code_of(None), None)
    metrics.pictures.inc(3)
    metrics.in_flight.set(3)
    assert metrics.registry is None


def test_every_border_that_is_written_of_is_one() -> None:
    borders = {f"{border:g}" for border in LATENCY_BUCKETS} | {"+Inf"}
    named = {
        border
        for page in (ROOT / "docs").rglob("*.md")
        for border in re.findall(r'le="([^"]*)"', page.read_text())
    }
    assert named
    assert named <= borders


def test_every_family_is_explained(server: RunningServer) -> None:
    with Client(server.target) as client:
        client.generate(seed=1)
    text = (ROOT / "docs/metrics.md").read_text()
    shown = text_string_to_metric_families(httpx.get(f"{server.http}/metrics").text)
    missing = {
        family.name
        for family in shown
        if f"`{family.name.removesuffix('_total')}" not in text
        and not family.name.startswith("process_")
        and not family.name.endswith("_created")
    }
    assert not missing
