"""From a PyTorch module to a checked ONNX file."""

from __future__ import annotations

import warnings
from pathlib import Path

import onnx
import torch

from export.errors import ExportError
from export.models import ANY, ExportedModel
from training.style.networks import MIN_SIDE

# The newest opset that the exporter's own operator set needs; asking for an older one is ignored.
OPSET = 18
_MAX_SIDE = 4096
# Odd, unequal sides: the exporter must not take any relation between them for a rule.
_EXAMPLE_SIDES = 65, 78


def write_onnx(model: ExportedModel, path: Path) -> None:
    """Export with a dynamic batch axis (and dynamic sides where declared), one file.

    Raises:
        ExportError: the exporter chose another opset.
    """
    inputs = model.example(2, _EXAMPLE_SIDES)
    with warnings.catch_warnings():
        # The exporter warns of its own internals; the parity check judges the result.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            model.module,
            kwargs=inputs,
            input_names=[spec.name for spec in model.inputs],
            output_names=[spec.name for spec in model.outputs],
            dynamic_shapes=_dynamic_shapes(model),
            opset_version=OPSET,
            verbose=False,
        )
    if program is None:
        raise ExportError(f"{model.name}: the exporter made nothing")
    proto = program.model_proto
    if proto.opset_import[0].version != OPSET:
        got = proto.opset_import[0].version
        raise ExportError(f"{model.name}: expected opset {OPSET}, the exporter chose {got}")
    onnx.helper.set_model_props(proto, dict(model.metadata))
    onnx.checker.check_model(proto, full_check=True)
    # Weights inside the file: a model is one file, so it cannot be half there.
    onnx.save(proto, path)


def _dynamic_shapes(model: ExportedModel) -> dict[str, dict[int, object]]:
    batch = torch.export.Dim("batch", min=1, max=1024)
    sides = [torch.export.Dim(name, min=MIN_SIDE, max=_MAX_SIDE) for name in ("height", "width")]
    shapes: dict[str, dict[int, object]] = {}
    for spec in model.inputs:
        free = [axis for axis, size in enumerate(spec.dims, start=1) if size == ANY]
        shapes[spec.name] = {0: batch, **dict(zip(free, sides, strict=False))}
    return shapes
