"""The pretrained VGG16 trunk, taken out of an ONNX classifier and stored as safetensors.

Weights: Simonyan & Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
Recognition" (arXiv 1409.1556), Oxford VGG, CC BY 4.0, in the Keras conversion.
"""

from __future__ import annotations

from pathlib import Path

import onnx
import safetensors.numpy
from onnx import numpy_helper

from training.errors import DataError

# Number of 3x3 convolutions in each of the five blocks.
BLOCKS = (2, 2, 3, 3, 3)


def convolution_names() -> list[str]:
    """The 13 convolutions in order: conv1_1, conv1_2, conv2_1, ..., conv5_3."""
    return [
        f"conv{block}_{index}"
        for block, count in enumerate(BLOCKS, start=1)
        for index in range(1, count + 1)
    ]


def extract_vgg16(onnx_file: Path, target: Path) -> Path:
    """Write `<conv>.weight` (OIHW) and `<conv>.bias` of all 13 convolutions to `target`.

    Raises:
        DataError: an expected weight is missing.
    """
    graph = onnx.load(str(onnx_file)).graph
    arrays = {item.name: item for item in graph.initializer}
    tensors = {}
    for name in convolution_names():
        prefix = f"functional_1/block{name[4]}_conv{name[6]}_1"
        sources = {
            "weight": f"{prefix}/convolution/ReadVariableOp:0",
            "bias": f"{prefix}/Squeeze:0",
        }
        for part, source in sources.items():
            if source not in arrays:
                raise DataError(f"{onnx_file}: expected a weight named {source}")
            array = numpy_helper.to_array(arrays[source])
            tensors[f"{name}.{part}"] = array.reshape(-1).copy() if part == "bias" else array.copy()
    target.parent.mkdir(parents=True, exist_ok=True)
    safetensors.numpy.save_file(tensors, target)
    return target
