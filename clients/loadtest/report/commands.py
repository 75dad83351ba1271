"""The commands that read load tests' files: a report again, and a comparison."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from loadtest.errors import WrongUse
from loadtest.report import comparison_page, html
from loadtest.report.compare import Comparison
from loadtest.report.compare import compare as compare_results
from loadtest.report.comparison_text import text
from loadtest.report.files import read
from loadtest.report.verdict import sentence

_File = click.Path(dir_okay=False, path_type=Path)
_Made = TypeVar("_Made")


class Percent(click.ParamType[float]):
    """A share such as 5%, as a number of one."""

    name = "percent"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The share, or a usage error that says what was expected."""
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", str(value))
        if not found:
            self.fail(f"expected a percentage such as 5%, got {value!r}", param, ctx)
        return float(found[1]) / 100


@click.command()
@click.argument("result", type=_File)
@click.option("--html", "page", type=_File, required=True, help="File to write the report to.")
def report(result: Path, page: Path) -> None:
    """Make the HTML report of a load test's JSON file again."""
    found = _usable(lambda: read(result))
    _write(page, _usable(lambda: html.render(found)))
    click.echo(sentence(found))


@click.command()
@click.argument("before", type=_File)
@click.argument("after", type=_File)
@click.option("--html", "page", type=_File, help="File to write the comparison to.")
@click.option("--json", "data", type=_File, help="File for machines to write it to.")
@click.option(
    "--fail-over",
    type=Percent(),
    help="End with 1 where throughput, p50, p99 or errors are worse by more than this share of "
    "what they were, and not within the noise; such as 5%.",
)
def compare(
    before: Path, after: Path, page: Path | None, data: Path | None, fail_over: float | None
) -> None:
    """Compare two load tests by their JSON files.

    Ends with 0, with 1 where --fail-over says so, and with 2 where a file cannot be used or
    --fail-over cannot be judged: runs of different loads are shown, but not judged.
    """
    one, other = _usable(lambda: read(before)), _usable(lambda: read(after))
    comparison = compare_results(one, other)
    if data:
        _write(data, comparison.model_dump_json(indent=2) + "\n")
    if page:
        _write(page, _usable(lambda: comparison_page.render(one, other, fail_over)))
    click.echo(text(comparison))
    if fail_over is not None:
        _judge(comparison, fail_over)


def _judge(comparison: Comparison, tolerance: float) -> None:
    worse = comparison.regressions(tolerance)
    for line in worse:
        click.echo(f"worse: {line}", err=True)
    unjudged = comparison.unjudged()
    for line in unjudged:
        click.echo(f"cannot be judged: {line}", err=True)
    if worse or unjudged:
        raise click.exceptions.Exit(1 if worse else 2)


def _usable(made: Callable[[], _Made]) -> _Made:
    try:
        return made()
    except (WrongUse, ValueError) as error:
        raise click.UsageError(str(error)) from error


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path}: cannot be written: {error.strerror}") from error
