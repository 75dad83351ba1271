"""One visit to a system: the limit, the server's start and answers, then the loads."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.load import Outcome, tree
from benchmarks.peers.starting import CORES, Running, Shape
from benchmarks.peers.systems import System, running
from benchmarks.processes import measure

OPEN = "open"
# An open loop's rate by the limit. More is overload for the slowest, less tells nothing.
OPEN_SHARE = 0.7
_BATCHES = (1, 4, 8)
# A system may take its batches in two ways that differ much, by chance.
_TUNING_RUNS = 3


@dataclass(frozen=True)
class Limit:
    """Bare onnxruntime, just before a visit.

    Attributes:
        rate: pictures per second, one batch on each core.
        lone: median seconds of one picture on all cores.
    """

    rate: float
    lone: float


@dataclass
class Visit:
    """What was seen of a system once.

    Attributes:
        limit: just before; None for work that is no picture.
        loads: outcome by load: "1", "4" and "16" callers, "open".
        cold_start: seconds from its start to its first right answer.
        memory: MiB that its processes hold after the loads, see `_memory`.
    """

    limit: Limit | None
    loads: dict[str, Outcome]
    cold_start: float
    memory: float


@dataclass
class Entry:
    """A system in one shape on one work, and all visits to it.

    Attributes:
        system: which.
        size: of the work.
        shape: how it divides the cores.
        loads: that it gets.
        choices: shapes of which the best is to be found out.
        visits: one for each round that went well.
        failures: what was said in the others.
    """

    system: System
    size: str
    shape: Shape
    loads: Sequence[str]
    choices: Sequence[Shape] = ()
    visits: list[Visit] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """For the progress and the tables."""
        return f"{self.system.name}, {self.system.label(self.shape)}"


def best_batch(size: str, seconds: float) -> tuple[int, float]:
    """The batch with which bare onnxruntime makes the most pictures, and how many per second.

    It is the smallest of those that are as good as equal.
    """
    rates = {
        batch: statistics.median(_narrow_rate(size, batch, seconds) for _ in range(3))
        for batch in _BATCHES
    }
    # A batch that gains less than this machine's noise only makes its rows wait.
    best = next(batch for batch in _BATCHES if rates[batch] > 0.97 * max(rates.values()))
    return best, rates[best]


def limit(size: str, batch: int, seconds: float) -> Limit:
    """Measure it."""
    wide = measure("raw", [f"--threads={CORES}", f"--size={size}", f"--seconds={seconds}"])
    return Limit(_narrow_rate(size, batch, seconds), statistics.median(wide["latencies"]))


def _narrow_rate(size: str, batch: int, seconds: float) -> float:
    flags = [f"--workers={CORES}", f"--batch={batch}", f"--size={size}"]
    rate: float = measure("raw", [*flags, f"--seconds={seconds}"])["rate"]
    return rate


def visit(
    entry: Entry, raw: Limit | None, seconds: float, rate: float = 0.0, seed: int = 0
) -> Visit:
    """Start the system, have its answers checked, and put the loads on it.

    Args:
        entry: the system.
        raw: the limit just before.
        seconds: of one load.
        rate: calls per second of the open loop.
        seed: of its moments.

    Raises:
        RuntimeError: it did not start, or hardly a call was answered.
        WrongAnswer: it gave wrong answers.
    """
    with running(entry.system, entry.size, entry.shape) as server:
        loads = {}
        for name in entry.loads:
            flags = [f"--rate={rate}", f"--seed={seed}"] if name == OPEN else [f"--callers={name}"]
            loads[name] = _load(server, seconds, flags)
        return Visit(raw, loads, server.cold_start, _memory(server.pids))


def _memory(pids: Sequence[int]) -> float:
    """Proportional set size without mapped files, in MiB.

    Pages of libraries are left out: those that this process maps as well would count by half.
    """
    total = 0
    for process in tree(pids):
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        for line in lines:
            if line.startswith(("Pss_Anon:", "Pss_Shmem:")):
                total += int(line.split()[1])
    return total / 1024


def _load(server: Running, seconds: float, flags: Sequence[str]) -> Outcome:
    arguments = [server.protocol, server.target, server.size, f"--seconds={seconds}", *flags]
    outcome = Outcome(
        **measure("peers.load", [*arguments, *(f"--pid={pid}" for pid in server.pids)])
    )
    outcome.errors = Counter(outcome.errors)
    if len(outcome.latencies) < 2:
        answered = f"only {len(outcome.latencies)} calls were answered in {seconds:g} s"
        raise RuntimeError(f"{answered}; errors: {dict(outcome.errors)}")
    return outcome


def tuned(entry: Entry, seconds: float) -> dict[Shape, dict[str, float]]:
    """Rates by shape and callers; the entry takes the best shape.

    A rate is the median of several short runs. The best shape has the greatest sum of its rates,
    each by the greatest of that load. A lone caller counts only where there is no crowd.
    """
    closed = [name for name in entry.loads if name != OPEN]
    loads = [name for name in closed if name != "1"] or closed
    rates = {shape: _rates(entry, shape, loads, seconds) for shape in entry.choices}
    best = {name: max(one[name] for one in rates.values()) for name in loads}
    entry.shape = max(
        rates, key=lambda shape: sum(rates[shape][name] / best[name] for name in loads)
    )
    return rates


def _rates(entry: Entry, shape: Shape, loads: Sequence[str], seconds: float) -> dict[str, float]:
    with running(entry.system, entry.size, shape) as server:
        return {
            name: statistics.median(
                _load(server, seconds, [f"--callers={name}"]).rate for _ in range(_TUNING_RUNS)
            )
            for name in loads
        }
