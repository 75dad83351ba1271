"""Starts what is measured, each in a process of its own, and waits until it answers."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.machine import pinned

ROOT = Path(__file__).parent.parent
REPOSITORY = ROOT / "model_repository"
MODELS = Path(__file__).parent / "models"
TRITON_PYTHON = ROOT / ".venv-triton/bin/python"
_START_SECONDS = 120
_THREADS = "intra_op_thread_count"


@contextmanager
def repository(
    threads: int | None = None, instances: int | None = None, names: Container[str] | None = None
) -> Iterator[Path]:
    """The committed models and the benchmark's own, in one folder.

    Args:
        threads: written into every model's configuration. Triton's onnxruntime needs it to stay on
            the core that it is kept on: by its own choice it spreads its threads over all cores.
        instances: of every model, written there, too.
        names: of the models that are wanted; None is all.
    """
    extra = ""
    if threads:
        extra += f'parameters {{ key: "{_THREADS}" value {{ string_value: "{threads}" }} }}\n'
    if instances:
        extra += f"instance_group {{ kind: KIND_CPU count: {instances} }}\n"
    with tempfile.TemporaryDirectory() as folder:
        for models in (REPOSITORY, MODELS):
            for model in filter(Path.is_dir, models.iterdir()):
                if names is not None and model.name not in names:
                    continue
                copy = Path(shutil.copytree(model, Path(folder) / model.name)) / "config.pbtxt"
                if "ensemble_scheduling" not in copy.read_text():
                    copy.write_text(copy.read_text() + extra)
        yield Path(folder)


@dataclass(frozen=True)
class Gateway:
    """A gateway that answers.

    Attributes:
        process: runs it.
        target: its gRPC address.
        http: its URL.
    """

    process: subprocess.Popen[bytes]
    target: str
    http: str

    def metrics(self) -> Mapping[tuple[str, ...], float]:
        """All samples by name and label values, these in alphabetical order."""
        with urlopen(f"{self.http}/metrics") as answer:
            text = answer.read().decode()
        return {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def total(self, name: str, **labels: str) -> float:
        """The sum over all samples of that name that have these labels; 0 where there is none."""
        with urlopen(f"{self.http}/metrics") as answer:
            text = answer.read().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@contextmanager
def gateway(models: Path, *flags: str, core: int | None = None) -> Iterator[str]:
    """The gateway; yields its gRPC address."""
    with running_gateway(models, *flags, core=core) as running:
        yield running.target


@contextmanager
def running_gateway(models: Path, *flags: str, core: int | None = None) -> Iterator[Gateway]:
    """The gateway, for who wants more of it than its gRPC address."""
    command = [sys.executable, "-m", "server", "--port=0", "--http-port=0"]
    command += [f"--model-repository={models}", *flags]
    ready = r"(?s)http on (\S+)/metrics.*ready: grpc on (\S+)"
    with _running(command, ready, core) as (process, found):
        yield Gateway(process, found[2], found[1])


@contextmanager
def echo(transport: str, core: int | None = None) -> Iterator[str]:
    """A bare server that answers inference requests with their own bytes; yields its address."""
    command = [sys.executable, "-m", "benchmarks.echo", transport]
    with _running(command, r"ready: grpc on (\S+)", core) as (_, found):
        yield found[1]


@contextmanager
def bare_server() -> Iterator[str]:
    """A gRPC server around the bare chain; yields its address."""
    command = [sys.executable, "-m", "benchmarks.bare"]
    with _running(command, r"ready: grpc on (\S+)", None) as (_, found):
        yield found[1]


@contextmanager
def triton(models: Path, core: int | None = None) -> Iterator[str]:
    """Triton from pip with its stand-in backend; yields its gRPC address."""
    with _running_triton(models, core) as (grpc_port, _):
        yield f"127.0.0.1:{grpc_port}"


@contextmanager
def triton_http(models: Path, core: int | None = None) -> Iterator[str]:
    """The same; yields its URL."""
    with _running_triton(models, core) as (_, http_port):
        yield f"http://127.0.0.1:{http_port}"


@contextmanager
def _running_triton(models: Path, core: int | None) -> Iterator[Sequence[int]]:
    ports = grpc_port, http_port = free_ports(2)
    command = [str(TRITON_PYTHON), str(ROOT / "deploy/triton/launch.py")]
    command += [f"--model-repository={models}", "--allow-metrics=false"]
    command += [f"--grpc-port={grpc_port}", f"--http-port={http_port}"]
    with _running(command, "ready: http", core):
        yield ports


def measure(module: str, arguments: Sequence[str], core: int | None = None) -> dict[str, Any]:
    """Run one measurement in a process of its own; it prints JSON."""
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(pinned(command, core), cwd=ROOT, check=True, stdout=subprocess.PIPE)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@contextmanager
def _running(
    command: list[str], ready: str, core: int | None
) -> Iterator[tuple[subprocess.Popen[bytes], re.Match[str]]]:
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("w") as output:
        process = subprocess.Popen(pinned(command, core), cwd=ROOT, stdout=output, stderr=output)
        try:
            yield process, _wait(process, Path(log.name), ready)
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen[bytes], log: Path, ready: str) -> re.Match[str]:
    for _ in range(_START_SECONDS * 10):
        if found := re.search(ready, log.read_text(errors="replace")):
            return found
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise RuntimeError(f"did not start:\n{log.read_text(errors='replace')[-3000:]}")


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, for servers that cannot choose their own."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [item.getsockname()[1] for item in sockets]


def cores() -> tuple[int, int]:
    """One core for the server and another for the client."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise RuntimeError(f"expected two cores to measure on, got {len(usable)}")
    return usable[0], usable[-1]
