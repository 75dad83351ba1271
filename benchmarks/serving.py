"""What serving costs: this engine, a stand-in Triton and bare onnxruntime, side by side in one run.

Rounds go through all measurements in turn, so that a noisy machine disturbs all of them. The Triton
is the one from pip with a stand-in for its native backend, so its figures are not NVIDIA's image's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.machine import describe
from benchmarks.processes import TRITON_PYTHON, cores, echo, gateway, measure, repository, triton
from benchmarks.report import Row, table

RESULTS = Path(__file__).parent / "results"
Measure = Callable[[], dict[str, Any]]


@dataclass(frozen=True)
class Section:
    """Measurements that belong into one table."""

    title: str
    unit: str
    measurements: Sequence[tuple[Row, Measure]]

    def go_round(self) -> None:
        """Do each measurement once more."""
        for row, take in self.measurements:
            click.echo(f"{self.title}: {row.name} ...", err=True)
            taken = take()
            row.rates.append(taken["rate"])
            row.latencies += taken["latencies"]

    @property
    def rows(self) -> list[Row]:
        """What was measured."""
        return [row for row, _ in self.measurements]

    def text(self) -> str:
        """The table with its title."""
        return f"### {self.title}\n\n{table(self.rows, self.unit)}\n"


class Bench:
    """The servers, started when a section needs them, and the measurements.

    Args:
        stack: what stops the servers.
        models: the repository that they serve.
        seconds: length of one measurement.
    """

    def __init__(self, stack: ExitStack, models: Path, seconds: float) -> None:
        """Start nothing yet."""
        self._stack = stack
        self._models = models
        self._seconds = ["--seconds", str(seconds)]

    def _raw(self, core: int | None = None, **options: int) -> Measure:
        flags = [f"--{name}={value}" for name, value in options.items()]
        return lambda: measure("raw", [*flags, *self._seconds], core)

    def _calls(
        self, kind: str, target: str, callers: int, count: int = 1, core: int | None = None
    ) -> Measure:
        flags = [kind, target, f"--callers={callers}", f"--count={count}", *self._seconds]
        return lambda: measure("callers", flags, core)

    def _gateway(self, *flags: str, core: int | None = None) -> str:
        # Callers who wait for their answers are never too many.
        flags = ("--max-backlog=64", *flags)
        return self._stack.enter_context(gateway(self._models, *flags, core=core))

    def _triton(self, core: int | None = None) -> tuple[str, str]:
        """A Triton and a gateway before it."""
        models = self._models if core is None else self._stack.enter_context(repository(1))
        url = self._stack.enter_context(triton(models, core))
        return url, self._gateway("--engine=triton", f"--triton-url={url}", core=core)

    def pinned(self) -> Section:
        """The server on one core, its callers on another; the limit on the server's core."""
        server, client = cores()
        ours, theirs = self._gateway(core=server), self._triton(server)[1]
        blank = self._stack.enter_context(echo("grpcio", server))
        one, eight = "raw onnxruntime, batches of 1", "raw onnxruntime, batches of 8"
        rows = [
            (Row(one), self._raw(server, batch=1)),
            (Row(eight), self._raw(server, batch=8)),
            (
                Row("bare grpc.aio, blank pictures, 1 caller of 1"),
                self._calls("generate", blank, 1, core=client),
            ),
            (
                Row("gateway, 1 caller of 1", one, one),
                self._calls("generate", ours, 1, core=client),
            ),
            (Row("gateway, 4 callers of 1", one), self._calls("generate", ours, 4, core=client)),
            (
                Row("gateway, 4 callers of 8", eight),
                self._calls("generate", ours, 4, 8, client),
            ),
            (
                Row("gateway to Triton stand-in, 1 caller of 1", one, one),
                self._calls("generate", theirs, 1, core=client),
            ),
            (
                Row("gateway to Triton stand-in, 4 callers of 1", one),
                self._calls("generate", theirs, 4, core=client),
            ),
        ]
        return Section("Pictures, server on one core", "pictures", rows)

    def unpinned(self) -> Section:
        """Everybody on all cores: the same server gives a lone caller and a crowd their best."""
        total = len(set(cores()))
        ours, theirs = self._gateway(), self._triton()[1]
        native = self._gateway("--grpc-transport=native")
        wide = f"raw onnxruntime, 1 batch on {total} threads"
        narrow = f"raw onnxruntime, {total} batches on 1 thread each"
        rows = [
            (Row(wide), self._raw(threads=total)),
            (Row(narrow), self._raw(workers=total)),
            (Row("gateway, 1 caller", wide, wide), self._calls("generate", ours, 1)),
            (Row("gateway, 4 callers", narrow), self._calls("generate", ours, 4)),
            (Row("gateway, 16 callers", narrow), self._calls("generate", ours, 16)),
            (
                Row("gateway, native transport, 16 callers", narrow),
                self._calls("generate", native, 16),
            ),
            (
                Row("gateway to Triton stand-in, 1 caller", wide, wide),
                self._calls("generate", theirs, 1),
            ),
            (
                Row("gateway to Triton stand-in, 16 callers", narrow),
                self._calls("generate", theirs, 16),
            ),
        ]
        return Section("Pictures, all cores", "pictures", rows)

    def trivial(self) -> Section:
        """One Add on 128 numbers, 16 callers and 1: what is left when models take no time."""
        url, before_triton = self._triton()
        targets = {
            "bare grpc.aio echo": self._stack.enter_context(echo("grpcio")),
            "gateway": self._gateway(),
            "bare native echo": self._stack.enter_context(echo("native")),
            "gateway, native transport": self._gateway("--grpc-transport=native"),
            "Triton stand-in": url,
            "gateway to Triton stand-in": before_triton,
        }
        rows = []
        for callers in (1, 16):
            limit = f"bare grpc.aio echo, {callers} callers"
            for name, target in targets.items():
                row = Row(f"{name}, {callers} callers", limit, limit)
                rows.append((row, self._calls("infer", target, callers)))
        return Section("Trivial model, all cores", "calls", rows)


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--rounds", type=click.IntRange(1), default=5, help="Repetitions.")
@click.option("--seconds", type=click.FloatRange(0.1), default=8.0, help="Of one measurement.")
@click.option(
    "--section",
    "chosen",
    type=click.Choice(["pinned", "unpinned", "trivial"]),
    multiple=True,
    default=["pinned", "unpinned", "trivial"],
    help="What to measure.",
)
def main(rounds: int, seconds: float, chosen: Sequence[str]) -> None:
    """Measure, print and write results/serving-SECTION.{json,md}."""
    if not TRITON_PYTHON.exists():
        raise click.ClickException("there is no Triton to compare with; `make bench` installs it")
    RESULTS.mkdir(exist_ok=True)
    for name in chosen:
        with ExitStack() as stack:
            bench = Bench(stack, stack.enter_context(repository()), seconds)
            section: Section = getattr(bench, name)()
            for _ in range(rounds):
                section.go_round()
        command = f"python -m benchmarks.serving --rounds {rounds} --seconds {seconds:g}"
        text = f"`{command} --section {name}`, {describe()}\n\n{section.text()}"
        click.echo(text)
        (RESULTS / f"serving-{name}.md").write_text(text)
        result = {
            "command": command,
            "machine": describe(),
            "rows": [row.summary() for row in section.rows],
        }
        (RESULTS / f"serving-{name}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
