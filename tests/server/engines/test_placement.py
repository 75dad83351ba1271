"""Providers: what is not installed stops the load, and tensors stay on their device.

There may be no GPU here, so the binding of tensors to a device is driven with the CPU as device.
"""

import asyncio
from pathlib import Path

import onnxruntime as ort
import pytest
from tiny_calls import MakeEngine, ask, row
from tiny_models import write_ensemble, write_model

from server.engines.onnxruntime import placement
from server.engines.onnxruntime.model import OnnxModel
from server.errors import ModelLoadError

GPU = "dynamic_batching {} instance_group { kind: KIND_GPU count: 2 }"
TENSORRT = (
    "optimization { execution_accelerators { gpu_execution_accelerator { name: 'tensorrt' %s } } }"
)
needs_no_gpu = pytest.mark.skipif(
    "CUDAExecutionProvider" in ort.get_available_providers(), reason="this onnxruntime has CUDA"
)


@needs_no_gpu
@pytest.mark.parametrize("extra", ["", TENSORRT % ""])
async def test_a_provider_that_is_not_installed_stops_the_load(
    tmp_path: Path, start_engine: MakeEngine, extra: str
) -> None:
    write_model(tmp_path, f"{GPU} {extra}")
    with pytest.raises(ModelLoadError) as caught:
        await start_engine(tmp_path)
    message = str(caught.value)
    assert "config.pbtxt:6: KIND_GPU needs onnxruntime's " in message
    assert "pip uninstall onnxruntime && pip install onnxruntime-gpu" in message


CASES = {
    f"{GPU} instance_group {{ kind: KIND_CPU }}": "expected groups of one kind, got KIND_GPU and",
    TENSORRT % "": "expected an instance_group of KIND_GPU",
    "instance_group { kind: KIND_MODEL }": "expected kind KIND_CPU, KIND_GPU or KIND_AUTO",
    f"{GPU} {TENSORRT % ''}".replace("tensorrt", "fast"): "expected the accelerator 'tensorrt'",
    f"{GPU} {TENSORRT}" % "parameters { key: 'speed' value: '9' }": "accelerator parameter 'speed'",
    f"{GPU} {TENSORRT}" % "parameters { key: 'precision_mode' value: 'FP4' }": "got 'FP4'",
}


@pytest.mark.parametrize(("extra", "message"), CASES.items(), ids=CASES.values())
async def test_contradictions_are_named(
    tmp_path: Path, start_engine: MakeEngine, extra: str, message: str
) -> None:
    write_model(tmp_path, extra)
    with pytest.raises(ModelLoadError, match=message):
        await start_engine(tmp_path)


def test_accelerator_parameters_become_the_providers_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    providers = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: providers)
    parameters = {
        "precision_mode": "FP16",
        "max_workspace_size_bytes": "1048576",
        "trt_engine_cache_enable": "true",
    }
    given = " ".join(f"parameters {{ key: '{k}' value: '{v}' }}" for k, v in parameters.items())
    groups = "instance_group { kind: KIND_GPU gpus: [0, 3] count: 2 }"
    file = placement.ConfigFile(write_model(tmp_path, f"{groups} {TENSORRT % given}"))
    made = placement.placements(file)
    assert [item.device_id for item in made] == [0, 0, 3, 3]
    assert [name for name, _ in made[3].providers] == providers
    assert made[3].providers[0][1] == {
        "trt_fp16_enable": "True",
        "trt_max_workspace_size": "1048576",
        "trt_engine_cache_enable": "true",
        "device_id": "3",
    }
    assert made[3].providers[1][1]["cudnn_conv_algo_search"] == "HEURISTIC"


async def test_an_ensembles_tensors_stay_on_their_device(
    tmp_path: Path, start_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = [placement.Placement(0, "cpu"), placement.Placement(0, "cpu")]
    monkeypatch.setattr("server.engines.onnxruntime.model.placements", lambda file: here)
    seen: list[type] = []
    run = OnnxModel.run

    def watched(self: OnnxModel, session: int, outputs: list, inputs: dict, stay: bool) -> object:
        seen.extend(type(tensor) for tensor in inputs.values())
        return run(self, session, outputs, inputs, stay)

    monkeypatch.setattr(OnnxModel, "run", watched)
    for name, added in (("a", 1), ("b", 10)):
        write_model(tmp_path, "dynamic_batching {}", name=name, added=added)
    write_ensemble(tmp_path, ["a", "b"], name="all")
    engine = await start_engine(tmp_path)
    results = await asyncio.gather(*(ask(engine, row(i), model="all") for i in range(9)))
    assert [result.outputs["y"][0, 0] for result in results] == [i + 11 for i in range(9)]
    assert seen.count(ort.OrtValue) == len(seen) / 2, "every batch reached b without a copy"
