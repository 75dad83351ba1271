"""A real Prometheus reads a real server under load, and every panel and every rule has data.

The GPU is simulated: no more is shown of its panels than that their queries work.
"""

import itertools
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from collector import PROMPT, Collector, http_collector
from impasto import Client, ImpastoError
from running_prometheus import RunningPrometheus, needs_prometheus, running_prometheus
from running_server import REPOSITORY, RunningServer, running_server
from simulated_gpu import GPU, simulated_gpu
from tiny_models import write_model

from deploy.monitoring.files import DASHBOARDS
from deploy.monitoring.objectives import LATENCY_BOUND_SECONDS

pytestmark = needs_prometheus
BOARDS = sorted(DASHBOARDS.glob("*.json"))
# As Grafana sets them when nothing has been chosen.
VARIABLES = {
    "job": ".*",
    "instance": ".*",
    "method": ".*",
    "model": ".*",
    "gpu": ".*",
    "price": "2.50",
    "__rate_interval": "20s",
}
# What the load feeds is above 0; of the queries with these in them, 0 is an answer, too.
MAY_BE_NOUGHT = (
    # The store works and keeps up.
    "impasto_store_failures_total",
    "impasto_store_waiting_pictures",
    # Shorter than what is counted.
    "nv_inference_compute_input_duration_us",
    "nv_inference_compute_output_duration_us",
    # Headroom: this server is full.
    "1 - sum(job:impasto_pictures:rate5m",
)
PATIENCE_SECONDS = 30
_CALLERS = 6
_PAUSE_SECONDS = 0.02


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with http_collector() as receiving:
        yield receiving


