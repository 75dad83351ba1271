"""Tensors on the wire: raw bytes in row-major order, or lists of numbers; and back.

Every size is checked before anything is allocated for it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from tritonclient.utils import triton_to_np_dtype

from server.errors import ImpastoError, InvalidArgument, NotSupported

_NAMES = (
    *("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64"),
    *("FP16", "BF16", "FP32", "FP64"),
)
_DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(triton_to_np_dtype(name)) for name in _NAMES}
_DATATYPES = {dtype: name for name, dtype in _DTYPES.items()}
_RAW_ONLY = frozenset({"FP16", "BF16"})
_BOOL = _DTYPES["BOOL"]
_NUMBERS = {bool, int, float}
# numpy's own limit is 64; nothing that runs a model has more than a handful.
_MAX_DIMENSIONS = 32
_SHOWN = 64


def shown(name: str) -> str:
    """A caller's name for a message, cut where it is long."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}...")


def dtype_of(name: str, datatype: str) -> np.dtype[Any]:
    """The array type of the input `name`.

    Raises:
        NotSupported: it is BYTES.
        InvalidArgument: there is no such datatype.
    """
    dtype = _DTYPES.get(datatype)
    if dtype is None:
        if datatype == "BYTES":
            raise NotSupported(
                f"input {shown(name)}: datatype BYTES is not supported; send numbers or BOOL"
            )
        raise InvalidArgument(
            f"input {shown(name)} datatype", f"one of {', '.join(_NAMES)}", datatype
        )
    return dtype


def datatype_of(dtype: np.dtype[Any]) -> str:
    """The protocol's name of an output's type.

    Raises:
        NotSupported: it has none here.
    """
    try:
        return _DATATYPES[dtype]
    except KeyError:
        raise NotSupported(f"an output of type {dtype} cannot be sent") from None


def byte_size(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """How many bytes the input `name` must have.

    Raises:
        InvalidArgument: the shape is none.
    """
    if shape and min(shape) < 0:
        raise InvalidArgument(f"input {shown(name)} shape", "no negative sizes", list(shape))
    if len(shape) > _MAX_DIMENSIONS:
        raise InvalidArgument(
            f"input {shown(name)} shape", f"at most {_MAX_DIMENSIONS} dimensions", len(shape)
        )
    return math.prod(shape) * dtype.itemsize


def from_raw(
    name: str, datatype: str, shape: tuple[int, ...], data: bytes | np.ndarray
) -> np.ndarray:
    """The tensor whose row-major bytes are `data`, which is not copied.

    Raises:
        InvalidArgument: datatype, shape and number of bytes do not fit together.
    """
    try:
        dtype, expected = _layout(datatype, shape)
    except ImpastoError:
        byte_size(name, dtype_of(name, datatype), shape)  # says the same with the name
        raise
    if expected != (got := len(data)):
        raise InvalidArgument(
            f"input {shown(name)}", f"{expected} bytes for {datatype} {_cut(shape)}", f"{got} bytes"
        )
    if dtype is _BOOL:
        # A byte over 1 is no bool; onnxruntime's kernels may do anything with one.
        return _shaped(name, np.frombuffer(data, np.uint8) != 0, shape)
    try:
        return np.ndarray(shape, dtype, data)
    except ValueError as error:  # no elements, yet dimensions whose product overflows
        raise InvalidArgument(f"input {shown(name)} shape", "a smaller one", shape) from error


def from_numbers(name: str, datatype: str, shape: tuple[int, ...], numbers: Any) -> np.ndarray:
    """The tensor of `numbers`, flat or nested lists, in row-major order.

    Raises:
        InvalidArgument: they are no such numbers, or not as many as the shape has elements.
    """
    dtype = dtype_of(name, datatype)
    if datatype in _RAW_ONLY:
        raise InvalidArgument(f"input {shown(name)}", f"{datatype} as raw bytes", "typed contents")
    expected = byte_size(name, dtype, shape) // dtype.itemsize
    try:
        with np.errstate(over="raise"):
            # As objects first: numpy would give every element the size of the longest text.
            found = np.asarray(numbers, object)
            if found.size == expected:
                if not _NUMBERS.issuperset(map(type, found.flat)):
                    raise TypeError("others than numbers")
                # By itself numpy makes floats of small and very large whole numbers together.
                typed = found if datatype == "UINT64" else np.asarray(found.tolist())
                return _shaped(name, _converted(typed, dtype), shape)
    except (ValueError, OverflowError, FloatingPointError, TypeError) as error:
        raise InvalidArgument(
            f"input {shown(name)}", f"values of {datatype}", str(error) or "others"
        ) from error
    raise InvalidArgument(
        f"input {shown(name)}", f"{expected} elements for shape {_cut(shape)}", found.size
    )


def to_numbers(name: str, array: np.ndarray) -> list[Any]:
    """The flat elements of an output, for JSON.

    Raises:
        InvalidArgument: its datatype travels as bytes only.
    """
    if (datatype := datatype_of(array.dtype)) in _RAW_ONLY:
        raise InvalidArgument(f"output {shown(name)}", f"binary_data true for {datatype}", "false")
    flat: list[Any] = array.ravel().tolist()
    return flat


@functools.lru_cache(maxsize=1024)
def _layout(datatype: str, shape: tuple[int, ...]) -> tuple[np.dtype[Any], int]:
    """The array type and the number of bytes; remembered, since requests are much alike.

    The key holds no name, which may be long; a shape that is refused is not remembered.
    """
    dtype = dtype_of("", datatype)
    return dtype, byte_size("", dtype, shape)


def _converted(found: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """The numbers as `dtype`, where none of them is of another kind or out of its range.

    Raises:
        ValueError: one is.
    """
    if found.size == 0:
        return found.astype(dtype)
    if found.dtype == object:
        if not all(type(number) is int for number in found.flat):
            raise ValueError("others")
        return np.array(found.tolist(), dtype)
    kinds = {"b": "b", "i": "iu", "u": "iu", "f": "iuf"}[dtype.kind]
    if found.dtype.kind not in kinds:
        raise ValueError(f"values of {found.dtype}")
    if dtype.kind in "iu":
        bounds = np.iinfo(dtype)
        least, greatest = int(found.min()), int(found.max())
        if least < bounds.min or greatest > bounds.max:
            raise ValueError(f"values from {least} to {greatest}")
    return found.astype(dtype)


def _shaped(name: str, array: np.ndarray, shape: Iterable[int]) -> np.ndarray:
    try:
        return array.reshape(tuple(shape))
    except ValueError as error:
        raise InvalidArgument(f"input {shown(name)} shape", "a smaller one", shape) from error


def _cut(shape: tuple[int, ...]) -> str:
    text = str(list(shape))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
