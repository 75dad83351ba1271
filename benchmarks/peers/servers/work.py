"""The work that all servers do: committed models on bare onnxruntime, a batch of rows at a time.

It stands on onnxruntime and numpy alone, so that every system's own environment can import it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

_ROOT = Path(__file__).parents[3]
_LATENT = 64
# What the generator gives for a picture of this side to be painted.
_PAINTED = {"64": "image", "256": "canvas"}

# How a server is told what to do; all are started the same way.
SIZE = "BENCH_SIZE"
WORKERS = "BENCH_WORKERS"
THREADS = "BENCH_THREADS"
# Rows of one batch at most; 1 is a server that makes no batches.
BATCH = "BENCH_BATCH"
# 1 where LitServe's front and workers are to talk over ZeroMQ, else 0.
FAST_QUEUE = "BENCH_FAST_QUEUE"
PORT = "BENCH_PORT"
# Seconds that a batch waits for more rows. Every lone caller waits so long, too.
BATCH_WINDOW = 0.001


def setting(name: str) -> int:
    """A number that this server was started with."""
    return int(os.environ[name])


class Work:
    """Answers rows of numbers.

    Args:
        size: side of the painted pictures, 64 or 256; or "tiny", one Add on 128 numbers.
        threads: of one batch.
    """

    def __init__(self, size: str, threads: int) -> None:
        """Load the models."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin take the cores from the other workers and from the server.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")

        def load(folder: str) -> ort.InferenceSession:
            path = str(_ROOT / folder / "1/model.onnx")
            return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        self._painted = _PAINTED.get(size)
        if self._painted is None:
            self._add_one = load("benchmarks/models/add_one")
        else:
            self._generator = load("model_repository/landscapes_generator")
            self._stylizer = load("model_repository/stylizer")

    def __call__(self, rows: Sequence[bytes]) -> list[bytes]:
        """Answer the rows as one batch.

        Args:
            rows: float32 each: a latent and a style code, or the numbers to add to.

        Returns:
            uint8 [height, width, 3] each, or the sums in float32.
        """
        batch = np.stack([np.frombuffer(row, np.float32) for row in rows])
        if self._painted is None:
            (made,) = self._add_one.run(["y"], {"x": batch})
        else:
            latent, code = batch[:, :_LATENT], batch[:, _LATENT:]
            (image,) = self._generator.run([self._painted], {"latent": latent})
            (made,) = self._stylizer.run(["pixels"], {"image": image, "style_code": code})
        return [one.tobytes() for one in made]


def window() -> float:
    """Seconds that a batch of this server waits for more rows."""
    return BATCH_WINDOW if setting(BATCH) > 1 else 0.0


def work_of_this_server() -> Work:
    """The work that the environment names."""
    return Work(os.environ[SIZE], setting(THREADS))
