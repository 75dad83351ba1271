"""Trains as a user does: by the command line, in this process or in one watched from outside."""

import importlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from click.testing import CliRunner

from training import checkpoint
from training.checkpoint import Checkpoint

ROOT = Path(__file__).parents[2]
SMALL_GAN = [
    *("--pictures", "160", "--batch", "4", "--resolution", "32", "--generator-width", "8"),
    *("--discriminator-width", "4", "--penalty-every", "3", "--watch-every", "10"),
    *("--metric-features", "none"),
]
SMALL_STYLE = [
    *("--steps", "12", "--warmup-steps", "6", "--batch", "2", "--crop", "32"),
    *("--style-side", "48", "--style-layers", "relu1_2,relu2_1=0.5", "--variations", "2"),
    *("--content-layer", "relu2_1", "--inner", "16", "--residual-blocks", "1"),
]
RUNS = {"training.gan": SMALL_GAN, "training.style": SMALL_STYLE}


def _flags(run: Path, data: Path, flags: Sequence[str]) -> list[str]:
    quiet = ["--threads", "1", "--device", "cpu", "--sample-every", "1000", "--save-every", "3"]
    return ["--run", str(run), "--data", str(data), *quiet, *flags]


def train(module: str, run: Path, data: Path, flags: Sequence[str]) -> tuple[int, str]:
    """Run a trainer's command in this process; its exit status and what it printed."""
    return command(f"{module}.__main__", *_flags(run, data, flags))


def command(module: str, *flags: object) -> tuple[int, str]:
    """Run a module's command in this process; its exit status and what it printed."""
    threads = torch.get_num_threads()
    main = importlib.import_module(module).main
    try:
        result = CliRunner().invoke(main, list(map(str, flags)))
    finally:
        torch.set_num_threads(threads)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def start(
    module: str, run: Path, data: Path, flags: Sequence[str], launcher: Sequence[str] = ("-m",)
) -> subprocess.Popen[str]:
    """Start a trainer as a process of its own."""
    return subprocess.Popen(
        [sys.executable, *launcher, module, *_flags(run, data, flags)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=110)
    return process.returncode, output


def latest(run: Path) -> Checkpoint:
    saved = checkpoint.load_latest(run)
    assert saved is not None
    return saved
