"""What the figures depend on beside the machine: environments, and who else uses it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import psutil

from benchmarks.peers.systems import PEERS_PYTHON, PYTHON
from benchmarks.processes import TRITON_PYTHON

_ENVIRONMENTS = {
    PYTHON: ("make .venv/.installed-server,fast,bench", ("onnxruntime", "numpy", "grpcio")),
    TRITON_PYTHON: ("make .venv-triton/.installed", ("nvidia-pytriton", "onnxruntime", "numpy")),
    PEERS_PYTHON: (
        "make .venv-peers/.installed",
        ("litserve", "mosec", "mlserver", "onnxruntime", "numpy", "grpcio"),
    ),
}
_MOST_BUSY_PERCENT = 10.0


def require(python: Path) -> None:
    """Check that an environment is there.

    Raises:
        FileNotFoundError: it is not; the message says how to make it.
    """
    if not python.exists():
        how, _ = _ENVIRONMENTS[python]
        raise FileNotFoundError(f"its environment is missing; `{how}` makes it")


def busy() -> list[str]:
    """A warning where something else uses the machine."""
    percent = psutil.cpu_percent(interval=2)
    if percent <= _MOST_BUSY_PERCENT:
        return []
    warning = f"**The machine was not quiet**: {percent:.0f} % busy before the first measurement."
    click.echo(f"warning: {warning}", err=True)
    return [warning]


def versions() -> list[str]:
    """What runs in which environment; a warning where onnxruntime is not everywhere the same."""
    notes, runtimes = [], set()
    for python, (how, names) in _ENVIRONMENTS.items():
        if not python.exists():
            click.echo(f"warning: {python} is missing; `{how}` makes it", err=True)
            continue
        found = _versions(python, names)
        runtimes.add(found["onnxruntime"])
        notes.append(", ".join(f"{name} {version}" for name, version in found.items()))
    if len(runtimes) > 1:
        warning = f"**Not the same onnxruntime everywhere**: {', '.join(sorted(runtimes))}."
        click.echo(f"warning: {warning}", err=True)
        notes.append(warning)
    return notes


def _versions(python: Path, names: Sequence[str]) -> dict[str, str]:
    code = "import sys, json, importlib.metadata as m; "
    code += "print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
    done = subprocess.run([python, "-c", code, *names], check=True, stdout=subprocess.PIPE)
    found: dict[str, str] = json.loads(done.stdout)
    return found
