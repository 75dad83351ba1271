"""Makes API keys as users do."""

import subprocess
import sys
from pathlib import Path

from running_server import ROOT


def run_keys(path: Path, name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server.keys", "--file", str(path), "--name", name, *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def make_key(path: Path, name: str, *flags: str) -> str:
    done = run_keys(path, name, *flags)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
