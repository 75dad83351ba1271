"""Ensembles: a step runs as soon as its inputs are there, on the batcher of its model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from tritonclient.grpc.model_config_pb2 import ModelConfig, ModelDynamicBatching

from server.engines.base import InferenceRequest, InferenceResult, StageTiming, Tensors
from server.engines.onnxruntime.batcher import Batcher
from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.ensemble_plan import Group, Plan, Step
from server.engines.onnxruntime.program import Program
from server.engines.onnxruntime.servable import Servable
from server.engines.onnxruntime.statistics import Statistics
from server.engines.onnxruntime.tensors import Signature
from server.errors import InvalidArgument, Reason, Unavailable

Find = Callable[[str, str], Servable]


class Ensemble:
    """One version of an ensemble.

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
        self._groups = Plan(file, models).groups
        self._find = find
        self._signature = Signature(self.config)
        self._programs: dict[Group, tuple[Sequence[Servable], Program | None]] = {}
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    async def infer(self, request: InferenceRequest) -> InferenceResult:
        """Run one request; see `Engine.infer`."""
        started = time.monotonic()
        self._under_way += 1
        self._idle.clear()
        try:
            rows, _ = self._signature.check(request.inputs)
            names = self._wanted(request.outputs)
            self._check_open(request)
            tensors, stages = await self._run(request, rows)
        except BaseException as error:
            self.statistics.failed(time.monotonic() - started, error)
            raise
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
        self._count(rows, stages, time.monotonic() - started)
        return InferenceResult({name: tensors[name] for name in names}, self.version, stages)

    @property
    def waiting(self) -> int:
        """None wait here: its steps' models have the queues."""
        return 0

    async def close(self) -> None:
        """Refuse what comes, and wait for what is under way."""
        self._closed = True
        await self._idle.wait()

    def _wanted(self, outputs: Sequence[str]) -> Sequence[str]:
        known = [item.name for item in self.config.output]
        if unknown := set(outputs).difference(known):
            raise InvalidArgument(f"{self.config.name} outputs", f"of {known}", sorted(unknown))
        return outputs or known

    def _check_open(self, request: InferenceRequest) -> None:
        if self._closed:
            gone = f"{self.config.name}: version {self.version} is no longer served"
            raise Unavailable(gone, Reason.UNLOADING)
        request.deadline.check(self.config.name)

    def _count(self, rows: int, stages: Sequence[StageTiming], seconds: float) -> None:
        computed = sum(stage.compute_seconds for stage in stages)
        queued = sum(stage.queue_seconds for stage in stages)
        self.statistics.executed(rows, computed)
        self.statistics.succeeded(rows, queued, computed, seconds)

    async def _run(
        self, request: InferenceRequest, rows: int
    ) -> tuple[Tensors, tuple[StageTiming, ...]]:
        """Run all groups, each once its inputs are there."""
        if len(self._groups) == 1:
            result = await self._run_group(self._groups[0], request.inputs, request, rows)
            return {**request.inputs, **result.outputs}, result.stages
        maker: dict[str, asyncio.Task[InferenceResult]] = {}

        async def run(group: Group) -> InferenceResult:
            tensors = dict(request.inputs)
            for name in maker.keys() & set(group.inputs):
                tensors[name] = (await maker[name]).outputs[name]
            return await self._run_group(group, tensors, request, rows)

        try:
            async with asyncio.TaskGroup() as tasks:
                for group in self._groups:
                    task = tasks.create_task(run(group))
                    maker |= dict.fromkeys(group.outputs, task)
        except BaseExceptionGroup as failures:
            # The first to fail has cancelled the others.
            raise failures.exceptions[0] from None
        tensors = {name: task.result().outputs[name] for name, task in maker.items()}
        results = [task.result() for task in dict.fromkeys(maker.values())]
        stages = tuple(stage for result in results for stage in result.stages)
        return {**request.inputs, **tensors}, stages

    async def _run_group(
        self, group: Group, tensors: Tensors, request: InferenceRequest, rows: int
    ) -> InferenceResult:
        """Run consecutive steps: as one batch where their models allow it, else one by one."""
        models = [self._find(step.model_name, "") for step in group.steps]
        program = self._program(group, models)
        if program is not None:
            first = models[0]
            assert isinstance(first, Batcher)
            inputs = {name: tensors[name] for name in group.inputs}
            shapes = tuple(array.shape[1:] for array in inputs.values())
            return await first.run(program, request._replace(inputs=inputs), rows, shapes)
        made, stages = dict(tensors), list[StageTiming]()
        for step, model in zip(group.steps, models, strict=True):
            result = await model.infer(_step_request(step, made, request))
            stages += result.stages
            made |= {outer: result.outputs[inner] for inner, outer in step.output_map.items()}
        outputs = {name: made[name] for name in group.outputs}
        return InferenceResult(outputs, self.version, tuple(stages))

    def _program(self, group: Group, models: Sequence[Servable]) -> Program | None:
        """What runs a group as one batch; None where its models cannot be run so."""
        known = self._programs.get(group)
        if known is None or known[0] != models:
            # The first time, or a model was reloaded.
            known = self._programs[group] = models, _together(group, models)
        return known[1]


def _step_request(step: Step, tensors: Tensors, request: InferenceRequest) -> InferenceRequest:
    inputs = {inner: tensors[outer] for inner, outer in step.input_map.items()}
    outputs = tuple(step.output_map)
    return request._replace(model=step.model_name, inputs=inputs, version="", outputs=outputs)


def _together(group: Group, models: Sequence[Servable]) -> Program | None:
    """A program of all steps, unless one has instances of its own, or a later one other rules."""
    batchers = [model for model in models if isinstance(model, Batcher)]
    if len(batchers) < max(2, len(models)) or not all(item.may_join for item in batchers):
        return None
    # Whoever joins waits once, by the first one's rules.
    followed = (ModelDynamicBatching(), batchers[0].rules)
    if any(item.rules not in followed for item in batchers[1:]):
        return None
    places = batchers[0].instances.shared
    if places is None or any(item.instances.shared != places for item in batchers):
        return None
    stages = [
        item.stage(step.input_map, step.output_map)
        for step, item in zip(group.steps, batchers, strict=True)
    ]
    return Program(stages, group.outputs)
