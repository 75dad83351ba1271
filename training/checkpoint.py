"""Checkpoints: a folder of one safetensors file and one JSON file, written atomically.

Tensors and state live apart so that a person can read the state and no reader needs pickle. The
folder appears under its final name only when both files are complete; an interrupted save leaves
the previous checkpoint untouched.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from training.errors import CheckpointError

FORMAT_VERSION = 1
_TENSORS = "tensors.safetensors"
_STATE = "state.json"
_FOLDER = re.compile(r"checkpoint-(\d+)")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds.

    Attributes:
        step: optimiser steps done.
        state: everything that is not a tensor; must survive JSON.
        tensors: all tensors by flat name, for example `generator.stem.weight`.
    """

    step: int
    state: dict[str, Any]
    tensors: dict[str, Tensor]


def save(folder: Path, checkpoint: Checkpoint, keep: int = 2) -> Path:
    """Write `folder/checkpoint-<step>` atomically, then delete all but the newest `keep`.

    Raises:
        CheckpointError: it cannot be written (a full disk, say); those before it stay whole.
    """
    target = folder / f"checkpoint-{checkpoint.step:09d}"
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        _write(partial, checkpoint)
        if target.exists():
            shutil.rmtree(target)
        partial.rename(target)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise CheckpointError(
            f"{target}: cannot be written: {error}. The checkpoints before it are whole; make room "
            f"and run the same command to go on from the newest"
        ) from error
    for old in _folders(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def _write(folder: Path, checkpoint: Checkpoint) -> None:
    folder.mkdir(parents=True)
    # Contiguous clones: safetensors refuses shared memory, and strides are no part of the value.
    tensors = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in checkpoint.tensors.items()
    }
    safetensors.torch.save_file(tensors, folder / _TENSORS)
    state = {"format_version": FORMAT_VERSION, "step": checkpoint.step, **checkpoint.state}
    (folder / _STATE).write_text(json.dumps(state, indent=2) + "\n")
    for path in folder.iterdir():
        # Only what has reached the disk may take the final name.
        with path.open("rb") as written:
            os.fsync(written.fileno())


def load_latest(folder: Path) -> Checkpoint | None:
    """The checkpoint with the most steps in `folder`, or None where there is none.

    Raises:
        CheckpointError: it cannot be read or has another format version.
    """
    folders = _folders(folder)
    return load(folders[-1]) if folders else None


def load_newest(folder: Path) -> Checkpoint:
    """The checkpoint with the most steps in `folder`.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    saved = load_latest(folder)
    if saved is None:
        raise CheckpointError(
            f"{folder}: expected a checkpoint, found none; run `make train` first, or name another "
            f"run"
        )
    return saved


def load(path: Path) -> Checkpoint:
    """Read one checkpoint folder.

    Raises:
        CheckpointError: it cannot be read or has another format version.
    """
    try:
        state = json.loads((path / _STATE).read_text())
        tensors = safetensors.torch.load_file(path / _TENSORS)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(
            f"{path}: cannot be read: {error}. Delete it to go on from the one before."
        ) from error
    version = state.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise CheckpointError(f"{path}: expected format version {FORMAT_VERSION}, got {version}")
    return Checkpoint(step=state.pop("step"), state=state, tensors=tensors)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("checkpoint-*") if _FOLDER.fullmatch(path.name))


def prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put `prefix.` before every name."""
    return {f"{prefix}.{name}": tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors below `prefix.`, under their names without it."""
    start = f"{prefix}."
    return {name[len(start) :]: value for name, value in tensors.items() if name.startswith(start)}


def optimiser_tensors(prefix: str, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's per-parameter state as flat tensors `prefix.<parameter>.<moment>`."""
    return {
        f"{prefix}.{index}.{key}": value
        for index, entry in optimiser.state_dict()["state"].items()
        for key, value in entry.items()
    }


def restore_optimiser(
    prefix: str, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `optimiser_tensors` took out; hyper-parameters stay the optimiser's own."""
    parameters = [item for group in optimiser.param_groups for item in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in without_prefix(prefix, tensors).items():
        index, key = name.split(".", 1)
        state.setdefault(int(index), {})[key] = _laid_out_like(parameters[int(index)], value)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _laid_out_like(parameter: Tensor, value: Tensor) -> Tensor:
    """A moment in its parameter's memory layout: fused optimisers walk both by address."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def restore_module(prefix: str, module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Load a module's weights.

    Raises:
        CheckpointError: names or shapes differ from the module's.
    """
    try:
        module.load_state_dict(without_prefix(prefix, tensors))
    except RuntimeError as error:
        raise CheckpointError(f"{prefix}: the checkpoint is of another network: {error}") from error
