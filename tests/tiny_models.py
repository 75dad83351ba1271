"""Writes model repositories of tiny models that take no time to load."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

WORK_SIZE = 512
_CONFIG = """
backend: "onnxruntime"
max_batch_size: 4
input {{ name: "x" data_type: TYPE_FP32 dims: -1 }}
output {{ name: "y" data_type: TYPE_FP32 dims: {size} }}
{extra}
"""


def write_model(
    repository: Path,
    extra: str = "",
    work: int = 0,
    name: str = "add_one",
    version: str = "1",
    added: float = 1.0,
) -> Path:
    """y = x + `added`; `work` matrix products more keep an instance busy for rows of WORK_SIZE.

    `extra` is added to the config.pbtxt. Returns the model's folder.
    """
    folder = repository / name
    write_version(folder, version, added, work)
    write_config(folder, extra, work)
    return folder


def write_config(folder: Path, extra: str = "", work: int = 0) -> None:
    """The config.pbtxt alone."""
    text = _CONFIG.format(extra=extra, size=WORK_SIZE if work else -1)
    (folder / "config.pbtxt").write_text(text)


def write_version(folder: Path, version: str, added: float = 1.0, work: int = 0) -> None:
    """One version folder alone; a moment in which it is half-written there is not."""
    model = _model(added, work)
    (folder / version).mkdir(parents=True, exist_ok=True)
    part = folder / "model.part"
    onnx.save(model, part)
    part.rename(folder / version / "model.onnx")


def write_ensemble(
    repository: Path, steps: list[str], name: str = "chain", extra: str = ""
) -> Path:
    """Steps that each are a tiny model of no work, one after the other."""
    tensors = ["x", *(f"t{index}" for index in range(1, len(steps))), "y"]
    text = "\n".join(
        f'step {{ model_name: "{step}" model_version: -1 '
        f'input_map {{ key: "x" value: "{before}" }} '
        f'output_map {{ key: "y" value: "{after}" }} }}'
        for step, before, after in zip(steps, tensors[:-1], tensors[1:], strict=True)
    )
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text(f"""
platform: "ensemble"
max_batch_size: 4
input {{ name: "x" data_type: TYPE_FP32 dims: -1 }}
output {{ name: "y" data_type: TYPE_FP32 dims: -1 }}
ensemble_scheduling {{ {text} }}
{extra}
""")
    return folder


def _model(added: float, work: int) -> onnx.ModelProto:
    weights = [helper.make_tensor("added", TensorProto.FLOAT, [], [added])]
    nodes = [helper.make_node("Add", ["x", "added"], ["sum"])]
    last = "sum"
    if work:
        weights.append(onnx.numpy_helper.from_array(np.eye(WORK_SIZE, dtype=np.float32), "eye"))
        for index in range(work):
            nodes.append(helper.make_node("MatMul", [last, "eye"], [f"product{index}"]))
            last = f"product{index}"
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", None]) for name in "xy"
    ]
    graph = helper.make_graph(nodes, "tiny", [ends[0]], [ends[1]], weights)
    opset = helper.make_opsetid("", 18)
    return helper.make_model(graph, opset_imports=[opset], ir_version=10)
