"""Starts Prometheus and, where there is one, Grafana, against a server that runs: `make monitor`.

Needs nothing but Python. Everything listens on this machine only; what is stored is in a folder
that may be deleted at any time. Ctrl-C ends both.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
GRAFANA = HERE / "grafana"
DASHBOARDS = GRAFANA / "dashboards"
DATA = HERE.parent.parent / ".monitor"
LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 60
GRACE_SECONDS = 20
# Long enough for the alerts' longest window.
RETENTION = "15d"
_NO_PROMETHEUS = (
    "launch.py: prometheus was not found on PATH; on Debian and Ubuntu: apt-get install "
    "prometheus (its own service may be stopped: systemctl disable --now prometheus)"
)


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """What can be chosen."""
    parser = argparse.ArgumentParser(prog="launch.py", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--target",
        default=os.environ.get("MONITOR_TARGET", f"{LOOPBACK}:8080"),
        help="HTTP address of the gateway, host:port (MONITOR_TARGET; %(default)s)",
    )
    parser.add_argument("--triton", help="address of the metrics of a Triton beside it, host:port")
    parser.add_argument("--port", type=int, default=9090, help="of Prometheus (%(default)s)")
    parser.add_argument("--grafana-port", type=int, default=3000, help="(%(default)s)")
    parser.add_argument(
        "--data", type=Path, default=DATA, help="folder of what is stored (%(default)s)"
    )
    chosen = parser.parse_args(arguments)
    for name in ("target", "triton"):
        address = getattr(chosen, name)
        if address is not None and not _is_address(address):
            parser.error(f"--{name}: expected host:port, got {address!r}")
    return chosen


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and "/" not in text and port.isdigit()


def configure(data: Path, targets: Mapping[str, str | None]) -> Path:
    """Lay out what Prometheus reads: the committed configuration, and targets of its own.

    Returns the configuration file.
    """
    folder = data / "prometheus"
    (folder / "targets").mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "prometheus/rules", folder / "rules", dirs_exist_ok=True)
    for job, target in targets.items():
        # JSON is YAML, too.
        text = json.dumps([{"targets": [target]}] if target else [])
        (folder / f"targets/{job}.yml").write_text(text)
    return Path(shutil.copy(HERE / "prometheus/prometheus.yml", folder))


def prometheus_command(data: Path, configuration: Path, port: int) -> list[str]:
    """How Prometheus is started."""
    program = shutil.which("prometheus")
    if program is None:
        sys.exit(_NO_PROMETHEUS)
    return [
        program,
        f"--config.file={configuration}",
        f"--storage.tsdb.path={data / 'prometheus/data'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]


def grafana_command() -> list[str] | None:
    """How Grafana is started; None where there is none."""
    if program := shutil.which("grafana"):
        command = [program, "server"]
    elif program := shutil.which("grafana-server"):
        command = [program]
    else:
        return None
    # Where the packages of Grafana put what it serves; a Grafana elsewhere knows itself.
    home = Path("/usr/share/grafana")
    return [*command, f"--homepath={home}"] if home.is_dir() else command


def grafana_environment(data: Path, prometheus: str, port: int) -> dict[str, str]:
    """Grafana's settings: whoever is on this machine may look, nobody may change anything."""
    folder = data / "grafana"
    return os.environ | {
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(DASHBOARDS / "impasto-service.json"),
        "GF_LOG_LEVEL": "warn",
        "GF_PATHS_DATA": str(folder),
        "GF_PATHS_LOGS": str(folder / "log"),
        "GF_PATHS_PLUGINS": str(folder / "plugins"),
        "GF_PATHS_PROVISIONING": str(GRAFANA / "provisioning"),
        "GF_SERVER_HTTP_ADDR": LOOPBACK,
        "GF_SERVER_HTTP_PORT": str(port),
        "IMPASTO_DASHBOARDS": str(DASHBOARDS),
        "PROMETHEUS_URL": prometheus,
    }


def check_free(port: int, what: str) -> None:
    """End where somebody else has the port already; its answers would pass for ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            sys.exit(
                f"launch.py: port {port} for {what}: {error.strerror}. Choose another one "
                f"(--port, --grafana-port), or stop who has it: Debian's packages start services "
                f"of their own (systemctl disable --now {what})"
            )


def wait_until_ready(process: subprocess.Popen[bytes], what: str, url: str) -> None:
    """Wait until it answers; end where it has ended or does not answer in time."""
    until = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.exit(f"launch.py: {what} did not become ready at {url}; what it said is above")


def say(text: str) -> None:
    """Tell whoever started this."""
    print(text, flush=True)  # noqa: T201


def stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End them, at first politely."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(chosen: argparse.Namespace, processes: list[subprocess.Popen[bytes]]) -> None:
    """Start what there is, into `processes`, and wait until one of them ends."""
    prometheus = f"http://{LOOPBACK}:{chosen.port}"
    check_free(chosen.port, "prometheus")
    configuration = configure(chosen.data, {"impasto": chosen.target, "triton": chosen.triton})
    processes.append(subprocess.Popen(prometheus_command(chosen.data, configuration, chosen.port)))
    wait_until_ready(processes[0], "prometheus", f"{prometheus}/-/ready")
    say(f"ready: Prometheus on {prometheus}, reading http://{chosen.target}/metrics")
    command = grafana_command()
    if command is None:
        say(
            "Grafana was not found on PATH. Any Grafana shows the dashboards: give it the data "
            f"source {prometheus} and import {DASHBOARDS}/*.json"
        )
    else:
        grafana = f"http://{LOOPBACK}:{chosen.grafana_port}"
        check_free(chosen.grafana_port, "grafana-server")
        environment = grafana_environment(chosen.data, prometheus, chosen.grafana_port)
        processes.append(subprocess.Popen(command, env=environment))
        wait_until_ready(processes[1], "grafana", f"{grafana}/api/health")
        say(f"ready: Grafana on {grafana}/dashboards")
    while all(process.poll() is None for process in processes):
        time.sleep(0.2)
    sys.exit("launch.py: one of them has ended, so the other does, too")


def main() -> None:
    """Run until Ctrl-C, SIGTERM or the end of one of them."""
    chosen = options()
    chosen.data = chosen.data.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        run(chosen, processes)
    except KeyboardInterrupt:
        say("stopping")
    finally:
        stop(processes)


if __name__ == "__main__":
    main()
