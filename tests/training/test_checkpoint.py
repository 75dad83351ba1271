"""Checkpoints are atomic, bounded in number, and fail with words."""

from pathlib import Path

import pytest
import torch

from training import checkpoint
from training.checkpoint import Checkpoint
from training.errors import CheckpointError


def make(step: int) -> Checkpoint:
    return Checkpoint(step, {"config": {"seed": 1}}, {"weight": torch.full((2, 3), float(step))})


def test_round_trip_and_only_the_newest_stay(tmp_path: Path) -> None:
    for step in (5, 10, 200):
        checkpoint.save(tmp_path, make(step), keep=2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["checkpoint-000000010", "checkpoint-000000200"]
    saved = checkpoint.load_latest(tmp_path)
    assert saved is not None
    assert (saved.step, saved.state) == (200, {"config": {"seed": 1}})
    assert torch.equal(saved.tensors["weight"], make(200).tensors["weight"])


def test_interrupted_save_leaves_the_one_before(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, make(5))
    (tmp_path / "checkpoint-000000006.partial").mkdir()
    saved = checkpoint.load_latest(tmp_path)
    assert saved is not None
    assert saved.step == 5


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert checkpoint.load_latest(tmp_path) is None


def test_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, make(5))
    (path / "tensors.safetensors").write_bytes(b"\0" * 20)
    with pytest.raises(CheckpointError, match="checkpoint-000000005: cannot be read: "):
        checkpoint.load_latest(tmp_path)


def test_other_format_version_is_refused(tmp_path: Path) -> None:
    path = checkpoint.save(tmp_path, make(5))
    state = path / "state.json"
    state.write_text(state.read_text().replace('"format_version": 1', '"format_version": 2'))
    with pytest.raises(CheckpointError, match="expected format version 1, got 2"):
        checkpoint.load_latest(tmp_path)
