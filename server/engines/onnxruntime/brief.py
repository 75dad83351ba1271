"""Work so short that handing it to a thread and back would take longer than itself."""

from __future__ import annotations

import time

from server.engines.base import InferenceResult, StageTiming, Tensors
from server.engines.onnxruntime.instances import Instance
from server.engines.onnxruntime.outcome import next_batch
from server.engines.onnxruntime.program import Stage

_BRIEF_SECONDS = 100e-6
_SURE = 4
_VERY_SURE = 8


class Brief:
    """One model's road past its queue, on the event loop, open while the model proves brief.

    It is short on purpose: where models take no time, every step of it shows.

    Attributes:
        open: whether the next request may take it without holding up the event loop.

    Args:
        stage: the model with all of its outputs.
        version: its version.
        instance: what runs it.
        batches: whether outputs have a batch axis.
    """

    def __init__(self, stage: Stage, version: str, instance: Instance, batches: bool) -> None:
        """Closed, since nothing is known yet."""
        self.open = False
        self._run = stage.model.run
        self._statistics = stage.statistics
        self._name = stage.model.config.name
        self._outputs = list(stage.outputs)
        self._version = version
        self._instance = instance
        self._batches = batches
        self._score = 0
        self._proven_bytes = 0

    def fits(self, inputs: Tensors) -> bool:
        """Whether requests of this size have proved brief."""
        return byte_size(inputs) <= self._proven_bytes

    def learn(self, seconds: float, size: int) -> None:
        """A batch of `size` bytes took so long; one slow batch among many changes nothing."""
        brief = seconds < _BRIEF_SECONDS
        if brief:
            self._proven_bytes = max(self._proven_bytes, size)
        self._score = min(self._score + 1, _VERY_SURE) if brief else self._score // 2
        self.open = self._score >= _SURE

    def run(self, inputs: Tensors, rows: int) -> InferenceResult:
        """Run one request.

        Raises:
            Exception: whatever the runtime raises.
        """
        started = time.monotonic()
        outputs = self._run(self._instance.session, self._outputs, inputs)
        seconds = time.monotonic() - started
        if seconds >= _BRIEF_SECONDS or self._score < _VERY_SURE:
            self.learn(seconds, byte_size(inputs))
        for output in outputs if self._batches else ():
            if len(output) != rows:
                raise ValueError(f"expected {rows} rows of each output, got {len(output)}")
        self._statistics.alone(rows, seconds)
        timing = StageTiming(
            self._name, 0.0, seconds, rows, self._instance.threads, started, next_batch()
        )
        answer = dict(zip(self._outputs, outputs, strict=True))
        return InferenceResult(answer, self._version, (timing,))


def byte_size(inputs: Tensors) -> int:
    """Bytes of all inputs."""
    size = 0
    for array in inputs.values():
        size += array.nbytes
    return size
