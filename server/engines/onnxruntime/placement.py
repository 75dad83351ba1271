"""Where a model's sessions run: cores, or GPUs through CUDA and TensorRT."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnxruntime as ort
from tritonclient.grpc.model_config_pb2 import ModelInstanceGroup

from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.cores import available_cores

Provider = tuple[str, Mapping[str, str]]

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
_CUDA_OPTIONS = {
    # The exhaustive search stalls the first request of every new shape for up to a second, and
    # finds nothing that is faster afterwards: https://github.com/microsoft/onnxruntime/issues/19838
    "cudnn_conv_algo_search": "HEURISTIC",
    # Doubling the arena at every growth keeps memory that is never used.
    "arena_extend_strategy": "kSameAsRequested",
}
_PRECISIONS = {"FP32": {}, "FP16": {"trt_fp16_enable": "True"}}
_WORKSPACE = "max_workspace_size_bytes"
_PRECISION = "precision_mode"


@dataclass(frozen=True)
class Placement:
    """Where one session runs.

    Attributes:
        threads: cores that it uses; 0 on a GPU.
        device: as onnxruntime names devices.
        device_id: which of them.
        providers: onnxruntime's providers, the preferred first.
        one_of_several: whether other instances have sessions, and threads, of their own.
    """

    threads: int
    device: str = "cpu"
    device_id: int = 0
    providers: tuple[Provider, ...] = field(default=((_CPU, {}),))
    one_of_several: bool = False

    @property
    def exclusive(self) -> bool:
        """Whether its session runs one batch at a time."""
        return self.on_gpu or self.one_of_several

    @property
    def on_gpu(self) -> bool:
        """Whether tensors should stay where they are between two models."""
        return self.threads == 0


def placements(file: ConfigFile) -> list[Placement]:
    """One per session of a model.

    On cores, a session may run many batches at once, each on the thread that calls it: one session
    of one thread serves all instances, with one copy of the weights; the one that gives all cores
    to one batch holds the second copy. Instances that are pinned to several threads each, or to a
    GPU, have a session of their own.

    Raises:
        ModelLoadError: the configuration asks for a provider that is not installed.
    """
    groups = file.config.instance_group
    on_gpu = [group for group in groups if group.kind == ModelInstanceGroup.KIND_GPU]
    if on_gpu and len(on_gpu) < len(groups):
        raise file.fault("instance_group", "expected groups of one kind, got KIND_GPU and others")
    if not on_gpu:
        if file.config.optimization.HasField("execution_accelerators"):
            raise file.fault("execution_accelerators", "expected an instance_group of KIND_GPU")
        if any(group.gpus for group in groups):
            raise file.fault("gpus", "expected kind: KIND_GPU beside gpus")
        return _on_cores(file)
    return [
        Placement(0, "cuda", gpu, _gpu_providers(file, gpu))
        for group in on_gpu
        for gpu in group.gpus or [0]
        for _ in range(max(1, group.count))
    ]


def _on_cores(file: ConfigFile) -> list[Placement]:
    cores, pinned = available_cores(), file.intra_op_threads
    if pinned is None:
        return [Placement(threads) for threads in sorted({1, cores})]
    if pinned == 1:
        return [Placement(1)]
    count = file.instances or max(1, cores // pinned)
    return [Placement(pinned, one_of_several=True) for _ in range(count)]


def _gpu_providers(file: ConfigFile, gpu: int) -> tuple[Provider, ...]:
    device = {"device_id": str(gpu)}
    providers: list[Provider] = [(_CUDA, {**_CUDA_OPTIONS, **device}), (_CPU, {})]
    for item in file.config.optimization.execution_accelerators.gpu_execution_accelerator:
        if item.name != "tensorrt":
            raise file.fault(item.name, f"expected the accelerator 'tensorrt', got {item.name!r}")
        providers.insert(0, (_TENSORRT, _tensorrt_options(file, item.parameters) | device))
    available = ort.get_available_providers()
    for name, _ in providers:
        if name not in available:
            raise file.fault(
                "KIND_GPU",
                f"KIND_GPU needs onnxruntime's {name}; the installed onnxruntime has {available}. "
                "Install the other build: pip uninstall onnxruntime && pip install onnxruntime-gpu",
            )
    return tuple(providers)


def _tensorrt_options(file: ConfigFile, parameters: Mapping[str, str]) -> dict[str, str]:
    """Triton's parameters of the accelerator, as onnxruntime's provider names them."""
    options: dict[str, str] = {}
    for name, value in parameters.items():
        if name == _PRECISION:
            if value not in _PRECISIONS:
                raise file.fault(
                    name, f"{name}: expected one of {list(_PRECISIONS)}, got {value!r}"
                )
            options |= _PRECISIONS[value]
        elif name == _WORKSPACE:
            options["trt_max_workspace_size"] = value
        elif name.startswith("trt_"):
            options[name] = value
        else:
            known = f"{_PRECISION}, {_WORKSPACE} and onnxruntime's trt_... options"
            raise file.fault(name, f"unknown accelerator parameter {name!r}; known: {known}")
    return options
