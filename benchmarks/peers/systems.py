"""How each system is started: its best settings for throughput, and those for a lone caller."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.peers.servers.work import (
    BATCH,
    BATCH_WINDOW,
    FAST_QUEUE,
    PORT,
    SIZE,
    THREADS,
    WORKERS,
)
from benchmarks.peers.starting import CORES, NARROW, WIDE, Running, Shape
from benchmarks.processes import ROOT, TRITON_PYTHON, free_ports, repository

PYTHON = Path(sys.executable)
PEERS_PYTHON = ROOT / ".venv-peers/bin/python"
_SERVERS = "benchmarks.peers.servers"
# What the work needs, and what the gateway wants beside it: memory is compared, too.
_MODELS = (
    "landscapes",
    "landscapes_64",
    "landscapes_generator",
    "landscapes_discriminator",
    "stylizer",
    "style_encoder",
    "add_one",
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
        crowd: shapes for the greatest throughput; of several the best is found out.
        alone: the same for a lone caller; none where it stands with one shape in all tables.
        tiny_crowd: what may be better, too, where the work takes no time.
        tiny_alone: the same for a lone caller.
        batches: how it makes them; None where it must be told.
    """

    name: str
    protocol: str
    start: Callable[[Running], None]
    python: Path = PEERS_PYTHON
    sizes: Sequence[str] = ("64", "256", "tiny")
    decides: bool = False
    crowd: Sequence[Shape] = (NARROW,)
    alone: Sequence[Shape] = (WIDE,)
    tiny_crowd: Sequence[Shape] = ()
    tiny_alone: Sequence[Shape] = ()
    batches: str | None = None

    def shapes(self, size: str) -> tuple[Sequence[Shape], Sequence[Shape]]:
        """Those for the greatest throughput and those for a lone caller."""
        if size != "tiny":
            return self.crowd, self.alone
        return (*self.crowd, *self.tiny_crowd), (*self.alone, *self.tiny_alone)

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
        BATCH: str(server.shape.batch),
        FAST_QUEUE: str(int(server.shape.fast_queue)),
        port_name: str(port),
        "PYTHONPATH": str(ROOT),
    }
    server.start(command, port, environment | more)


def _bare(server: Running) -> None:
    _own(server, str(PYTHON), "-m", f"{_SERVERS}.bare_server")


def _litserve(server: Running) -> None:
    _own(server, str(PEERS_PYTHON), "-m", f"{_SERVERS}.litserve_server")


def _mosec(server: Running) -> None:
    # A call may wait for as long as its client does; by itself mosec gives up after 3 s.
    options = ("--address=127.0.0.1", "--timeout=60000")
    command = (str(PEERS_PYTHON), "-m", f"{_SERVERS}.mosec_server", *options)
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
        # 0 and not 1 makes no batches.
        MLSERVER_MODEL_MAX_BATCH_SIZE=str(server.shape.batch if server.shape.batch > 1 else 0),
        MLSERVER_MODEL_MAX_BATCH_TIME=str(BATCH_WINDOW if server.shape.batch > 1 else 0),
    )


def _with_fast_queue(shapes: Sequence[Shape]) -> Sequence[Shape]:
    return [replace(shape, fast_queue=True) for shape in shapes]


_TENSORS = "OIP gRPC, raw tensors"
# In the models' config.pbtxt.
_CONFIGURED = "up to 8"
# Batches help some systems under many callers and have others' workers idle under few.
_BATCHES_OR_NONE = (NARROW, replace(NARROW, batch=1))
# What goes from process to process would take longer than a small model does.
_ONE_PROCESS = Shape(0, CORES, batch=1)
_impasto = partial(
    System,
    start=_gateway,
    python=PYTHON,
    decides=True,
    alone=(),
    batches=_CONFIGURED,
)
SYSTEMS = (
    _impasto("impasto", _TENSORS),
    # A seed and a style's name instead of tensors: less to send, more to do.
    _impasto("impasto, Generate", "Generate", sizes=("64", "256")),
    System("bare grpc.aio", _TENSORS, _bare, PYTHON, batches="none"),
    System(
        "impasto before the Triton stand-in",
        _TENSORS,
        _gateway_to_triton,
        TRITON_PYTHON,
        alone=(),
        batches=_CONFIGURED,
    ),
    System(
        "Triton stand-in alone",
        _TENSORS,
        _triton,
        TRITON_PYTHON,
        sizes=("64", "tiny"),
        alone=(),
        batches=_CONFIGURED,
    ),
    System(
        "LitServe",
        "HTTP, base64 in, raw bytes out",
        _litserve,
        crowd=_BATCHES_OR_NONE,
        # Its documentation has it for more than 100 calls per second.
        tiny_crowd=_with_fast_queue(_BATCHES_OR_NONE),
        tiny_alone=_with_fast_queue([WIDE]),
    ),
    System("mosec", "HTTP, raw bytes", _mosec, crowd=_BATCHES_OR_NONE),
    System(
        "MLServer",
        "OIP gRPC, tensors of bytes",
        _mlserver,
        crowd=_BATCHES_OR_NONE,
        alone=(_ONE_PROCESS,),
        tiny_crowd=(replace(_ONE_PROCESS, batch=NARROW.batch), _ONE_PROCESS),
    ),
)
