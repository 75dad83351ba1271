"""The loop around a trainer: progress, log, sample grids, checkpoints, and a clean stop.

A trainer knows one step; this module knows when to show, log and save, so that the GAN and the
stylizer share one behaviour: Ctrl-C finishes the step, saves and leaves; the next start goes on.
What is logged goes to `log.jsonl` for programs and to TensorBoard for people.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter
from torchvision.utils import save_image
from tqdm import tqdm

from training import checkpoint
from training.checkpoint import Checkpoint
from training.errors import CheckpointError
from training.runtime import Runtime

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

    def alarms(self) -> Sequence[str]:
        """What went wrong since the last call, in sentences."""

    def evaluate(self) -> Mapping[str, float]:
        """Measures too slow for every step; may be empty."""

    def sample_grid(self) -> Tensor:
        """A picture [3, H, W] in [0, 1] that shows how far training is."""

    def to_checkpoint(self) -> Checkpoint:
        """Everything a resumed run needs."""

    def restore(self, saved: Checkpoint) -> None:
        """Continue from `saved`."""


@dataclass(frozen=True)
class Intervals:
    """How often the loop shows, saves and measures, in steps."""

    log: int = 50
    sample: int = 500
    save: int = 500
    evaluate: int = 2_000


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


def run(trainer: Trainer, folder: Path, intervals: Intervals, runtime: Runtime) -> bool:
    """Train to the end, or until SIGINT or SIGTERM; return whether the end was reached.

    Raises:
        CheckpointError: a checkpoint cannot be written or does not belong to this run.
    """
    folder.mkdir(parents=True, exist_ok=True)
    resume(trainer, folder)
    with _stop_requests() as stop, _Journal(trainer, folder, runtime) as journal:
        while trainer.steps_done < trainer.steps_total and not _asked_to_stop(stop, runtime):
            values = trainer.step()
            journal.advance(values, trainer.alarms())
            step = trainer.steps_done
            if step % intervals.log == 0:
                journal.log(values)
            if step % intervals.sample == 0:
                journal.sample()
            if step % intervals.evaluate == 0 and runtime.is_main:
                journal.log(trainer.evaluate())
            if step % intervals.save == 0 and runtime.is_main:
                checkpoint.save(folder, trainer.to_checkpoint())
        journal.sample()
        finished = trainer.steps_done >= trainer.steps_total
        if finished and runtime.is_main:
            journal.log(trainer.evaluate())
    if runtime.is_main:
        saved = checkpoint.save(folder, trainer.to_checkpoint())
        tqdm.write(f"{saved}: saved" + ("" if finished else "; run the same command to go on"))
    return finished


def _asked_to_stop(received: Sequence[int], runtime: Runtime) -> bool:
    """Whether any process received a signal: all must leave at the same step."""
    if runtime.processes == 1:
        return bool(received)
    flag = torch.tensor(float(bool(received)), device=runtime.device)
    return runtime.mean(flag).item() > 0


class _Journal:
    """Progress bar, log, TensorBoard and sample grids of one run; silent but on the main process.

    Args:
        trainer: what is watched.
        folder: where the log and the samples go.
        runtime: tells the main process from the others.
    """

    def __init__(self, trainer: Trainer, folder: Path, runtime: Runtime) -> None:
        self._trainer = trainer
        self._folder = folder
        self._silent = not runtime.is_main
        self._started = time.monotonic()
        self._first = trainer.steps_done

    def __enter__(self) -> _Journal:
        size = self._trainer.pictures_per_step
        self._bar = tqdm(
            total=self._trainer.steps_total * size,
            initial=self._trainer.steps_done * size,
            unit="pictures",
            unit_scale=True,
            smoothing=0.05,
            disable=self._silent,
        )
        if not self._silent:
            self._file = (self._folder / "log.jsonl").open("a")
            self._board = SummaryWriter(str(self._folder / "tensorboard"))
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()
        if not self._silent:
            self._file.close()
            self._board.close()

    def advance(self, values: Mapping[str, float], alarms: Sequence[str]) -> None:
        """One step is done."""
        if self._silent:
            return
        self._bar.update(self._trainer.pictures_per_step)
        for alarm in alarms:
            tqdm.write(f"ALARM: {alarm}")
            self._write({"alarm": alarm})
            self._board.add_text("alarm", alarm, self._trainer.steps_done)
        if "diversity" in values:
            self._log_values({"diversity": values["diversity"]})

    def log(self, values: Mapping[str, float]) -> None:
        """Write values to the log, to TensorBoard and behind the bar."""
        if self._silent or not values:
            return
        seconds = time.monotonic() - self._started
        done = (self._trainer.steps_done - self._first) * self._trainer.pictures_per_step
        self._bar.set_postfix({name: f"{value:.3f}" for name, value in values.items()})
        self._log_values({**values, "pictures_per_second": done / seconds, "seconds": seconds})

    def _log_values(self, values: Mapping[str, float]) -> None:
        self._write({name: round(value, 6) for name, value in values.items()})
        for name, value in values.items():
            self._board.add_scalar(name, value, self._trainer.steps_done)

    def _write(self, entry: Mapping[str, Any]) -> None:
        self._file.write(json.dumps({"step": self._trainer.steps_done, **entry}) + "\n")
        self._file.flush()

    def sample(self) -> None:
        """Write the trainer's sample grid as `samples/<step>.png` and to TensorBoard."""
        if self._silent:
            return
        target = self._folder / "samples" / f"{self._trainer.steps_done:09d}.png"
        target.parent.mkdir(exist_ok=True)
        with torch.no_grad():
            grid = self._trainer.sample_grid()
        save_image(grid, target)
        self._board.add_image("samples", grid, self._trainer.steps_done)


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
