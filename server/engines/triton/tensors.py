"""Tensors as the wire carries them: raw bytes, row-major, little-endian."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from tritonclient.utils import (
    deserialize_bytes_tensor,
    np_to_triton_dtype,
    serialize_byte_tensor,
    triton_to_np_dtype,
)

from server.errors import InferenceFailed, InvalidArgument

STRINGS = "BYTES"


def datatype_of(name: str, array: np.ndarray) -> str:
    """The protocol's name of an input's data type.

    Raises:
        InvalidArgument: the protocol has none.
    """
    datatype = np_to_triton_dtype(array.dtype)
    if datatype is None:
        raise InvalidArgument(name, "a data type that Triton knows", array.dtype)
    return str(datatype)


def size_of(datatype: str, shape: Sequence[int]) -> int:
    """Bytes of a tensor of a data type with a fixed size."""
    return math.prod(shape) * int(np.dtype(triton_to_np_dtype(datatype)).itemsize)


def to_raw(array: np.ndarray) -> bytes:
    """An input's contents."""
    if array.dtype == np.object_ or array.dtype.type == np.bytes_:
        return bytes(serialize_byte_tensor(array).item()) if array.size else b""
    return array.tobytes()


def from_raw(name: str, datatype: str, shape: Sequence[int], raw: bytes | memoryview) -> np.ndarray:
    """An output; a read-only view of `raw` except for strings.

    Raises:
        InferenceFailed: datatype, shape and contents do not agree.
    """
    dtype = triton_to_np_dtype(datatype)
    try:
        if datatype == STRINGS:
            return deserialize_bytes_tensor(bytes(raw)).reshape(shape)
        return np.frombuffer(raw, dtype).reshape(shape)
    except (TypeError, ValueError) as error:
        raise InferenceFailed(
            f"output {name!r}: Triton says {datatype} {list(shape)} and sent {len(raw)} bytes, "
            f"which does not fit ({error})"
        ) from error
