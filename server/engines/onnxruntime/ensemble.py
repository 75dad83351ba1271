"""Ensembles: a step runs as soon as its inputs are there, on the batcher of its model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tritonclient.grpc.model_config_pb2 import (
    ModelConfig,
    ModelEnsembling,
    ModelInput,
    ModelOutput,
)

from server.engines.base import InferenceRequest, InferenceResult, StageTiming, Tensors
from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.servable import Servable
from server.engines.onnxruntime.statistics import Statistics
from server.engines.onnxruntime.tensors import check_inputs, dims_match

Find = Callable[[str, str], Servable]
_LATEST = -1


@dataclass(frozen=True)
class _TensorType:
    data_type: int
    dims: tuple[int, ...]

    def fits(self, other: _TensorType) -> bool:
        """Whether a tensor of this type can be used as `other`; -1 fits any size."""
        return self.data_type == other.data_type and (
            dims_match(self.dims, other.dims) or dims_match(other.dims, self.dims)
        )


class Ensemble:
    """A checked ensemble.

    Attributes:
        config: its configuration.
        version: its version folder's name.
        statistics: what it has done so far.

    Args:
        file: its config.pbtxt.
        version: its version folder's name.
        models: the configurations of all models that it may use as steps.
        find: finds a step's model when it is about to run.
    """

    def __init__(
        self, file: ConfigFile, version: str, models: Mapping[str, ModelConfig], find: Find
    ) -> None:
        """Check that the steps can run and fit together.

        Raises:
            ModelLoadError: they do not.
        """
        self.config = file.config
        self.version = version
        self.statistics = Statistics()
        self._find = find
        self._file = file
        self._steps = list(self.config.ensemble_scheduling.step)
        known = {item.name: _type_of(item) for item in self.config.input}
        for step in self._steps:
            known |= self._check_step(step, known, models)
        for item in self.config.output:
            if item.name not in known:
                raise file.fault(item.name, f"output {item.name!r}: no step makes it")
            self._check_type(item.name, known[item.name], _type_of(item))

    def _check_step(
        self,
        step: ModelEnsembling.Step,
        known: Mapping[str, _TensorType],
        models: Mapping[str, ModelConfig],
    ) -> dict[str, _TensorType]:
        """Check one step against the tensors known so far; return the tensors that it adds."""
        name = step.model_name
        if name not in models:
            raise self._file.fault(
                name, f"step {name!r}: no such model; the repository has {sorted(models)}"
            )
        model = models[name]
        if step.model_version not in (0, _LATEST):
            raise self._file.fault(
                "model_version", f"expected model_version -1 (latest), got {step.model_version}"
            )
        if model.max_batch_size < self.config.max_batch_size:
            raise self._file.fault(
                "max_batch_size",
                f"step {name!r} takes batches of {model.max_batch_size} only, the ensemble "
                f"{self.config.max_batch_size}",
            )
        inputs = {item.name: _type_of(item) for item in model.input}
        outputs = {item.name: _type_of(item) for item in model.output}
        self._check_names(name, "input_map", step.input_map, inputs, complete=True)
        self._check_names(name, "output_map", step.output_map, outputs, complete=False)
        for inner, outer in step.input_map.items():
            if outer not in known:
                raise self._file.fault(
                    outer, f"step {name!r}: {outer!r} is no input and no earlier step makes it"
                )
            self._check_type(f"{name}.{inner}", known[outer], inputs[inner])
        if twice := known.keys() & set(step.output_map.values()):
            raise self._file.fault(
                twice.pop(), f"step {name!r}: makes a tensor that exists already"
            )
        return {outer: outputs[inner] for inner, outer in step.output_map.items()}

    def _check_names(
        self,
        step: str,
        field: str,
        mapping: Mapping[str, str],
        declared: Mapping[str, _TensorType],
        complete: bool,
    ) -> None:
        unknown = mapping.keys() - declared.keys()
        missing = declared.keys() - mapping.keys() if complete else set()
        if unknown or missing or not mapping:
            raise self._file.fault(
                step,
                f"step {step!r}: {field} has keys {sorted(mapping)}, the model has "
                f"{sorted(declared)}",
            )

    def _check_type(self, name: str, have: _TensorType, want: _TensorType) -> None:
        if not have.fits(want):
            raise self._file.fault(
                name.rsplit(".", 1)[-1],
                f"{name}: expected dims {list(want.dims)} of type {want.data_type}, got "
                f"{list(have.dims)} of type {have.data_type}",
            )

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run all steps; those whose inputs are there run at the same time."""
        check_inputs(self.config, request.inputs)
        tensors = dict(request.inputs)
        stages: list[StageTiming] = []
        waiting = list(self._steps)
        while waiting:
            ready = [step for step in waiting if set(step.input_map.values()) <= tensors.keys()]
            results = await asyncio.gather(
                *(self._run_step(step, tensors, request) for step in ready)
            )
            for step, result in zip(ready, results, strict=True):
                stages.extend(result.stages)
                for inner, outer in step.output_map.items():
                    tensors[outer] = result.outputs[inner]
            waiting = [step for step in waiting if step not in ready]
        outputs = {item.name: tensors[item.name] for item in self.config.output}
        return InferenceResult(outputs, self.version, tuple(stages))

    async def _run_step(
        self, step: ModelEnsembling.Step, tensors: Tensors, request: InferenceRequest
    ) -> InferenceResult:
        inputs = _inputs_of(step, tensors)
        inner = replace(request, model=step.model_name, inputs=inputs, version="", outputs=())
        return await self._find(step.model_name, "").infer(inner)

    async def close(self) -> None:
        """Nothing of its own waits or runs."""


def _inputs_of(step: ModelEnsembling.Step, tensors: Tensors) -> Tensors:
    return {inner: tensors[outer] for inner, outer in step.input_map.items()}


def _type_of(item: ModelInput | ModelOutput) -> _TensorType:
    return _TensorType(item.data_type, tuple(item.dims))
