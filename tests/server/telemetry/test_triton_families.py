"""Triton's own families: the same from the onnxruntime engine as from a real Triton."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from ports import free_port
from prometheus_client.parser import text_string_to_metric_families
from running_server import REPOSITORY, running_server
from running_triton import _PYTHON, needs_triton, running_triton
from tiny_models import write_ensemble, write_model

pytestmark = needs_triton

ALONE = "instance_group { count: 1 kind: KIND_CPU }"
# Of the whole cache, and of memory that the engine does not have: docs/metrics.md.
LEFT_OUT = re.compile(
    r"nv_(pinned_memory_pool_\w+|cache_(util|num_(entries|hits|misses|lookups|evictions))"
    r"|cache_(lookup|insertion)_duration)"
)
# What does not depend on how fast a machine is.
COUNTS = (
    "nv_inference_request_success",
    "nv_inference_request_failure",
    "nv_inference_count",
    "nv_inference_exec_count",
    "nv_inference_pending_request_count",
    "nv_cache_num_hits_per_model",
    "nv_cache_num_misses_per_model",
)
Shown = dict[str, tuple[str, frozenset[str], dict[frozenset[tuple[str, str]], float]]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("both")
    write_model(folder, f"dynamic_batching {{}} {ALONE}")
    write_model(folder, f"response_cache {{ enable: true }} {ALONE}", name="kept")
    # Its matrix takes rows of 512 numbers only.
    write_model(folder, ALONE, work=1, name="fragile")
    write_ensemble(folder, ["add_one", "kept"], name="pair")
    return folder


@pytest.fixture(scope="module")
def real(models: Path) -> Iterator[tuple[str, str]]:
    """A Triton's gRPC address and its metrics' URL."""
    port = free_port()
    (caches,) = (_PYTHON.parent.parent / "lib").glob(
        "python*/site-packages/pytriton/tritonserver/caches"
    )
    cache = ("--cache-config=local,size=1048576", f"--cache-directory={caches}")
    flags = ("--allow-metrics=true", f"--metrics-port={port}", "--metrics-interval-ms=100")
    with running_triton(*flags, *cache, repository=models) as running:
        yield running.url, f"http://127.0.0.1:{port}/metrics"


@pytest.fixture(scope="module")
def ours(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The gateway's; it wants something that makes pictures, too."""
    folder = tmp_path_factory.mktemp("ours")
    for source in (models, REPOSITORY):
        for model in filter(Path.is_dir, source.iterdir()):
            (folder / model.name).symlink_to(model)
    flags = ["--model-repository", str(folder), "--response-cache-byte-size", "1048576"]
    flags += ["--model-control-mode", "explicit", "--load-model", "landscapes"]
    for name in ("add_one", "kept", "fragile", "pair"):
        flags += ["--load-model", name]
    with running_server(*flags) as running:
        yield running.target, f"{running.http}/metrics"


def ask(client: triton.InferenceServerClient, model: str, rows: int, size: int = 4) -> None:
    tensor = triton.InferInput("x", [rows, size], "FP32")
    tensor.set_data_from_numpy(np.ones((rows, size), np.float32))
    client.infer(model, [tensor])


def call(url: str) -> None:
    """The same calls on both."""
    with triton.InferenceServerClient(url) as client:
        for rows in (1, 2, 3, 4):
            ask(client, "add_one", rows)
        for rows in (1, 1, 2):
            ask(client, "kept", rows)
        for rows in (1, 2):
            ask(client, "pair", rows)


def shown(url: str) -> Shown:
    """Families of Triton's names: their types, names of labels, and values."""
    text = httpx.get(url, headers={"Accept": "text/plain"}).text
    lines = dict(re.findall(r"^# TYPE (nv_\w+) (\w+)$", text, re.MULTILINE))
    found: Shown = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if not sample.name.startswith("nv_"):
                continue
            if sample.labels.get("model", "").startswith(("landscapes", "stylizer")):
                continue
            # The parser gives counters the suffix that they do not have.
            name = sample.name.removesuffix("_total")
            values = found[name][2] if name in found else {}
            values[frozenset(sample.labels.items())] = sample.value
            found[name] = lines[name], frozenset(sample.labels), values
    return found


def settled(url: str) -> Shown:
    """The same once they stand still: a Triton counts a request a moment after its answer."""
    last = shown(url)
    while True:
        time.sleep(0.5)
        now = shown(url)
        if all(now[name] == last[name] for name in COUNTS):
            return now
        last = now


def test_the_same_families_and_the_same_counts(
    real: tuple[str, str], ours: tuple[str, str]
) -> None:
    both = []
    for target, url in (real, ours):
        call(target)
        both.append(settled(url))
    theirs, own = both
    theirs = {name: family for name, family in theirs.items() if not LEFT_OUT.fullmatch(name)}
    assert theirs.keys() == own.keys()
    for name, (kind, labels, values) in theirs.items():
        assert own[name][:2] == (kind, labels), name
        assert own[name][2].keys() == values.keys(), name
        if name in COUNTS:
            assert own[name][2] == values, name


def test_why_requests_failed(ours: tuple[str, str]) -> None:
    # Not beside the real one, whose stand-in for a backend counts what fails as a success.
    with triton.InferenceServerClient(ours[0]) as client:
        ask(client, "fragile", 1, 512)
        for rows, size in ((1, 4), (9, 512)):
            with pytest.raises(triton.InferenceServerException):
                ask(client, "fragile", rows, size)
    failures = shown(ours[1])["nv_inference_request_failure"][2]
    counted = {
        dict(labels)["reason"]: value
        for labels, value in failures.items()
        if ("model", "fragile") in labels
    }
    assert counted == {"BACKEND": 1, "OTHER": 1, "REJECTED": 0, "CANCELED": 0}


def test_times_are_microseconds(ours: tuple[str, str]) -> None:
    before = shown(ours[1])
    call(ours[0])
    after = shown(ours[1])
    labels = frozenset({("model", "add_one"), ("version", "1")})

    def grown(name: str) -> float:
        return after[name][2][labels] - before[name][2][labels]

    computed = grown("nv_inference_compute_infer_duration_us")
    whole = grown("nv_inference_request_duration_us")
    queued = grown("nv_inference_queue_duration_us")
    assert 0 < computed <= whole < 60e6
    assert computed + queued <= whole + 100
