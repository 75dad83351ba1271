"""Starts a real Prometheus, as the system has it installed, with the committed rules."""

import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from ports import free_port

from deploy.monitoring.files import MONITORING

COMMITTED = MONITORING / "prometheus"
needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="no prometheus and promtool on PATH (Debian and Ubuntu: apt-get install prometheus)",
)
_PATIENCE_SECONDS = 30


class RunningPrometheus:
    """One server."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, path: str, **parameters: Any) -> Any:
        """The data of one answer of its API."""
        answer = self._client.get(f"/api/v1/{path}", params=parameters)
        assert answer.status_code == 200, f"{parameters}: {answer.text}"
        return answer.json()["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Series with their latest values."""
        result: list[dict[str, Any]] = self.get("query", query=expr)["result"]
        return result

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self.get("rules")["groups"] for rule in group["rules"]]

    def is_ready(self) -> bool:
        try:
            return self._client.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def targets_up(self) -> int:
        return sum(target["health"] == "up" for target in self.get("targets")["activeTargets"])


def _quick(folder: Path, targets: Mapping[str, str]) -> Path:
    """The committed configuration, but everything happens each second."""
    (folder / "targets").mkdir()
    (folder / "rules").mkdir()
    for job, target in targets.items():
        (folder / f"targets/{job}.yml").write_text(yaml.dump([{"targets": [target]}]))
    for path in (COMMITTED / "rules").glob("*.yml"):
        rules = yaml.safe_load(path.read_text())
        for group in rules["groups"]:
            group["interval"] = "1s"
        (folder / "rules" / path.name).write_text(yaml.dump(rules))
    configuration = yaml.safe_load((COMMITTED / "prometheus.yml").read_text())
    configuration["global"] = dict.fromkeys(
        ("scrape_interval", "scrape_timeout", "evaluation_interval"), "1s"
    )
    path = folder / "prometheus.yml"
    path.write_text(yaml.dump(configuration))
    return path


@contextmanager
def running_prometheus(folder: Path, targets: Mapping[str, str]) -> Iterator[RunningPrometheus]:
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={_quick(folder, targets)}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
    ]
    log = folder / "log"
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, timeout=_PATIENCE_SECONDS) as client:
            running = RunningPrometheus(client)
            patience = time.monotonic() + _PATIENCE_SECONDS
            while not running.is_ready() or running.targets_up() < len(targets):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < patience, log.read_text()
                time.sleep(0.1)
            yield running
    finally:
        process.kill()
        process.wait()
