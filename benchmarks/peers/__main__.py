"""This gateway beside other serving systems: same models, same rows, same load, same machine.

Rounds go through all systems in turn, in an order that changes, and bare onnxruntime is measured
again before each. Writes results/peers.md and results/peers.json, anew after each round. As it
stands it takes about 26 minutes on two cores that have nothing else to do.
"""

from __future__ import annotations

import signal
import time

import click

from benchmarks.machine import describe
from benchmarks.peers.document import Findings, write
from benchmarks.peers.environments import busy, require, versions
from benchmarks.peers.systems import SYSTEMS
from benchmarks.peers.visits import OPEN, OPEN_SHARE, Entry, best_batch, limit, tuned, visit
from benchmarks.tables import RESULTS

# The tiny work's calls are so many that less time is enough.
_TINY_SHARE = 0.5
# Before the rounds several short runs tell which of a system's settings is better.
_TUNING_SHARE = 1 / 3
_LOADS = {
    "64": ("1", "4", "16", OPEN),
    "256": ("1", "16", OPEN),
    "tiny": ("1", "16"),
}


class Bench:
    """All systems, round by round.

    Args:
        rounds: how many.
        seconds: of one load.
    """

    def __init__(self, rounds: int, seconds: float) -> None:
        """Measure nothing yet."""
        self._rounds = rounds
        self._seconds = seconds
        self._started = time.monotonic()
        entries = [entry for size in _LOADS for entry in _entries(size)]
        command = f"python -m benchmarks.peers --rounds {rounds} --seconds {seconds:g}"
        self._findings = Findings(command, describe(), [*busy(), *versions()], entries)

    def run(self) -> None:
        """Find out what must be found out first, then go the rounds."""
        for size in ("64", "256"):
            self._say(f"{size}: raw onnxruntime")
            self._findings.limits[size] = best_batch(size, self._seconds / 2)
        for entry in self._findings.entries:
            if len(entry.choices) > 1:
                self._tune(entry)
        for turn in range(self._rounds):
            first = turn * len(self._findings.entries) // self._rounds
            order = [*self._findings.entries[first:], *self._findings.entries[:first]]
            for index, entry in enumerate(order):
                self._say(f"round {turn + 1} of {self._rounds}, {index + 1} of {len(order)}", entry)
                self._visit(entry, turn)
            write(self._findings)

    def _say(self, text: str, entry: Entry | None = None) -> None:
        minutes = (time.monotonic() - self._started) / 60
        what = f": {entry.name}, {entry.size}" if entry else ""
        click.echo(f"{minutes:5.1f} min  {text}{what}", err=True)

    def _tune(self, entry: Entry) -> None:
        self._say("tuning", entry)
        try:
            require(entry.system.python)
            rates = tuned(entry, self._seconds * _TUNING_SHARE)
        # What is wrong shows in the rounds, where it is noted.
        except Exception as error:
            self._say(f"failed: {error}", entry)
            return
        for shape, seen in rates.items():
            figures = [
                "-" if name not in seen else f"{seen[name]:.4g}" for name in ("1", "4", "16")
            ]
            batches = str(shape.batch) if shape.batch > 1 else "none"
            chosen = "yes" if shape == entry.shape else ""
            self._findings.tunings.append(
                [entry.system.name, entry.size, str(shape), batches, *figures, chosen]
            )

    def _visit(self, entry: Entry, turn: int) -> None:
        try:
            require(entry.system.python)
            if entry.size == "tiny":
                seen = visit(entry, None, self._seconds * _TINY_SHARE)
            else:
                batch, rate = self._findings.limits[entry.size]
                raw = limit(entry.size, batch, self._seconds / 2)
                seen = visit(entry, raw, self._seconds, OPEN_SHARE * rate, seed=turn)
        # One system's fault, whatever it is, must not cost the others' figures.
        except Exception as error:
            self._say(f"failed: {error}", entry)
            entry.failures.append(f"{type(error).__name__}: {error}")
        else:
            entry.visits.append(seen)


def _entries(size: str) -> list[Entry]:
    entries = []
    for system in SYSTEMS:
        if size in system.sizes:
            is_generate = system.protocol == "Generate"
            loads = ("1", "16") if is_generate else _LOADS[size]
            crowd, alone = system.shapes(size)
            # The lone caller of the pictures shows what the shape for many costs it, too.
            if alone and size == "tiny":
                loads = ("16",)
            entries.append(Entry(system, size, crowd[0], loads, crowd))
            if alone:
                entries.append(Entry(system, size, alone[0], ("1",), alone))
    return entries


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--rounds", type=click.IntRange(1), default=3, help="Repetitions.")
@click.option("--seconds", type=click.FloatRange(0.1), default=2.0, help="Of one load.")
def main(rounds: int, seconds: float) -> None:
    """Measure and write the tables."""
    # Whoever stops this one stops the servers, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Bench(rounds, seconds).run()
    click.echo((RESULTS / "peers.md").read_text())


if __name__ == "__main__":
    main()
