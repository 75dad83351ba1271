"""The machine that is measured, and which of its cores a process may use."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import onnxruntime as ort


def describe() -> str:
    """Cores, processor and versions that the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return (
        f"{os.cpu_count()} cores of {next(names, platform.processor())}, "
        f"Python {platform.python_version()}, onnxruntime {ort.__version__}"
    )


def pinned(command: Sequence[str], core: int | None) -> list[str]:
    """A command kept on one core; None leaves it all of them."""
    return list(command) if core is None else ["taskset", "--cpu-list", str(core), *command]
