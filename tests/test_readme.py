"""Every command of the README does what the README says."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running_server import ROOT, RunningServer

README = (ROOT / "README.md").read_text()
SHELL = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line and not line.startswith("#")
]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
CLI = [line for line in SHELL if line.split()[0].endswith("impasto")]
MAKE = [line for line in SHELL if line.startswith("make ")]


def environment(server: RunningServer) -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    path = f"{scripts}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"IMPASTO_TARGET": server.target, "PATH": path}


def test_there_are_commands_of_each_kind() -> None:
    assert CLI
    assert MAKE
    assert PYTHON
    rest = set(SHELL) - set(CLI) - set(MAKE)
    assert not rest, "a command that no test runs"


@pytest.mark.parametrize("command", CLI)
def test_client_command(server: RunningServer, tmp_path: Path, command: str) -> None:
    words = shlex.split(command.split("#", maxsplit=1)[0])
    words[0] = str(Path(sys.executable).parent / "impasto")
    for name in ("photo.jpg", "painting.jpg"):
        shutil.copy(ROOT / "model_repository/paintings.jpg", tmp_path / name)
    done = subprocess.run(
        words, cwd=tmp_path, env=environment(server), capture_output=True, text=True, check=False
    )
    # Whether this machine holds an objective now is another matter than whether the command works.
    assert done.returncode in ({0, 1} if "--slo" in words else {0}), done.stderr
    if "-o" in words:
        target = tmp_path / words[words.index("-o") + 1]
        assert target.stat().st_size > 0
    else:
        assert done.stdout


@pytest.mark.parametrize("code", PYTHON)
def test_python_snippet(server: RunningServer, tmp_path: Path, code: str) -> None:
    assert "localhost:8081" in code
    code = code.replace("localhost:8081", server.target)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("command", MAKE)
def test_make_target_exists(command: str) -> None:
    words = shlex.split(command.split("#", maxsplit=1)[0])
    done = subprocess.run(
        [*words, "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#:]+)\)", README))
def test_links_and_pictures_exist(path: str) -> None:
    assert (ROOT / path).exists()
