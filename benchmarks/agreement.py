"""Whether two load testers say the same of the same server: ours and hey, in one run.

Both call the Triton from pip over HTTP with the same bytes, as a closed loop of as many callers, in
turns: first one, then the other, round after round, so that a noisy machine disturbs both. The
Triton has a core of its own, so that neither takes from it what it is measured by. hey is of other
people and in another language (Debian's package `hey`); its latencies have steps of 0.1 ms.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click
import numpy as np
from loadtest.results import Result
from loadtest.targets.base import Connection
from loadtest.targets.oip_http import OipHttpTarget
from loadtest.targets.requests import TensorRequest

from benchmarks.machine import describe, pinned
from benchmarks.processes import cores, repository, triton_http
from benchmarks.tables import table, write_report

# A model that takes no time, and the whole chain as one ensemble.
_MODELS = {"add_one": ("--shape", "x:1,128"), "landscapes_64": ()}
_PERCENTS = (50, 90, 99)
# How far the median of the rounds' ratios may be from 1.
_AGREEMENT = 0.05
_WARM_UP_SECONDS = 1.0
_PATIENCE_SECONDS = 60


@dataclass
class Told:
    """What one load tester said, round by round.

    Attributes:
        rates: answers per second.
        means: of the latency in seconds.
        percentiles: of the latency in seconds, by percentage.
    """

    rates: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    percentiles: list[dict[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Post:
    """What both send."""

    url: str
    body: Path
    headers: dict[str, str]


async def post_of(address: str, model: str, shape: Sequence[str], body: Path) -> Post:
    """The bytes that our load tester sends, for the other one to send them, too."""
    shapes = {}
    if shape:
        name, _, sizes = shape[1].rpartition(":")
        shapes[name] = tuple(map(int, sizes.split(",")))
    request = TensorRequest(model=model, shapes=shapes)
    connection = Connection(address=address, timeout=_PATIENCE_SECONDS)
    async with OipHttpTarget(connection, [request.model_dump()]) as target:
        path, content, headers = target.posts[0]
    body.write_bytes(content)
    return Post(f"{address}{path}", body, headers)


def ours(address: str, model: str, shape: Sequence[str], callers: int, seconds: float) -> Told:
    """One measurement by `impasto load`."""
    _, core = cores()
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        command = [sys.executable, "-c", "from impasto.cli import main; main()", "load"]
        command += ["--target", "oip", "--address", address, "--model", model, *shape]
        command += ["--concurrency", str(callers), "--seconds", str(seconds), "--quiet"]
        command += ["--warm-up", str(_WARM_UP_SECONDS), "--processes", "1", "--json", file.name]
        subprocess.run(pinned(command, core), check=True, stdout=subprocess.DEVNULL)
        (run,) = Result.model_validate_json(file.read()).runs
    if run.failed:
        raise click.ClickException(f"{model}: calls failed: {run.failed}")
    for warning in run.client.warnings:
        click.echo(f"{model}: {warning}", err=True)
    told = {percent: run.latency.percentiles[str(percent)] for percent in _PERCENTS}
    return Told(
        [run.throughput],
        [run.latency.mean or np.nan],
        [{percent: value or np.nan for percent, value in told.items()}],
    )


def hey(post: Post, callers: int, seconds: float) -> Told:
    """One measurement by hey, which has no warm-up: a short one goes before it."""
    _run_hey(post, callers, _WARM_UP_SECONDS)
    rows = list(csv.DictReader(io.StringIO(_run_hey(post, callers, seconds))))
    if wrong := {row["status-code"] for row in rows} - {"200"}:
        raise click.ClickException(f"{post.url}: hey got status {', '.join(wrong)}")
    latencies = np.array([float(row["response-time"]) for row in rows])
    percentiles = np.percentile(latencies, _PERCENTS, method="inverted_cdf")
    # Those that were under way at the end are told, too; counted are those that ended in time.
    ends = latencies + np.array([float(row["offset"]) for row in rows])
    return Told(
        [float(np.count_nonzero(ends <= seconds) / seconds)],
        [float(latencies.mean())],
        [dict(zip(_PERCENTS, percentiles.tolist(), strict=True))],
    )


def _run_hey(post: Post, callers: int, seconds: float) -> str:
    command = ["hey", "-o", "csv", "-z", f"{seconds}s", "-c", str(callers), "-t", "0"]
    command += ["-m", "POST", "-D", str(post.body), "-disable-compression"]
    for name, value in post.headers.items():
        command += ["-T", value] if name == "Content-Type" else ["-H", f"{name}: {value}"]
    _, core = cores()
    command = pinned([*command, post.url], core)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout


def rounds_of(measures: Sequence[Callable[[], Told]], rounds: int) -> list[Told]:
    """Each in turn, again and again; who begins changes."""
    every = [Told() for _ in measures]
    for number in range(rounds):
        order = range(len(measures)) if number % 2 == 0 else reversed(range(len(measures)))
        for which in order:
            told = measures[which]()
            every[which].rates += told.rates
            every[which].means += told.means
            every[which].percentiles += told.percentiles
    return every


def rows_of(model: str, callers: int, mine: Told, theirs: Told) -> list[list[str]]:
    """Their figures and ours, and ours over theirs round by round."""
    rows = [_row(mine.rates, theirs.rates, "answers/s", lambda rate: f"{rate:.1f}")]
    rows += [_row(mine.means, theirs.means, "mean, ms", _milliseconds)]
    for percent in _PERCENTS:
        left, right = ([each[percent] for each in told.percentiles] for told in (mine, theirs))
        rows.append(_row(left, right, f"p{percent}, ms", _milliseconds))
    return [[model, str(callers), *rows[0]], *(["", "", *row] for row in rows[1:])]


def _row(
    mine: Sequence[float], theirs: Sequence[float], name: str, text: Callable[[float], str]
) -> list[str]:
    # A median of NaN and numbers would depend on their order.
    figures = [text(float(np.median(told))) for told in (mine, theirs)]
    ratios = np.array(mine) / np.array(theirs)
    ratio = float(np.median(ratios))
    if np.isnan(ratio):
        return [name, *figures, "", ""]
    agrees = "yes" if abs(ratio - 1) <= _AGREEMENT else "no"
    return [name, *figures, f"{ratio:.3f} ({ratios.min():.3f} to {ratios.max():.3f})", agrees]


def _milliseconds(seconds: float) -> str:
    return "too few calls" if np.isnan(seconds) else f"{1e3 * seconds:.2f}"


@click.command(help=__doc__, context_settings={"show_default": True})
@click.option("--rounds", type=click.IntRange(1), default=7, help="Of each, in turns.")
@click.option("--seconds", type=click.FloatRange(0.5), default=10.0, help="Of one measurement.")
@click.option("--callers", type=click.IntRange(1), default=4, help="Of both.")
def main(rounds: int, seconds: float, callers: int) -> None:
    """Measure, print and write results/agreement.{json,md}."""
    if shutil.which("hey") is None:
        raise click.ClickException("there is no hey to compare with; it is Debian's package `hey`")
    rows, figures = [], {}
    with (
        tempfile.TemporaryDirectory() as folder,
        repository(1) as models,
        triton_http(models, cores()[0]) as address,
    ):
        for model, shape in _MODELS.items():
            post = asyncio.run(post_of(address, model, shape, Path(folder) / model))
            measures = [
                partial(ours, address, model, shape, callers, seconds),
                partial(hey, post, callers, seconds),
            ]
            mine, theirs = rounds_of(measures, rounds)
            rows += rows_of(model, callers, mine, theirs)
            figures[model] = {"impasto load": vars(mine), "hey": vars(theirs)}
    head = ["model", "callers", "", "impasto load", "hey", "ratio", f"within {_AGREEMENT:.0%}"]
    note = (
        f"Medians of {rounds} rounds of {seconds:g} s each, in turns, on one Triton from pip with "
        "its stand-in backend on a core of its own, over HTTP with the same bytes. A "
        "ratio is the median of the rounds' ratios, with their range; the last column says "
        f"whether it is within {_AGREEMENT:.0%} of 1."
    )
    command = (
        f"python -m benchmarks.agreement --rounds {rounds} --seconds {seconds:g} "
        f"--callers {callers}"
    )
    path = write_report("agreement", command, describe(), table(head, rows), note)
    document = {"command": command, "machine": describe(), "figures": figures}
    path.with_suffix(".json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
