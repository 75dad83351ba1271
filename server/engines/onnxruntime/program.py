"""What runs on a batch without a pause: one model, or consecutive steps of an ensemble."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

from server.engines.base import Tensors
from server.engines.onnxruntime.binding import Tensor, on_host
from server.engines.onnxruntime.instances import Instance
from server.engines.onnxruntime.model import OnnxModel
from server.engines.onnxruntime.statistics import Statistics


class Part(Protocol):
    """One request's part of a batch; see `Entry`."""

    @property
    def inputs(self) -> Tensors:
        """By the program's names."""

    @property
    def rows(self) -> int:
        """How many rows of the batch are its."""

    @property
    def abandoned(self) -> bool:
        """Whether nobody waits for the answer any more."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One model of a program.

    Attributes:
        model: what runs.
        statistics: where it is counted.
        inputs: the program's name of each of the model's inputs.
        outputs: the program's name of each of the model's outputs that is needed.
    """

    model: OnnxModel
    statistics: Statistics
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]


class Run(NamedTuple):
    """How many rows one stage ran, for how long, on how many threads, and since when."""

    rows: int
    seconds: float
    threads: int
    began: float


AnyPart = TypeVar("AnyPart", bound=Part)


@dataclass(slots=True)
class Executed(Generic[AnyPart]):
    """What came of a batch.

    Attributes:
        entries: the requests that were still wanted at the end.
        outputs: their rows, in order.
        runs: one per stage that ran.
    """

    entries: Sequence[AnyPart]
    outputs: Tensors
    runs: Sequence[Run]


class Program:
    """Stages that run one after the other on the same batch.

    Args:
        stages: the models, in order.
        outputs: the program's names of what it returns.
    """

    def __init__(self, stages: Sequence[Stage], outputs: Sequence[str]) -> None:
        """Keep the parts."""
        self.stages = tuple(stages)
        self.outputs = tuple(outputs)
        self.max_batch_size = min(stage.model.config.max_batch_size for stage in stages)

    def run(self, instance: Instance, entries: Sequence[AnyPart]) -> Executed[AnyPart]:
        """Run a batch; blocks. Requests that are abandoned leave before the next stage.

        Raises:
            Exception: whatever the runtime raises.
        """
        tensors: dict[str, Tensor] = dict(_join(entries))
        runs: list[Run] = []
        for stage in self.stages:
            entries, tensors = _without_abandoned(entries, tensors)
            if not entries:
                break
            rows = sum([entry.rows for entry in entries])
            runs.append(self._run_stage(stage, instance, tensors, rows))
        kept = {name: on_host(tensors[name]) for name in self.outputs} if entries else {}
        return Executed(entries, kept, runs)

    def _run_stage(
        self, stage: Stage, instance: Instance, tensors: dict[str, Tensor], rows: int
    ) -> Run:
        """Run one stage on its inputs among `tensors`, and add its outputs."""
        started = time.monotonic()
        inputs = {name: tensors[source] for name, source in stage.inputs.items()}
        stay = stage is not self.stages[-1]
        outputs = stage.model.run(instance.session, list(stage.outputs), inputs, stay)
        if self.max_batch_size:
            _check_rows(stage, outputs, rows)
        for name, tensor in zip(stage.outputs.values(), outputs, strict=True):
            tensors[name] = tensor
        return Run(rows, time.monotonic() - started, instance.threads, started)

    def part(self, outputs: Tensors, rows: slice) -> Tensors:
        """One request's rows of the batch's outputs."""
        if not self.max_batch_size:
            return outputs
        return {name: array[rows] for name, array in outputs.items()}


def _join(entries: Sequence[Part]) -> dict[str, np.ndarray]:
    first = entries[0].inputs
    if len(entries) == 1:
        return dict(first)
    return {name: np.concatenate([entry.inputs[name] for entry in entries]) for name in first}


def _without_abandoned(
    entries: Sequence[AnyPart], tensors: dict[str, Tensor]
) -> tuple[Sequence[AnyPart], dict[str, Tensor]]:
    wanted = [not entry.abandoned for entry in entries]
    if all(wanted):
        return entries, tensors
    kept = [entry for entry, keep in zip(entries, wanted, strict=True) if keep]
    if not kept or len(entries) == 1:
        return kept, tensors
    mask = np.repeat(wanted, [entry.rows for entry in entries])
    return kept, {name: on_host(tensor)[mask] for name, tensor in tensors.items()}


def _check_rows(stage: Stage, outputs: Sequence[Tensor], rows: int) -> None:
    """Refuse outputs that cannot be cut into their requests' parts.

    Raises:
        ValueError: an output has another number of rows than the batch.
    """
    for name, tensor in zip(stage.outputs, outputs, strict=True):
        shape = tensor.shape if isinstance(tensor, np.ndarray) else tuple(tensor.shape())
        if shape[:1] != (rows,):
            raise ValueError(f"output {name!r}: expected {rows} rows, got shape {shape}")
