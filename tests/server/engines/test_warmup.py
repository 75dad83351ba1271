"""model_warmup: samples run before a version is served."""

from pathlib import Path

import numpy as np
import pytest
from running_engine import ALL_EXPLICIT, ask, reason, running_engine, states
from tiny_models import WORK_SIZE, write_config, write_model
from tritonclient.grpc import model_config_pb2
from tritonclient.grpc.model_config_pb2 import ModelInput

from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.warmup import sample_inputs
from server.errors import ModelLoadError


def sample(data: str, dims: str = "dims: 8", rest: str = "batch_size: 2") -> str:
    spec = f"data_type: TYPE_FP32 {dims} {data}"
    return f'model_warmup {{ name: "first" {rest} inputs {{ key: "x" value {{ {spec} }} }} }}'


@pytest.mark.parametrize("data", ["zero_data: true", "random_data: true"])
async def test_warmed_up_model_serves(tmp_path: Path, data: str) -> None:
    write_model(tmp_path, sample(data, rest="batch_size: 4 count: 3"))
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        assert await ask(engine) == 1
        (statistics,) = await engine.statistics("add_one")
        assert statistics.inference_count == statistics.execution_count == 1, "nobody asked for it"


async def test_failing_sample_stops_the_load(tmp_path: Path) -> None:
    """The file takes rows of WORK_SIZE only, which the sample has not."""
    write_model(tmp_path, sample("zero_data: true"), work=1)
    with pytest.raises(
        ModelLoadError, match=r"config\.pbtxt:6: model_warmup 'first': does not run"
    ):
        async with running_engine(tmp_path, ALL_EXPLICIT):
            pass


async def test_failing_sample_keeps_the_old_version(tmp_path: Path) -> None:
    folder = write_model(tmp_path, work=1)
    async with running_engine(tmp_path, ALL_EXPLICIT) as engine:
        write_config(folder, sample("zero_data: true"), work=1)
        with pytest.raises(ModelLoadError, match="does not run"):
            await engine.load("add_one")
        assert await states(engine) == {("add_one", "1"): "READY"}
        assert "does not run" in await reason(engine, "add_one")


async def test_every_sample_runs(tmp_path: Path) -> None:
    good = sample("zero_data: true", f"dims: {WORK_SIZE}")
    bad = sample("zero_data: true").replace("first", "second")
    write_model(tmp_path, good + "\n" + bad, work=1)
    with pytest.raises(ModelLoadError, match=r"config\.pbtxt:7: model_warmup 'second'"):
        async with running_engine(tmp_path, ALL_EXPLICIT):
            pass


def test_file_holds_one_row(tmp_path: Path) -> None:
    folder = write_model(tmp_path, sample('input_data_file: "row"', "dims: 3"))
    (folder / "warmup").mkdir()
    (folder / "warmup/row").write_bytes(np.array([1, 2, 3], np.float32).tobytes())
    file = ConfigFile(folder)
    inputs = sample_inputs(file, file.config.model_warmup[0])
    assert inputs["x"].tolist() == [[1, 2, 3], [1, 2, 3]]


@pytest.mark.parametrize(
    ("data_type", "dtype"),
    [
        (model_config_pb2.TYPE_FP32, np.float32),
        (model_config_pb2.TYPE_UINT8, np.uint8),
        (model_config_pb2.TYPE_INT64, np.int64),
    ],
)
def test_random_data(tmp_path: Path, data_type: int, dtype: type) -> None:
    file = ConfigFile(write_model(tmp_path, sample("random_data: true", "dims: 1000")))
    file.config.input[0].CopyFrom(ModelInput(name="x", data_type=data_type, dims=[-1]))
    file.config.model_warmup[0].inputs["x"].data_type = data_type
    array = sample_inputs(file, file.config.model_warmup[0])["x"]
    assert array.dtype == dtype
    assert array.shape == (2, 1000)
    assert len(np.unique(array)) > 100


WRONG = {
    "no such input": (
        'model_warmup { name: "first" batch_size: 1 }',
        r"expected the inputs \['x'\]",
    ),
    "no batch size": (sample("zero_data: true", rest=""), "expected batch_size 1 to 4, got 0"),
    "large batch": (
        sample("zero_data: true", rest="batch_size: 5"),
        "expected batch_size 1 to 4, got 5",
    ),
    "data type": (
        sample("zero_data: true").replace("FP32", "INT64"),
        "input 'x': expected data_type TYPE_FP32, got TYPE_INT64",
    ),
    "open dims": (sample("zero_data: true", "dims: -1"), "expected fixed dims that fit"),
    "more dims": (sample("zero_data: true", "dims: [2, 2]"), r"that fit \[-1\], got \[2, 2\]"),
    "no data": (sample(""), "expected one of zero_data, random_data and input_data_file"),
    "no file": (sample('input_data_file: "row"'), "warmup/row cannot be read"),
    "short file": (sample('input_data_file: "short"'), "short: expected 32 bytes, got 5"),
    "file elsewhere": (
        sample('input_data_file: "../config.pbtxt"'),
        "'../config.pbtxt' is not in the folder",
    ),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
async def test_wrong_sample_is_named(tmp_path: Path, text: str, message: str) -> None:
    folder = write_model(tmp_path, text)
    (folder / "warmup").mkdir()
    (folder / "warmup/short").write_bytes(b"12345")
    with pytest.raises(
        ModelLoadError, match=r"config\.pbtxt:6: model_warmup 'first': .*" + message
    ):
        async with running_engine(tmp_path, ALL_EXPLICIT):
            pass
