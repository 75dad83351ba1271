"""Starts a real Triton, as `make triton` does, for the tests that need one."""

import os
import platform
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from ports import free_port
from running_server import REPOSITORY, ROOT

_PYTHON = ROOT / ".venv-triton/bin/python"
_LAUNCHER = ROOT / "deploy/triton/launch.py"
_PATIENCE_SECONDS = 90

needs_triton = pytest.mark.skipif(
    not _PYTHON.exists(),
    reason=f"no Triton on {platform.system()} {platform.machine()}; "
    "`make .venv-triton/.installed` sets it up on Linux x86-64",
)


@dataclass
class RunningTriton:
    """A Triton that said that it is ready; `url` is its gRPC address."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path


@contextmanager
def running_triton(*flags: str, repository: Path = REPOSITORY) -> Iterator[RunningTriton]:
    grpc_port, http_port = free_port(), free_port()
    memory = f"impasto-test-{grpc_port}-"
    with tempfile.NamedTemporaryFile("r") as log, Path(log.name).open("wb") as output:
        command = [
            str(_PYTHON),
            str(_LAUNCHER),
            f"--model-repository={repository}",
            f"--grpc-port={grpc_port}",
            f"--http-port={http_port}",
            "--allow-metrics=false",
            # This Triton sometimes waits to the very end for a model that nobody uses any more.
            "--exit-timeout-secs=5",
            f"--backend-config=python,shm-region-prefix-name={memory}",
            *flags,
        ]
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        try:
            _wait_until_ready(process, Path(log.name))
            yield RunningTriton(process, f"127.0.0.1:{grpc_port}", Path(log.name))
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_PATIENCE_SECONDS)
            finally:
                # A killed Triton leaves its backend's processes and their memory behind.
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                for left in Path("/dev/shm").glob(f"{memory}*"):
                    left.unlink()


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    patience = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < patience:
        if "ready: http" in log.read_text(errors="replace"):
            return
        time.sleep(0.05)
    raise AssertionError(f"Triton was not ready:\n{log.read_text(errors='replace')[-5000:]}")