@pytest.fixture(scope="module")
def server(
    collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """With all that can be counted: a store, both caches, traces, little room."""
    repository = tmp_path_factory.mktemp("models")
    for folder in REPOSITORY.iterdir():
        (repository / folder.name).symlink_to(folder)
    write_model(repository, "response_cache { enable: true }")
    # Longer than the latency objective's bound, however fast the machine is.
    delay = f"max_queue_delay_microseconds: {2e6 * LATENCY_BOUND_SECONDS:.0f}"
    write_model(repository, f"dynamic_batching {{ {delay} }}", name="slow")
    with running_server(
        *("--model-repository", str(repository)),
        *("--store", str(tmp_path_factory.mktemp("store"))),
        *("--picture-cache-byte-size", "1000000", "--response-cache-byte-size", "1000000"),
        *("--max-count", "4", "--max-in-flight", "4"),
        *("--trace-url", collector.url, "--trace-share", "1"),
        environment=PROMPT,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def prometheus(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningPrometheus]:
    """It sees a mixed load for as long as it runs."""
    with simulated_gpu() as gpu:
        targets = {"impasto": httpx.URL(server.http).netloc.decode(), "triton": gpu}
        folder = tmp_path_factory.mktemp("prometheus")
        with running_prometheus(folder, targets) as running, _load(server):
            yield running


@contextmanager
def _load(server: RunningServer) -> Iterator[None]:
    """Calls of every kind: good, kept, repeated, wrong, late, and too many at once."""
    over = threading.Event()
    seeds = itertools.count()

    def call(first: int) -> None:
        with Client(server.target) as client, httpx.Client(base_url=server.http) as http:
            kinds: tuple[Callable[[], object], ...] = (
                lambda: client.generate(seed=next(seeds)),
                lambda: client.generate(seed=next(seeds), count=2, candidates=2, store=True),
                lambda: client.generate(seed=7),
                lambda: client.generate(count=1000),
                lambda: _late(server, next(seeds)),
                lambda: _infer(http),
                lambda: _infer_wrong(http),
            )
            for kind in itertools.islice(itertools.cycle(kinds), first, None):
                with suppress(ImpastoError):
                    kind()
                if over.wait(_PAUSE_SECONDS):
                    return

    def call_slowly() -> None:
        # Alone, or together they would fill the batch that each of them waits for.
        with httpx.Client(base_url=server.http) as http:
            while not over.is_set():
                _infer(http, "slow")

    with ThreadPoolExecutor(_CALLERS + 1) as threads:
        calls = [threads.submit(call, first) for first in range(_CALLERS)]
        calls.append(threads.submit(call_slowly))
        try:
            yield
        finally:
            over.set()
    for done in calls:
        done.result()


def _late(server: RunningServer, seed: int) -> None:
    with Client(server.target, timeout=0.004) as client:
        client.generate(seed=seed, count=4)


def _infer(http: httpx.Client, model: str = "add_one") -> None:
    _post(http, model, [1, 2]).raise_for_status()


def _infer_wrong(http: httpx.Client) -> None:
    assert _post(http, "add_one", [2]).status_code == 400


def _post(http: httpx.Client, model: str, shape: list[int]) -> httpx.Response:
    values = {"name": "x", "shape": shape, "datatype": "FP32", "data": [1.0, 2.0]}
    return http.post(f"/v2/models/{model}/infer", json={"inputs": [values]})


def _filled_in(text: str) -> str:
    filled = text
    for name, value in VARIABLES.items():
        filled = filled.replace(f"${name}", value)
    assert "$" not in filled, f"a variable that nobody sets: {filled}"
    return filled


def _without_data(prometheus: RunningPrometheus, queries: Iterable[str]) -> list[str]:
    """Those that never answer with a number, of series that take some seconds to come."""
    patience = time.monotonic() + PATIENCE_SECONDS
    empty = list(queries)
    while empty and time.monotonic() < patience:
        empty = [query for query in empty if not _has_data(prometheus, query)]
        time.sleep(0.5)
    return empty


def _has_data(prometheus: RunningPrometheus, expr: str) -> bool:
    """Whether anything is above 0, or may be at 0; NaN is neither."""
    values = [float(series["value"][1]) for series in prometheus.query(expr)]
    if any(part in expr for part in MAY_BE_NOUGHT):
        return any(not math.isnan(value) for value in values)
    return any(value > 0 for value in values)


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_query_of_every_panel_has_data(prometheus: RunningPrometheus, path: Path) -> None:
    board = json.loads(path.read_text())
    queries = [
        _filled_in(target["expr"])
        for panel in board["panels"]
        for target in panel.get("targets", [])
    ]
    assert queries
    assert _without_data(prometheus, queries) == []
    for annotation in board["annotations"]["list"]:
        prometheus.query(_filled_in(annotation["expr"]))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_variable_has_choices(prometheus: RunningPrometheus, path: Path) -> None:
    for variable in json.loads(path.read_text())["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            assert found, variable["query"]
            selector, label = found.groups()
            parameters = {"match[]": _filled_in(selector)}
            assert prometheus.get(f"label/{label}/values", **parameters), variable["name"]


def test_every_recorded_series_has_data_and_every_alert_can_be_told(
    prometheus: RunningPrometheus,
) -> None:
    recorded = [rule["name"] for rule in prometheus.rules() if rule["type"] == "recording"]
    assert recorded
    assert _without_data(prometheus, recorded) == []
    for name in recorded:
        for series in prometheus.query(name):
            kept = series["metric"].keys() - {"__name__"}
            assert kept == set(name.partition(":")[0].split("_")), name
    for rule in prometheus.rules():
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule["name"]


def test_a_bucket_leads_to_the_trace_of_a_call(
    prometheus: RunningPrometheus, collector: Collector
) -> None:
    def traces() -> set[str]:
        now = time.time()
        found = prometheus.get(
            "query_exemplars", query="impasto_request_seconds_bucket", start=now - 60, end=now
        )
        return {
            exemplar["labels"]["trace_id"] for series in found for exemplar in series["exemplars"]
        }

    patience = time.monotonic() + PATIENCE_SECONDS
    while not traces() & {span.trace for span in collector.spans}:
        assert time.monotonic() < patience, "no exemplar of a trace that was received"
        time.sleep(0.5)


def test_shares_of_gpus_are_shares_of_the_simulated_one(prometheus: RunningPrometheus) -> None:
    (series,) = prometheus.query("nv_gpu_memory_used_bytes / nv_gpu_memory_total_bytes")
    assert series["metric"]["gpu_uuid"] == GPU
    assert float(series["value"][1]) == 0.25
