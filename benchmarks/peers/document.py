"""The result: what is equal and what is not, then the tables; and all figures for machines."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers import results
from benchmarks.peers.visits import OPEN_SHARE, Entry
from benchmarks.tables import RESULTS, table

_TITLES = {
    "64": "Painted pictures of 64x64",
    "256": "Painted pictures of 256x256, the default",
    "tiny": "One Add on 128 numbers: what is left is the server",
}
# What is equal and what is not.
_EQUAL = Path(__file__).parent / "README.md"
_TUNING = (
    "Before the rounds, medians of three short runs; the greatest sum of the rates, each by its "
    "load's greatest, is taken."
)


@dataclass
class Findings:
    """All that was seen.

    Attributes:
        command: that makes it again.
        machine: that it was seen on.
        notes: versions and warnings.
        entries: what was visited.
        limits: by work the best batch of bare onnxruntime and its rate before the rounds.
        tunings: lines of the last table.
    """

    command: str
    machine: str
    notes: list[str]
    entries: list[Entry]
    limits: dict[str, tuple[int, float]] = field(default_factory=dict)
    tunings: list[list[str]] = field(default_factory=list)


def write(findings: Findings, folder: Path = RESULTS) -> None:
    """Write peers.md and peers.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.md").write_text(document(findings))
    figures = vars(findings) | {"entries": [results.summary(entry) for entry in findings.entries]}
    (folder / "peers.json").write_text(json.dumps(figures, indent=1) + "\n")


def document(findings: Findings) -> str:
    """The Markdown text."""
    parts = ["# Beside other serving systems", f"`{findings.command}`, {findings.machine}"]
    parts += [_EQUAL.read_text().strip()]
    parts += ["\n".join(f"- {note}" for note in findings.notes)]
    for size, title in _TITLES.items():
        parts += [f"## {title}", *_section(findings, size)]
    if findings.tunings:
        head = ["", "work", "workers x threads", "batches of"]
        head += ["1 caller, /s", "4 callers, /s", "16 callers, /s", "taken"]
        parts += ["## Settings that were found out", _TUNING, table(head, findings.tunings)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(findings: Findings, size: str) -> list[str]:
    entries = [entry for entry in findings.entries if entry.size == size]
    failures = results.failures_text(entries)
    if size not in findings.limits:
        return [results.tiny_crowd_table(entries), results.tiny_lone_table(entries), failures]
    batch, rate = findings.limits[size]
    return [
        results.limits_text(entries, batch),
        results.crowd_table(entries),
        results.lone_table(entries),
        f"Open loop: {OPEN_SHARE * rate:.3g} calls/s as a Poisson process, {OPEN_SHARE:.0%} of the "
        "limit as it was before the rounds; latency from the moment at which a call was due.",
        results.open_table(entries),
        results.start_table(entries),
        failures,
    ]
