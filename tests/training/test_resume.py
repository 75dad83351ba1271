"""Ctrl-C in the middle of training loses nothing: the resumed run ends where the whole one ends."""

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from training_runs import RUNS, SMALL_GAN, finish, latest, start, train


def interrupt_after_first_save(process: subprocess.Popen[str], run: Path) -> None:
    while not list(run.glob("checkpoint-*[0-9]")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)


def assert_same(actual_run: Path, expected_run: Path) -> None:
    expected, actual = latest(expected_run), latest(actual_run)
    assert (actual.step, actual.state) == (expected.step, expected.state)
    assert actual.tensors.keys() == expected.tensors.keys()
    for name, tensor in expected.tensors.items():
        assert torch.equal(actual.tensors[name], tensor), name


@pytest.mark.parametrize(
    ("module", "more"),
    [
        ("training.gan", []),
        (
            "training.gan",
            [
                *("--data-set", "fashion", "--conditional", "True", "--loss", "hinge"),
                *("--spectral-norm", "True", "--augment", "adaptive", "--precision", "bf16"),
            ],
        ),
        ("training.style", []),
    ],
    ids=["gan", "conditional, spectral, adaptive, bf16", "style"],
)
def test_interrupted_run_continues_exactly(
    module: str, more: list[str], data: Path, tmp_path: Path
) -> None:
    flags = [*RUNS[module], *more]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(module, whole, data, flags)[0] == 0
    process = start(module, parts, data, flags)
    interrupt_after_first_save(process, parts)
    status, output = finish(process)
    assert status == 130, output
    stopped = latest(parts)
    assert 0 < stopped.step < latest(whole).step, "the interrupt came in the middle"
    status, output = train(module, parts, data, flags)
    assert status == 0, output
    assert f"resumed at step {stopped.step}" in output
    assert_same(parts, whole)
    kinds = {name.split(".")[0] for name in latest(whole).tensors}
    assert {"optimiser", "random"} <= kinds


def test_average_moves_and_everything_is_written(data: Path, tmp_path: Path) -> None:
    flags = [*SMALL_GAN, "--log-every", "10", "--metric-features", "lite0"]
    flags += ["--metric-samples", "64"]
    assert train("training.gan", tmp_path, data, flags)[0] == 0
    tensors = latest(tmp_path).tensors
    average, current = (tensors[f"{name}.to_rgb.weight"] for name in ("average", "generator"))
    assert not torch.equal(average, current)
    assert (tmp_path / "samples/000000040.png").exists()
    assert list((tmp_path / "tensorboard").glob("events.*"))
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    seen = {name for entry in entries for name in entry}
    assert {"loss_d", "loss_g", "accuracy", "diversity", "pictures_per_second"} <= seen
    assert {"fd_lite0", "kd_lite0"} <= seen
    assert not {"fid", "kid"} & seen, "only Inception's distances have these names"


def test_two_processes_compute_what_one_does(data: Path, tmp_path: Path) -> None:
    # One step: from the second on, Adam makes steps of the rounding errors of vanishing gradients.
    # Not the relativistic loss, whose last bias has no gradient but rounding errors.
    flags = [*SMALL_GAN, "--pictures", "4", "--loss", "non-saturating"]
    assert train("training.gan", tmp_path / "one", data, flags)[0] == 0
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "--"]
    process = start("training.gan", tmp_path / "two", data, flags, torchrun)
    status, output = finish(process)
    assert status == 0, output
    one, two = latest(tmp_path / "one"), latest(tmp_path / "two")
    assert one.step == two.step == 1
    assert torch.equal(one.tensors["random"], two.tensors["random"])
    # Without momentum, Adam's first moment is the gradient itself.
    gradients = {name: value for name, value in one.tensors.items() if name.endswith("exp_avg")}
    assert len(gradients) > 10
    for name, gradient in gradients.items():
        scale = float(gradient.abs().max())
        assert scale > 0
        assert torch.allclose(two.tensors[name], gradient, atol=1e-4 * scale), name


def test_a_run_begins_with_anothers_networks(data: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert train("training.gan", first, data, SMALL_GAN)[0] == 0
    flags = [*SMALL_GAN, "--data-set", "nebulae", "--start-from", str(first)]
    flags += ["--learning-rate", "0", "--learning-rate-end", "0"]
    assert train("training.gan", second, data, flags)[0] == 0
    expected, actual = latest(first).tensors, latest(second).tensors
    assert torch.equal(actual["average.stem.weight"], expected["average.stem.weight"])
