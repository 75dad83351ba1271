"""Tensors for any model of the Open Inference Protocol, by what its metadata says of its inputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from loadtest.errors import LoadTestError
from loadtest.schedule import chance
from loadtest.targets.requests import TensorRequest

_TYPES = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    # Halves of FP32 numbers; random ones are made as these.
    "BF16": np.uint16,
}
_TEXT = b"text"
# Small enough to index whatever table the model has.
_GREATEST_NUMBER = 10
_INPUT_PURPOSE = 3


class Input(NamedTuple):
    """What a model's metadata says of one input.

    Attributes:
        name: of it.
        datatype: in the protocol's words.
        shape: -1 where it is variable.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


class Tensor(NamedTuple):
    """What is sent for one input.

    Attributes:
        name: of the input.
        datatype: in the protocol's words.
        shape: of this tensor.
        content: row-major bytes.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    content: bytes


def tensors(request: TensorRequest, inputs: Sequence[Input]) -> list[Tensor]:
    """One tensor for each input.

    Raises:
        LoadTestError: a shape is not known, or a file does not fit.
    """
    names = {each.name for each in inputs}
    if unknown := sorted(request.shapes.keys() - names):
        raise LoadTestError(
            f"--shape: model {request.model} has inputs {', '.join(sorted(names))}, "
            f"got {', '.join(unknown)}"
        )
    if isinstance(request.data, Path):
        given = _read(request.data)
        return [_given(each, given, request.data) for each in inputs]
    numbers = chance(0, _INPUT_PURPOSE)
    return [_made(each, request, numbers) for each in inputs]


def _made(wanted: Input, request: TensorRequest, numbers: np.random.Generator) -> Tensor:
    shape = _shape(wanted, request)
    if wanted.datatype == "BYTES":
        return Tensor(wanted.name, wanted.datatype, shape, _bytes(np.full(shape, _TEXT, object)))
    kind = _TYPES.get(wanted.datatype)
    if kind is None:
        raise LoadTestError(f"input {wanted.name}: datatype {wanted.datatype} is not known")
    array: np.ndarray
    if request.data == "zeros":
        array = np.zeros(shape, kind)
    elif wanted.datatype == "BF16":
        array = (numbers.standard_normal(shape, np.float32).view(np.uint32) >> 16).astype(kind)
    elif wanted.datatype.startswith("FP"):
        array = numbers.standard_normal(shape).astype(kind)
    else:
        array = numbers.integers(0, 2 if kind is np.bool_ else _GREATEST_NUMBER, shape).astype(kind)
    return Tensor(wanted.name, wanted.datatype, shape, array.tobytes())


def _shape(wanted: Input, request: TensorRequest) -> tuple[int, ...]:
    given = request.shapes.get(wanted.name)
    if given is not None:
        fits = len(given) == len(wanted.shape) and all(
            size in (-1, mine) for size, mine in zip(wanted.shape, given, strict=True)
        )
        if not fits:
            raise LoadTestError(
                f"--shape {wanted.name}: the model expects {list(wanted.shape)} (-1: any), "
                f"got {list(given)}"
            )
        return given
    # A variable first dimension is that of the batch.
    first = (request.rows,) if wanted.shape[:1] == (-1,) else wanted.shape[:1]
    shape = (*first, *wanted.shape[1:])
    if -1 in shape:
        example = ",".join(str(size) if size >= 0 else "N" for size in shape)
        raise LoadTestError(
            f"input {wanted.name} of model {request.model} has shape {list(wanted.shape)}; "
            f"say how large it is: --shape {wanted.name}:{example}"
        )
    return shape


def _given(wanted: Input, given: Mapping[str, np.ndarray], path: Path) -> Tensor:
    if wanted.name not in given:
        raise LoadTestError(f"{path}: expected a tensor {wanted.name}, got {', '.join(given)}")
    array = given[wanted.name]
    if wanted.datatype == "BYTES":
        return Tensor(wanted.name, wanted.datatype, array.shape, _bytes(array))
    kind = _TYPES.get(wanted.datatype, array.dtype)
    content = np.ascontiguousarray(array.astype(kind)).tobytes()
    return Tensor(wanted.name, wanted.datatype, array.shape, content)


def _bytes(array: np.ndarray) -> bytes:
    """Each element with its length before it, as the protocol has strings."""
    parts = []
    for element in array.ravel():
        text = element if isinstance(element, bytes) else str(element).encode()
        parts.append(len(text).to_bytes(4, "little") + text)
    return b"".join(parts)


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return dict(arrays)
        document = json.loads(path.read_text())
        return {name: np.asarray(values) for name, values in document.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise LoadTestError(
            f"{path}: expected an .npz file, or JSON of one nested list for each input: {error}"
        ) from error
