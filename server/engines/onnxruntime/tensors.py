"""Data types of the protocol, and the check of a request's tensors against a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import Tensors
from server.errors import InvalidArgument

Shapes: TypeAlias = tuple[tuple[int, ...], ...]

# The data types that our models use, by the config's enum and by onnxruntime's name.
NUMPY_TYPES: dict[int, type[np.generic]] = {
    model_config_pb2.TYPE_FP32: np.float32,
    model_config_pb2.TYPE_UINT8: np.uint8,
    model_config_pb2.TYPE_INT64: np.int64,
}
ONNX_TYPES: dict[int, str] = {
    model_config_pb2.TYPE_FP32: "tensor(float)",
    model_config_pb2.TYPE_UINT8: "tensor(uint8)",
    model_config_pb2.TYPE_INT64: "tensor(int64)",
}


class Signature:
    """What a model takes, prepared so that checking a good request costs little.

    Args:
        config: the model's checked configuration.
    """

    def __init__(self, config: ModelConfig) -> None:
        """Prepare."""
        self._model = config.name
        self._most = config.max_batch_size
        self._batch = 1 if config.max_batch_size else 0
        self._inputs = {
            item.name: (np.dtype(NUMPY_TYPES[item.data_type]), tuple(item.dims))
            for item in config.input
        }
        # Requests for a model whose sizes are fixed always fit into one batch.
        self._open = any(-1 in dims for _, dims in self._inputs.values())

    def check(self, inputs: Tensors) -> tuple[int, Shapes]:
        """Check names, types and shapes of a request's inputs.

        Returns:
            Its number of rows (1 for a model without a batch axis), and what must be equal in all
            requests of a batch.

        Raises:
            InvalidArgument: names the first input that is wrong.
        """
        batch, rows = self._batch, 1
        if inputs.keys() != self._inputs.keys():
            expected = str(sorted(self._inputs))
            raise InvalidArgument(f"{self._model} inputs", expected, sorted(inputs))
        for name, array in inputs.items():
            dtype, dims = self._inputs[name]
            shape = array.shape
            if array.dtype != dtype or (shape[batch:] != dims and not self._fits(name, array)):
                raise self._fault(name, array)
            if batch:
                rows = shape[0]
        if batch and (rows < 1 or rows > self._most or len(inputs) > 1):
            self._check_rows(inputs)
        if self._open:
            return rows, tuple([array.shape[batch:] for array in inputs.values()])
        return rows, ()

    def _fits(self, name: str, array: np.ndarray) -> bool:
        dims = self._inputs[name][1]
        return array.ndim >= self._batch and dims_match(dims, array.shape[self._batch :])

    def _fault(self, name: str, array: np.ndarray) -> InvalidArgument:
        dtype, dims = self._inputs[name]
        if array.dtype != dtype:
            what = f"data type {dtype.name}"
            return InvalidArgument(f"{self._model}.{name}", what, array.dtype)
        expected = ["batch"] * self._batch + list(dims)
        return InvalidArgument(f"{self._model}.{name}", f"shape {expected}", list(array.shape))

    def _check_rows(self, inputs: Tensors) -> None:
        rows = {array.shape[0] for array in inputs.values()}
        if len(rows) != 1:
            got = {name: array.shape for name, array in inputs.items()}
            raise InvalidArgument(f"{self._model} inputs", "the same number of rows in each", got)
        if not 1 <= (count := rows.pop()) <= self._most:
            raise InvalidArgument(f"{self._model} batch", f"1 to {self._most} rows", count)


def dims_match(declared: Sequence[int], actual: Sequence[int]) -> bool:
    """Whether `actual` fits `declared`, in which -1 stands for any size."""
    return len(declared) == len(actual) and all(
        want in (-1, have) for want, have in zip(declared, actual, strict=True)
    )
