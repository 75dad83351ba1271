"""Ctrl-C in the middle of training loses nothing: the resumed run ends where the whole one ends."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from synthetic_data import write_synthetic_data

from training import checkpoint
from training.checkpoint import Checkpoint

ROOT = Path(__file__).parents[2]
RUNS = {
    "training.gan": [
        *("--pictures", "160", "--batch", "4", "--generator-width", "10"),
        *("--discriminator-width", "4", "--source-width", "96"),
        *("--crop-least", "32", "--crop-greatest", "48", "--penalty-every", "3"),
    ],
    "training.style": [
        *("--steps", "12", "--warmup-steps", "6", "--batch", "2", "--crop", "32"),
        *("--style-side", "32", "--style-layers", "relu1_2,relu2_1"),
        *("--content-layer", "relu2_1"),
    ],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_synthetic_data(tmp_path_factory.mktemp("data")).root


def start(module: str, run: Path, data: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, "--run", str(run), "--data", str(data)]
    flags = ["--threads", "1", "--sample-every", "1000", "--save-every", "3", *RUNS[module]]
    return subprocess.Popen(
        [*command, *flags], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=100)
    return process.returncode, output


def interrupt_after_first_save(process: subprocess.Popen[str], run: Path) -> None:
    while not list(run.glob("checkpoint-*[0-9]")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)


def latest(run: Path) -> Checkpoint:
    saved = checkpoint.load_latest(run)
    assert saved is not None
    return saved


@pytest.mark.parametrize("module", RUNS)
def test_interrupted_run_continues_exactly(module: str, data: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert finish(start(module, whole, data))[0] == 0
    process = start(module, parts, data)
    interrupt_after_first_save(process, parts)
    status, output = finish(process)
    assert status == 130, output
    stopped = latest(parts)
    assert 0 < stopped.step < latest(whole).step, "the interrupt came in the middle"
    status, output = finish(start(module, parts, data))
    assert status == 0, output
    assert f"resumed at step {stopped.step}" in output
    expected, actual = latest(whole), latest(parts)
    assert (actual.step, actual.state) == (expected.step, expected.state)
    assert actual.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        assert torch.equal(actual.tensors[name], tensor), name
    kinds = {name.split(".")[0] for name in expected.tensors}
    assert {"optimiser", "random"} <= kinds


def test_checkpoint_holds_the_average_and_it_moves(data: Path, tmp_path: Path) -> None:
    assert finish(start("training.gan", tmp_path, data))[0] == 0
    tensors = latest(tmp_path).tensors
    average, current = (tensors[f"{name}.to_rgb.weight"] for name in ("average", "generator"))
    assert not torch.equal(average, current)
    assert (tmp_path / "samples/000000040.png").exists()


def test_other_settings_are_refused_by_name(data: Path, tmp_path: Path) -> None:
    process = start("training.gan", tmp_path, data)
    interrupt_after_first_save(process, tmp_path)
    finish(process)
    state = next(iter(sorted(tmp_path.glob("checkpoint-*")))) / "state.json"
    for path in tmp_path.glob("checkpoint-*/state.json"):
        settings = json.loads(path.read_text())
        settings["config"]["gamma"] = 9.0
        path.write_text(json.dumps(settings))
    assert state.exists()
    status, output = finish(start("training.gan", tmp_path, data))
    assert status == 1
    assert "made with other settings (gamma: 9.0 -> 0.05)" in output


def test_missing_data_says_what_to_do(tmp_path: Path) -> None:
    status, output = finish(start("training.gan", tmp_path / "run", tmp_path / "none"))
    assert status == 1
    assert "landscapes: missing; expected landscape photographs. Run `make data` first." in output
