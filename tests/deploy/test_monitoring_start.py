"""`make monitor`'s launcher, with a real Prometheus; a small server stands in for Grafana."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from ports import free_port
from running_prometheus import COMMITTED, needs_prometheus
from running_server import ROOT, RunningServer

from deploy.monitoring.files import DASHBOARDS, MONITORING

LAUNCHER = MONITORING / "launch.py"
PATIENCE_SECONDS = 30
# Answers as Grafana does when it is ready, and leaves its environment beside itself.
STAND_IN = """#!{python}
import http.server, json, os, pathlib, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()
    def log_message(self, *_): pass
pathlib.Path({told!r}).write_text(json.dumps([sys.argv[1:], dict(os.environ), os.getpid()]))
place = (os.environ["GF_SERVER_HTTP_ADDR"], int(os.environ["GF_SERVER_HTTP_PORT"]))
http.server.HTTPServer(place, Health).serve_forever()
"""


class Launched:
    def __init__(self, process: subprocess.Popen[str], port: int, grafana_port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.grafana_url = f"http://127.0.0.1:{grafana_port}"

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@contextmanager
def launched(data: Path, path: str, *flags: str) -> Iterator[Launched]:
    ports = (free_port(), free_port())
    options = ["--data", str(data), "--port", str(ports[0]), "--grafana-port", str(ports[1])]
    process = subprocess.Popen(
        [sys.executable, str(LAUNCHER), *options, *flags],
        env=os.environ | {"PATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield Launched(process, *ports)
        finally:
            process.send_signal(signal.SIGTERM)


def path_to(folder: Path, *programs: str) -> str:
    """A search path on which there is nothing but these."""
    for program in programs:
        found = shutil.which(program)
        assert found is not None
        (folder / program).symlink_to(found)
    return str(folder)


def health(url: str) -> str | None:
    """What Prometheus says of the gateway; None before its first scrape."""
    query = httpx.get(f"{url}/api/v1/targets").raise_for_status().json()
    known = {each["labels"]["job"]: each["health"] for each in query["data"]["activeTargets"]}
    return known.get("impasto")


@needs_prometheus
def test_prometheus_reads_the_server_and_ctrl_c_ends_it(
    server: RunningServer, tmp_path: Path
) -> None:
    target = httpx.URL(server.http).netloc.decode()
    (tmp_path / "bin").mkdir()
    path = path_to(tmp_path / "bin", "prometheus")
    with launched(tmp_path / "data", path, "--target", target) as running:
        assert (
            running.line() == f"ready: Prometheus on {running.url}, reading {server.http}/metrics\n"
        )
        assert "Grafana was not found" in running.line()
        patience = time.monotonic() + PATIENCE_SECONDS
        while health(running.url) != "up":
            assert time.monotonic() < patience
            time.sleep(0.2)
        rules = httpx.get(f"{running.url}/api/v1/rules").json()["data"]["groups"]
        assert len(rules) > 5
        flags = httpx.get(f"{running.url}/api/v1/status/flags").json()["data"]
        assert flags["enable-feature"] == "exemplar-storage"
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(PATIENCE_SECONDS) == 0
        with pytest.raises(httpx.ConnectError):
            httpx.get(running.url)


@needs_prometheus
def test_grafana_is_started_too_and_ends_with_it(tmp_path: Path) -> None:
    folder, told = tmp_path / "bin", tmp_path / "told"
    folder.mkdir()
    stand_in = folder / "grafana"
    stand_in.write_text(STAND_IN.format(python=sys.executable, told=str(told)))
    stand_in.chmod(0o755)
    with launched(tmp_path / "data", path_to(folder, "prometheus")) as running:
        assert "Prometheus" in running.line()
        assert running.line() == f"ready: Grafana on {running.grafana_url}/dashboards\n"
        arguments, environment, _ = yaml.safe_load(told.read_text())
        assert arguments[0] == "server"
        assert environment["PROMETHEUS_URL"] == running.url
        assert environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
        assert Path(environment["IMPASTO_DASHBOARDS"]) == DASHBOARDS
        assert Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).is_file()
        assert any((Path(environment["GF_PATHS_PROVISIONING"]) / "dashboards").glob("*.yml"))
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE_SECONDS) == 0
        for url in (running.url, running.grafana_url):
            with pytest.raises(httpx.ConnectError):
                httpx.get(url)


@needs_prometheus
def test_a_port_that_is_taken_is_named(server: RunningServer, tmp_path: Path) -> None:
    taken = httpx.URL(server.http).port
    done = launch("--port", str(taken), "--data", str(tmp_path))
    assert done.returncode == 1
    assert f"port {taken} for prometheus: Address already in use" in done.stderr


def test_what_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    port = ("--port", str(free_port()), "--data", str(tmp_path))
    assert "apt-get install prometheus" in launch(*port, path=str(tmp_path)).stderr
    assert "expected host:port, got 'http://x:1'" in launch("--target", "http://x:1").stderr


def launch(*flags: str, path: str = os.environ["PATH"]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(LAUNCHER), *flags]
    environment = os.environ | {"PATH": path}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_containers_are_given_what_there_is() -> None:
    services = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    assert {"gateway", "triton", "prometheus", "grafana"} <= services.keys()
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            assert not source.startswith(".") or (ROOT / "deploy" / source).exists()
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")
    for job, port in (("gateway", 8080), ("triton", 8002)):
        name = "impasto" if job == "gateway" else job
        (group,) = yaml.safe_load((COMMITTED / f"targets/{name}.yml").read_text())
        assert group["targets"] == [f"{job}:{port}"]


def test_grafana_finds_its_parts() -> None:
    provisioning = MONITORING / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    interval = yaml.safe_load((COMMITTED / "prometheus.yml").read_text())["global"]
    assert source["jsonData"]["timeInterval"] == interval["scrape_interval"]
    (provider,) = yaml.safe_load((provisioning / "dashboards/impasto.yml").read_text())["providers"]
    assert provider["options"]["path"] == "$IMPASTO_DASHBOARDS"
