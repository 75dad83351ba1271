"""The loop around a trainer: progress, log, sample grids, checkpoints, and a clean stop.

A trainer knows one step; this module knows when to show, log and save, so that the GAN and the
stylizer share one behaviour: Ctrl-C finishes the step, saves and leaves; the next start goes on.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor
from torchvision.utils import save_image
from tqdm import tqdm

from training import checkpoint
from training.checkpoint import Checkpoint
from training.errors import CheckpointError

# Settings that say how long to train; a resumed run may be made longer or shorter.
_LENGTHS = {"pictures", "steps"}


class Trainer(Protocol):
    """What the loop needs of a trainer."""

    @property
    def steps_done(self) -> int:
        """Optimiser steps done so far, over all runs."""

    @property
    def steps_total(self) -> int:
        """Optimiser steps after which training is complete."""

    @property
    def pictures_per_step(self) -> int:
        """Training pictures that one step consumes."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The JSON-able settings that a resumed run must share."""

    def step(self) -> Mapping[str, float]:
        """Do one step; return what to log."""

    def sample_grid(self) -> Tensor:
        """A picture [3, H, W] in [0, 1] that shows how far training is."""

    def to_checkpoint(self) -> Checkpoint:
        """Everything a resumed run needs."""

    def restore(self, saved: Checkpoint) -> None:
        """Continue from `saved`."""


@dataclass(frozen=True)
class Intervals:
    """How often the loop shows and saves, in steps."""

    log: int = 50
    sample: int = 500
    save: int = 500


def resume(trainer: Trainer, folder: Path) -> None:
    """Restore the newest checkpoint of `folder`, if there is one.

    Raises:
        CheckpointError: it was made with other settings; the message lists them.
    """
    saved = checkpoint.load_latest(folder)
    if saved is None:
        return
    current = json.loads(json.dumps(dict(trainer.config)))
    before = saved.state["config"]
    changed = sorted(
        f"{key}: {before.get(key)!r} -> {current.get(key)!r}"
        for key in (before.keys() | current.keys()) - _LENGTHS
        if before.get(key) != current.get(key)
    )
    if changed:
        raise CheckpointError(
            f"{folder}: its checkpoint was made with other settings ({'; '.join(changed)}). "
            f"Use the same settings, or another --run folder."
        )
    trainer.restore(saved)
    tqdm.write(f"{folder}: resumed at step {trainer.steps_done}")


def run(trainer: Trainer, folder: Path, intervals: Intervals) -> bool:
    """Train to the end, or until SIGINT or SIGTERM; return whether the end was reached."""
    folder.mkdir(parents=True, exist_ok=True)
    resume(trainer, folder)
    with (
        _stop_requests() as stop,
        (folder / "log.jsonl").open("a") as log,
        _progress(trainer) as bar,
    ):
        started = time.monotonic()
        first = trainer.steps_done
        while trainer.steps_done < trainer.steps_total and not stop:
            values = trainer.step()
            bar.update(trainer.pictures_per_step)
            step = trainer.steps_done
            if step % intervals.log == 0:
                rate = (step - first) * trainer.pictures_per_step / (time.monotonic() - started)
                _log(log, step, {**values, "pictures_per_second": rate})
                bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()})
            if step % intervals.sample == 0:
                save_sample(trainer, folder)
            if step % intervals.save == 0:
                checkpoint.save(folder, trainer.to_checkpoint())
    saved = checkpoint.save(folder, trainer.to_checkpoint())
    save_sample(trainer, folder)
    finished = trainer.steps_done >= trainer.steps_total
    tqdm.write(f"{saved}: saved" + ("" if finished else "; run the same command to go on"))
    return finished


def save_sample(trainer: Trainer, folder: Path) -> None:
    """Write the trainer's sample grid as `samples/<step>.png`."""
    target = folder / "samples" / f"{trainer.steps_done:09d}.png"
    target.parent.mkdir(exist_ok=True)
    with torch.no_grad():
        save_image(trainer.sample_grid(), target)


def _progress(trainer: Trainer) -> tqdm[None]:
    size = trainer.pictures_per_step
    return tqdm(
        total=trainer.steps_total * size,
        initial=trainer.steps_done * size,
        unit="pictures",
        unit_scale=True,
        smoothing=0.05,
    )


def _log(file: Any, step: int, values: Mapping[str, float]) -> None:
    rounded = {name: round(value, 6) for name, value in values.items()}
    file.write(json.dumps({"step": step, **rounded}) + "\n")
    file.flush()


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """Collect stop signals instead of dying from them; a second one ends the process as usual."""
    received: list[int] = []

    def on_signal(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[signal.Signals(number)])

    previous = {
        number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
