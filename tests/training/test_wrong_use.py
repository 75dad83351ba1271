"""Wrong use ends in one clear sentence, without a traceback, and loses nothing."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from synthetic_data import write_picture
from training_runs import ROOT, RUNS, SMALL_GAN, command, latest, train

from training import checkpoint
from training.checkpoint import Checkpoint
from training.errors import CheckpointError


def failure(module: str, run: Path, data: Path, *more: str) -> str:
    status, output = train(module, run, data, [*RUNS[module], *more])
    assert status == 1, output
    return output


def test_missing_data_says_what_to_do(tmp_path: Path) -> None:
    output = failure("training.gan", tmp_path / "run", tmp_path / "none")
    assert "landscapes: missing; expected landscape photographs. Run `make data` first." in output


def test_empty_folder(data: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    output = failure("training.gan", tmp_path / "run", data, "--data-set", str(empty))
    assert f"{empty}: expected pictures (" in output


def test_resolution_that_no_network_has(data: Path, tmp_path: Path) -> None:
    output = failure("training.gan", tmp_path / "run", data, "--resolution", "48")
    assert "resolution: --network dcgan supports 32, 64, 128, 256, got 48" in output


def test_conditional_without_classes(data: Path, tmp_path: Path) -> None:
    output = failure("training.gan", tmp_path / "run", data, "--conditional", "True")
    assert "conditional: landscapes has no classes; put the pictures into one sub-folder" in output


def test_style_picture_smaller_than_the_crop(data: Path, tmp_path: Path) -> None:
    output = failure("training.style", tmp_path / "run", data, "--crop", "64")
    assert "expected a style picture of at least 64 pixels on its shorter side" in output


def test_other_settings_are_refused_by_name(data: Path, tmp_path: Path) -> None:
    assert train("training.gan", tmp_path, data, [*SMALL_GAN, "--pictures", "12"])[0] == 0
    for path in tmp_path.glob("checkpoint-*/state.json"):
        settings = json.loads(path.read_text())
        settings["config"]["gamma"] = 9.0
        path.write_text(json.dumps(settings))
    output = failure("training.gan", tmp_path, data)
    assert "made with other settings (gamma: 9.0 -> 0.05)" in output


def test_checkpoint_of_another_architecture(data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert train("training.gan", other, data, [*SMALL_GAN, "--pictures", "12"])[0] == 0
    more = ["--network", "residual", "--start-from", str(other)]
    output = failure("training.gan", tmp_path / "run", data, *more)
    assert "average: the checkpoint is of another network: " in output


def test_full_disk_leaves_the_checkpoint_before_whole(tmp_path: Path) -> None:
    """A limit on file sizes stands for the full disk: the system refuses the write midway."""
    first = Checkpoint(1, {"config": {}}, {"weight": torch.zeros(1000)})
    checkpoint.save(tmp_path, first)
    script = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from training import checkpoint\n"
        "from training.checkpoint import Checkpoint\n"
        "from training.errors import CheckpointError\n"
        "try:\n"
        "    large = Checkpoint(2, {}, {'weight': torch.ones(9 << 18)})\n"
        "    checkpoint.save(Path(sys.argv[1]), large)\n"
        "except CheckpointError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
    )
    assert "checkpoint-000000002: cannot be written: " in done.stdout, done.stderr
    assert "The checkpoints before it are whole; make room" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-000000001"]
    assert torch.equal(latest(tmp_path).tensors["weight"], first.tensors["weight"])


def test_unwritable_folder_is_a_checkpoint_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(CheckpointError, match=r"cannot be written: "):
        checkpoint.save(tmp_path / "run", Checkpoint(1, {}, {"weight": torch.zeros(1)}))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--name", "Great Wave"], "--name: expected lower-case letters"),
        (["--name", "mine", "--picture", "none.png"], "none.png: not a readable picture"),
        (["--name", "mine", "--picture", "small.png"], "expected a style picture of at least 32"),
    ],
)
def test_added_style(
    style_run: Path, data: Path, tmp_path: Path, flags: list[str], message: str
) -> None:
    write_picture(tmp_path / "good.png")
    write_picture(tmp_path / "small.png", (40, 20))
    flags = [str(tmp_path / flag) if flag.endswith(".png") else flag for flag in flags]
    if "--picture" not in flags:
        flags += ["--picture", str(tmp_path / "good.png")]
    flags += ["--stylizer", str(style_run), "--run", str(tmp_path / "run")]
    status, output = command("training.style.add", *flags, "--data", data)
    assert status == 1
    assert message in output
