"""A comparison as text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from loadtest.report import figures
from loadtest.report.compare import Change, Comparison, figure
from loadtest.report.noise import Noise


def text(comparison: Comparison) -> str:
    """The comparison, warnings first."""
    lines = [f"! {warning}" for warning in comparison.warnings]
    if comparison.greatest:
        lines += ["", *_aligned([comparison.greatest])]
    for pair in comparison.pairs:
        lines += ["", pair.load, *(f"  ! {warning}" for warning in pair.warnings)]
        lines += _aligned(pair.changes)
        if pair.stages:
            lines += ["  server's stages, mean of each", *_aligned(pair.stages)]
    lines += [f"not compared: {load}" for load in comparison.unpaired]
    if not comparison.pairs and not comparison.greatest:
        lines.append("Nothing to compare: no load is in both files.")
    if comparison.pairs:
        lines += ["", "Noise is among a run's windows; two runs of one server may differ by more."]
    return "\n".join(lines).strip("\n")


def cells(change: Change) -> tuple[str, ...]:
    """A change as a row: name, before, after, difference, and what noise says of it."""
    return (
        change.name,
        figure(change, change.before),
        figure(change, change.after),
        figures.change(change.ratio),
        judgement(change),
    )


def judgement(change: Change) -> str:
    """What is to be thought of a difference, with the reason where nothing is known."""
    if change.before == change.after and change.before is not None:
        return "no difference"
    if change.noise is Noise.UNKNOWN:
        return f"{change.noise}: {change.reason}" if change.reason else ""
    if change.noise is Noise.WITHIN:
        return str(change.noise)
    return f"{'worse' if change.worsening() else 'better'}, {change.noise}"


def _aligned(changes: Sequence[Change]) -> list[str]:
    rows = [("", "before", "after", "change", ""), *map(cells, changes)]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row[:4], widths, strict=True))
        )
        + (f"  {row[4]}" if row[4] else "")
        for row in rows
    ]
