"""How each system is started: its best settings for throughput, and those for a lone caller."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers.servers.work import PORT, SIZE, THREADS, WORKERS
from benchmarks.peers.starting import NARROW, WIDE, Running, Shape
from benchmarks.processes import ROOT, TRITON_PYTHON, free_ports, repository

PYTHON = Path(sys.executable)
PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
_SERVERS = "benchmarks.peers.servers"
# What the work needs, and what the gateway wants beside it: memory is compared, too.
_MODELS = frozenset(
    ("landscapes", "landscapes_64", "landscapes_generator", "landscapes_discriminator")
    + ("stylizer", "style_encoder", "add_one")
)


@dataclass(frozen=True)
class System:
    """Something to measure.

    Attributes:
        name: in the tables.
        protocol: that it is asked by, see `connectors`.
        start: starts it.
        python: of the environment that it lives in.
        sizes: of the work that it is measured on.
        decides: whether it divides the cores anew for each batch; others are told when they start.
        is_alone: whether it is measured in its shape for a lone caller, too.
    """

    name: str
    protocol: str
    start: Callable[[Running], None]
    python: Path = PEERS_PYTHON
    sizes: Sequence[str] = ("64", "256", "tiny")
    decides: bool = False
    is_alone: bool = True

    def shapes(self, size: str) -> Sequence[Shape]:
        """In which it is measured on that work, the one for throughput first."""
        return (NARROW, WIDE) if self.is_alone and size != "tiny" else (NARROW,)

    def label(self, shape: Shape) -> str:
        """How it divides the cores, for the tables."""
        return "by itself" if self.decides else str(shape)


@contextmanager
def running(system: System, size: str, shape: Shape) -> Iterator[Running]:
    """The system, answering rightly."""
    with ExitStack() as stack:
        server = Running(system.protocol, size, shape, stack)
        system.start(server)
        yield server


def _gateway(server: Running, *flags: str) -> None:
    (port,) = free_ports(1)
    models = server.stack.enter_context(repository(names=_MODELS))
    command = [str(PYTHON), "-m", "server", f"--port={port}", "--http-port=0"]
    # The other systems have no bound on the calls that wait, or one that is far away.
    command += [f"--model-repository={models}", "--max-backlog=512", *flags]
    server.start(command, port, {})


def _triton(server: Running) -> None:
    shape = server.shape
    models = server.stack.enter_context(repository(shape.threads, shape.workers, _MODELS))
    port, http_port = free_ports(2)
    command = [str(TRITON_PYTHON), str(ROOT / "deploy/triton/launch.py")]
    command += [f"--model-repository={models}", "--allow-metrics=false"]
    command += [f"--grpc-port={port}", f"--http-port={http_port}"]
    server.start(command, port, {})


def _gateway_to_triton(server: Running) -> None:
    _triton(server)
    _gateway(server, "--engine=triton", f"--triton-url={server.target}")


def _own(server: Running, *command: str, port_name: str = PORT, **more: str) -> None:
    """A server of this folder, told by its environment what to do."""
    (port,) = free_ports(1)
    environment = {
        SIZE: server.size,
        WORKERS: str(server.shape.workers),
        THREADS: str(server.shape.threads),
        port_name: str(port),
        "PYTHONPATH": str(ROOT),
    }
    server.start(command, port, environment | more)


def _bare(server: Running) -> None:
    _own(server, str(PYTHON), "-m", f"{_SERVERS}.bare_server")


def _litserve(server: Running) -> None:
    _own(server, str(PEERS_PYTHON), "-m", f"{_SERVERS}.litserve_server")


def _mosec(server: Running) -> None:
    command = (str(PEERS_PYTHON), "-m", f"{_SERVERS}.mosec_server", "--address=127.0.0.1")
    _own(server, *command, port_name="MOSEC_PORT")


def _mlserver(server: Running) -> None:
    command = (str(PEERS_PYTHON.with_name("mlserver")), "start")
    (http_port,) = free_ports(1)
    _own(
        server,
        *command,
        str(Path(__file__).parent / "servers/mlserver_server"),
        port_name="MLSERVER_GRPC_PORT",
        MLSERVER_HTTP_PORT=str(http_port),
        MLSERVER_METRICS_DIR=server.stack.enter_context(tempfile.TemporaryDirectory()),
        MLSERVER_PARALLEL_WORKERS=str(server.shape.workers),
    )


_TENSORS = "OIP gRPC, raw tensors"
SYSTEMS = (
    System("impasto", _TENSORS, _gateway, PYTHON, decides=True, is_alone=False),
    System(
        "impasto, Generate",
        "Generate",
        _gateway,
        PYTHON,
        sizes=("64", "256"),
        decides=True,
        is_alone=False,
    ),
    System("bare grpc.aio", _TENSORS, _bare, PYTHON),
    System(
        "impasto before the Triton stand-in",
        _TENSORS,
        _gateway_to_triton,
        TRITON_PYTHON,
    ),
    System(
        "Triton stand-in alone",
        _TENSORS,
        _triton,
        TRITON_PYTHON,
        sizes=("64", "tiny"),
    ),
    System("LitServe", "HTTP, base64 in, raw bytes out", _litserve),
    System("mosec", "HTTP, raw bytes", _mosec),
    System("MLServer", "OIP gRPC, tensors of bytes", _mlserver),
)
