import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from running_server import REPOSITORY
from running_triton import RunningTriton, running_triton
from tiny_models import WORK_SIZE, write_model

from server.telemetry import current

_ALONE = "instance_group { count: 1 kind: KIND_CPU }"
# One run lasts long enough, some tenths of a second, for others to queue up behind it.
_ROUNDS = 20000


@pytest.fixture(autouse=True)
def _no_call_left_over() -> Iterator[None]:
    """A call that a test of no coroutine begins would be the current one in all that follow."""
    yield
    current._current.set(None)


def write_busy_model(repository: Path, name: str, extra: str) -> None:
    """add_one that does useless rounds first; a loop, because many nodes take long to load."""
    folder = write_model(repository, extra, work=1, name=name)
    weights = [
        helper.make_tensor("rounds", TensorProto.INT64, [], [_ROUNDS]),
        helper.make_tensor("added", TensorProto.FLOAT, [], [1.0]),
    ]
    values = [
        helper.make_tensor_value_info("round", TensorProto.INT64, []),
        helper.make_tensor_value_info("go", TensorProto.BOOL, []),
        helper.make_tensor_value_info("before", TensorProto.FLOAT, None),
    ]
    ends = [
        helper.make_tensor_value_info("on", TensorProto.BOOL, []),
        helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
    ]
    eye = numpy_helper.from_array(np.eye(WORK_SIZE, dtype=np.float32), "eye")
    steps = [
        helper.make_node("Identity", ["go"], ["on"]),
        helper.make_node("MatMul", ["before", "eye"], ["after"]),
    ]
    body = helper.make_graph(steps, "body", values, ends, [eye])
    nodes = [
        helper.make_node("Loop", ["rounds", "", "x"], ["same"], body=body),
        helper.make_node("Add", ["same", "added"], ["y"]),
    ]
    x, y = [helper.make_tensor_value_info(end, TensorProto.FLOAT, ["batch", None]) for end in "xy"]
    graph = helper.make_graph(nodes, "busy", [x], [y], weights)
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10)
    onnx.save(model, folder / "1/model.onnx")


@pytest.fixture(scope="session")
def contract_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed models and tiny ones that queue in various ways."""
    repository = tmp_path_factory.mktemp("contract") / "models"
    shutil.copytree(REPOSITORY, repository)
    write_model(repository, f"dynamic_batching {{}} {_ALONE}")
    write_model(repository, _ALONE, name="spare")
    write_busy_model(repository, "busy", _ALONE)
    policies = {
        "narrow": "max_queue_size: 2",
        "impatient": "timeout_action: REJECT default_timeout_microseconds: 20000",
        "yielding": "timeout_action: REJECT allow_timeout_override: true "
        "default_timeout_microseconds: 60000000",
    }
    for name, policy in policies.items():
        batching = f"dynamic_batching {{ default_queue_policy {{ {policy} }} }}"
        write_busy_model(repository, name, f"{batching} {_ALONE}")
    return repository


@pytest.fixture(scope="session")
def triton(contract_repository: Path) -> Iterator[RunningTriton]:
    """One Triton over these, whose models can be loaded and unloaded."""
    flags = ("--model-control-mode=explicit", "--load-model=*")
    with running_triton(*flags, repository=contract_repository) as running:
        yield running
