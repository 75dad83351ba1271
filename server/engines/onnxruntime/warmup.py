"""model_warmup: samples that run before a version is served, so that no caller pays for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tritonclient.grpc.model_config_pb2 import DataType, ModelInput, ModelWarmup

from server.engines.base import Tensors
from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.model import OnnxModel
from server.engines.onnxruntime.tensors import NUMPY_TYPES, dims_match
from server.errors import ModelLoadError

WARMUP_FOLDER = "warmup"


def warm_up(model: OnnxModel) -> None:
    """Run every sample of a model on every thread layout that it has; blocks.

    It goes past the batcher: what nobody asked for is in no statistics.

    Raises:
        ModelLoadError: a sample does not fit the model, or does not run.
    """
    names = [item.name for item in model.config.output]
    for sample in model.config.model_warmup:
        inputs = sample_inputs(model.file, sample)
        try:
            for session in range(len(model.placements)):
                # As in Triton, a count that is not set is one.
                for _ in range(max(1, sample.count)):
                    model.run(session, names, inputs)
        # onnxruntime's exceptions share no base class below Exception.
        except Exception as error:
            reason = str(error).splitlines()[0]
            raise _fault(model.file, sample, f"does not run: {reason}") from error


def sample_inputs(file: ConfigFile, sample: ModelWarmup) -> Tensors:
    """The tensors of one sample; each is one row that is repeated to the batch size.

    Raises:
        ModelLoadError: they do not fit the model's configuration.
    """
    declared = {item.name: item for item in file.config.input}
    if sample.inputs.keys() != declared.keys():
        expected, got = sorted(declared), sorted(sample.inputs)
        raise _fault(file, sample, f"expected the inputs {expected}, got {got}")
    most = file.config.max_batch_size
    if not 1 <= sample.batch_size <= max(1, most):
        expected_sizes = f"1 to {most}" if most else "1 (the model has no batch axis)"
        raise _fault(file, sample, f"expected batch_size {expected_sizes}, got {sample.batch_size}")
    rows = {
        name: _row(file, sample, declared[name], spec)
        for name, spec in sorted(sample.inputs.items())
    }
    if not most:
        return rows
    return {name: np.repeat(row[None], sample.batch_size, axis=0) for name, row in rows.items()}


def _row(
    file: ConfigFile, sample: ModelWarmup, declared: ModelInput, spec: ModelWarmup.Input
) -> np.ndarray:
    """One row of one input."""
    name = declared.name
    if spec.data_type != declared.data_type:
        expected, got = DataType.Name(declared.data_type), DataType.Name(spec.data_type)
        raise _fault(file, sample, f"input {name!r}: expected data_type {expected}, got {got}")
    if not dims_match(declared.dims, spec.dims) or any(size < 0 for size in spec.dims):
        expected_dims = f"fixed dims that fit {list(declared.dims)}"
        raise _fault(
            file, sample, f"input {name!r}: expected {expected_dims}, got {list(spec.dims)}"
        )
    dtype = np.dtype(NUMPY_TYPES[declared.data_type])
    match spec.WhichOneof("input_data_type"):
        case "zero_data":
            return np.zeros(spec.dims, dtype)
        case "random_data":
            return _random(dtype, list(spec.dims))
        case "input_data_file":
            return _from_file(file, sample, spec, dtype)
        case _:
            raise _fault(
                file,
                sample,
                f"input {name!r}: expected one of zero_data, random_data and input_data_file",
            )


def _random(dtype: np.dtype, shape: list[int]) -> np.ndarray:
    # Seeded: a warm-up that fails should fail again.
    generator = np.random.default_rng(0)
    if dtype.kind == "f":
        return generator.random(shape).astype(dtype)
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(dtype)
    bounds = np.iinfo(dtype)
    return generator.integers(bounds.min, bounds.max, shape, dtype, endpoint=True)


def _from_file(
    file: ConfigFile, sample: ModelWarmup, spec: ModelWarmup.Input, dtype: np.dtype
) -> np.ndarray:
    """The raw little-endian bytes of one row, from the model's warmup folder."""
    folder = file.path.parent / WARMUP_FOLDER
    path = folder / spec.input_data_file
    if not _inside(path, folder):
        raise _fault(file, sample, f"{spec.input_data_file!r} is not in the folder {folder}")
    expected = int(np.prod(spec.dims)) * dtype.itemsize
    try:
        # The size first: what is wrong should not be read into memory.
        size = path.stat().st_size
        data = path.read_bytes() if size == expected else b""
    except OSError as error:
        raise _fault(file, sample, f"{path} cannot be read ({error.strerror})") from error
    if size != expected:
        raise _fault(file, sample, f"{path}: expected {expected} bytes, got {size}")
    return np.frombuffer(data, dtype).reshape(spec.dims)


def _inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _fault(file: ConfigFile, sample: ModelWarmup, reason: str) -> ModelLoadError:
    return file.fault(f"model_warmup.{sample.name}", f"model_warmup {sample.name!r}: {reason}")
