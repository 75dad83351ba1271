"""The parity check: the ONNX file must compute what the PyTorch module computes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor

from export.errors import ParityError
from export.graphs import StylizerGraph
from export.models import ExportedModel

BATCHES = (1, 3, 8)
TOLERANCE = 1e-3
_LEVELS = 127.5


@dataclass(frozen=True)
class Parity:
    """Greatest absolute difference of one output at one batch size, values in [-1, 1]."""

    output: str
    batch: int
    error: float


def check_parity(
    model: ExportedModel, path: Path, sides: tuple[int, int] = (64, 77)
) -> Iterator[Parity]:
    """Compare on random inputs, batch by batch, yielding each figure as it is measured.

    UINT8 outputs are compared before they are rounded: a hair's difference beside a rounding
    threshold would count as a whole level. The bytes may differ by one level.

    Raises:
        ParityError: an error is over `TOLERANCE`, or bytes differ by more than a level.
    """
    probe = onnx.load(str(path))
    levels_name = _expose_levels(probe)
    session = ort.InferenceSession(probe.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch in BATCHES:
        inputs = model.example(batch, sides)
        feeds = {name: tensor.numpy() for name, tensor in inputs.items()}
        actual = dict(
            zip(
                [item.name for item in session.get_outputs()], session.run(None, feeds), strict=True
            )
        )
        for name, expected in _expected(model, inputs).items():
            error = float(np.abs(actual[name] - expected).max())
            if isinstance(model.module, StylizerGraph):
                _check_bytes(name, actual[name], expected)
                with torch.no_grad():
                    exact = model.module.levels(**inputs).numpy()
                error = float(np.abs(actual[levels_name] - exact).max()) / _LEVELS
            yield Parity(name, batch, error)
            if not error <= TOLERANCE:
                raise ParityError(
                    f"{model.name}.{name}: batch {batch}: maximum absolute error {error:.2e} is "
                    f"over {TOLERANCE:.0e}"
                )


def _expected(model: ExportedModel, inputs: dict[str, Tensor]) -> dict[str, np.ndarray]:
    with torch.no_grad():
        outputs = model.module(**inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    names = [spec.name for spec in model.outputs]
    return {name: tensor.numpy() for name, tensor in zip(names, outputs, strict=True)}


def _check_bytes(name: str, actual: np.ndarray, expected: np.ndarray) -> None:
    difference = int(np.abs(actual.astype(np.int16) - expected.astype(np.int16)).max())
    if difference > 1:
        raise ParityError(f"{name}: bytes differ by {difference} levels, at most 1 is rounding")


def _expose_levels(proto: onnx.ModelProto) -> str:
    """Make the input of the one rounding node an output too; its name, empty without one."""
    for node in proto.graph.node:
        if node.op_type == "Round":
            value = onnx.helper.make_empty_tensor_value_info(node.input[0])
            value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
            proto.graph.output.append(value)
            return node.input[0]
    return ""
