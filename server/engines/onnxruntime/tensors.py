"""Data types of the protocol, and the check of a request's tensors against a configuration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc.model_config_pb2 import ModelConfig

from server.engines.base import Tensors
from server.errors import InvalidArgument

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


def check_inputs(config: ModelConfig, inputs: Tensors) -> int:
    """Check names, types and shapes of a request's inputs and return its number of rows.

    Raises:
        InvalidArgument: names the first input that is wrong.
    """
    expected = {item.name: item for item in config.input}
    if inputs.keys() != expected.keys():
        raise InvalidArgument(f"{config.name} inputs", str(sorted(expected)), sorted(inputs))
    rows = {len(array) if array.ndim else 0 for array in inputs.values()}
    if len(rows) != 1:
        got = {name: array.shape for name, array in inputs.items()}
        raise InvalidArgument(f"{config.name} inputs", "the same number of rows in each", got)
    count = rows.pop()
    if not 1 <= count <= config.max_batch_size:
        raise InvalidArgument(f"{config.name} batch", f"1 to {config.max_batch_size} rows", count)
    for name, array in inputs.items():
        item = expected[name]
        if array.dtype != NUMPY_TYPES[item.data_type]:
            wanted = np.dtype(NUMPY_TYPES[item.data_type]).name
            raise InvalidArgument(f"{config.name}.{name}", f"data type {wanted}", array.dtype)
        if not dims_match(item.dims, array.shape[1:]):
            shape = ["batch", *item.dims]
            raise InvalidArgument(f"{config.name}.{name}", f"shape {shape}", list(array.shape))
    return count


def dims_match(declared: Sequence[int], actual: Sequence[int]) -> bool:
    """Whether `actual` fits `declared`, in which -1 stands for any size."""
    return len(declared) == len(actual) and all(
        want in (-1, have) for want, have in zip(declared, actual, strict=True)
    )
