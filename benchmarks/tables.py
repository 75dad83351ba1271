"""Markdown tables of results, with the command and the machine that made them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

RESULTS = Path("benchmarks/results")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_report(name: str, command: str, machine: str, *parts: str) -> Path:
    """Write `results/<name>.md`: the command, the machine, then the parts; and print them."""
    text = "\n\n".join([f"`{command}`, {machine}", *parts]) + "\n"
    path = RESULTS / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    click.echo(text)
    return path
