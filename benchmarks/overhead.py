"""What serving costs: the gateway beside bare onnxruntime on the same models, in one run.

Rounds alternate between the two, so that a noisy machine disturbs both. Client and server share the
machine's cores. A p99 is printed only from 459 samples on (MLPerf's early-stopping rule).
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import onnxruntime as ort
from impasto import AsyncClient

ROOT = Path(__file__).parent.parent
REPOSITORY = ROOT / "model_repository"
RESULTS = Path(__file__).parent / "results"
STYLE = "great_wave"
P99_NEEDS = 459
WARM_UP = 10


@dataclass(frozen=True)
class Measurement:
    """One phase: so many pictures in so many seconds, and the latency of each call."""

    pictures: int
    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.pictures / self.seconds


@dataclass(frozen=True)
class Row:
    """One line of the result: medians over the rounds; latencies in milliseconds."""

    name: str
    pictures_per_second: float
    lowest: float
    highest: float
    p50_ms: float
    p99_ms: float | None


def bare_onnxruntime(batch: int, calls: int) -> Measurement:
    """Generator and stylizer run one after the other in this process, all cores, no server."""
    options = ort.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    generator, stylizer = (
        ort.InferenceSession(
            str(REPOSITORY / name / "1/model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        for name in ("generator", "stylizer")
    )
    latent = np.random.default_rng(0).standard_normal((batch, 64), dtype=np.float32)
    table = json.loads((REPOSITORY / "stylizer/styles.json").read_text())
    code = np.array([table["styles"][0]["code"]] * batch, np.float32)

    def call() -> None:
        (canvas,) = generator.run(["canvas"], {"latent": latent})
        stylizer.run(["pixels"], {"image": canvas, "style_code": code})

    for _ in range(WARM_UP):
        call()
    latencies = [timed(call) for _ in range(calls)]
    return Measurement(batch * calls, sum(latencies), latencies)


def timed(call: Callable[[], None]) -> float:
    """Seconds that `call` takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


@contextmanager
def gateway() -> Iterator[str]:
    """The gateway with its default settings; yields its gRPC address."""
    command = [sys.executable, "-m", "server", "--port", "0", "--http-port", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        ready = next(line for line in process.stderr if "ready: grpc on" in line)
        yield ready.split()[-1]
    finally:
        process.terminate()
        process.communicate()


async def closed_loop(target: str, concurrency: int, calls: int) -> Measurement:
    """`concurrency` callers, each sending its next request when its last one is answered."""
    latencies: list[float] = []
    seeds = iter(range(calls + WARM_UP * concurrency))

    async def caller(client: AsyncClient, count: int, record: bool) -> None:
        for _ in range(count):
            started = time.perf_counter()
            await client.generate(seed=next(seeds), style=STYLE)
            if record:
                latencies.append(time.perf_counter() - started)

    async with AsyncClient(target) as client:
        await asyncio.gather(*(caller(client, WARM_UP, False) for _ in range(concurrency)))
        started = time.perf_counter()
        share = calls // concurrency
        await asyncio.gather(*(caller(client, share, True) for _ in range(concurrency)))
        return Measurement(len(latencies), time.perf_counter() - started, latencies)


def summarise(name: str, rounds: list[Measurement]) -> Row:
    """Medians over the rounds; the p99 over all their calls."""
    rates = [measurement.rate for measurement in rounds]
    pooled = sorted(latency for measurement in rounds for latency in measurement.latencies)
    p99 = pooled[int(len(pooled) * 0.99)] * 1e3 if len(pooled) >= P99_NEEDS else None
    p50 = statistics.median(pooled) * 1e3
    return Row(name, statistics.median(rates), min(rates), max(rates), p50, p99)


def table(rows: list[Row]) -> str:
    """A markdown table; the last column is the rate against bare onnxruntime's best."""
    best = max(row.pictures_per_second for row in rows if row.name.startswith("bare"))
    lines = [
        "| | pictures/s (range) | p50 ms | p99 ms | ÷ best bare rate |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        p99 = f"{row.p99_ms:.0f}" if row.p99_ms is not None else "-"
        rate = f"{row.pictures_per_second:.1f} ({row.lowest:.1f} to {row.highest:.1f})"
        ratio = row.pictures_per_second / best
        lines.append(f"| {row.name} | {rate} | {row.p50_ms:.1f} | {p99} | {ratio:.2f} |")
    return "\n".join(lines)


def machine() -> str:
    """Cores, processor and versions that the figures depend on."""
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return (
        f"{os.cpu_count()} cores of {model}, Python {platform.python_version()}, "
        f"onnxruntime {ort.__version__}"
    )


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--rounds", type=click.IntRange(1), default=3, help="Repetitions of every phase.")
@click.option("--calls", type=click.IntRange(16), default=160, help="Calls of one phase.")
def main(rounds: int, calls: int) -> None:
    """Measure, print and write results/overhead.{json,md}."""
    phases: dict[str, Callable[[str], Measurement]] = {
        "bare onnxruntime, batch 1": lambda target: bare_onnxruntime(1, calls),
        "bare onnxruntime, batch 8": lambda target: bare_onnxruntime(8, calls // 8),
        "gateway, 1 caller": lambda target: asyncio.run(closed_loop(target, 1, calls)),
        "gateway, 4 callers": lambda target: asyncio.run(closed_loop(target, 4, calls)),
        "gateway, 16 callers": lambda target: asyncio.run(closed_loop(target, 16, calls)),
    }
    measured: dict[str, list[Measurement]] = {name: [] for name in phases}
    with gateway() as target:
        for _ in range(rounds):
            for name, phase in phases.items():
                measured[name].append(phase(target))
    rows = [summarise(name, measurements) for name, measurements in measured.items()]
    command = f"python -m benchmarks.overhead --rounds {rounds} --calls {calls}"
    text = f"`{command}`, {machine()}. One call is one painted 256x256 PNG.\n\n{table(rows)}\n"
    click.echo(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "overhead.md").write_text(text)
    result = {"command": command, "machine": machine(), "rows": [asdict(row) for row in rows]}
    (RESULTS / "overhead.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
