"""The plan of an ensemble: its steps checked, sorted, and grouped by what can stay together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tritonclient.grpc.model_config_pb2 import (
    ModelConfig,
    ModelEnsembling,
    ModelInput,
    ModelOutput,
)

from server.engines.onnxruntime.config import ConfigFile
from server.engines.onnxruntime.tensors import dims_match

Step: TypeAlias = ModelEnsembling.Step
_LATEST = -1


@dataclass(frozen=True, eq=False)
class Group:
    """Consecutive steps, each the only consumer of the one before, so a batch can stay together.

    Attributes:
        steps: in order.
        inputs: the ensemble's tensors that they take from elsewhere.
        outputs: the ensemble's tensors that others take from them.
    """

    steps: tuple[Step, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class _TensorType:
    data_type: int
    dims: tuple[int, ...]

    def fits(self, other: _TensorType) -> bool:
        """Whether a tensor of this type can be used as `other`; -1 fits any size."""
        return self.data_type == other.data_type and (
            dims_match(self.dims, other.dims) or dims_match(other.dims, self.dims)
        )


class Plan:
    """A checked ensemble.

    Attributes:
        groups: in an order in which they can run.

    Args:
        file: the ensemble's config.pbtxt.
        models: the configurations of all models that it may use as steps.
    """

    def __init__(self, file: ConfigFile, models: Mapping[str, ModelConfig]) -> None:
        """Check that the steps can run and fit together.

        Raises:
            ModelLoadError: they do not.
        """
        self.config = file.config
        self._file = file
        self._models = models
        self._known = known = {item.name: _type_of(item) for item in self.config.input}
        steps = self._sorted(list(self.config.ensemble_scheduling.step), set(known))
        for step in steps:
            known |= self._check_step(step, known)
        for item in self.config.output:
            if item.name not in known:
                raise file.fault(item.name, f"output {item.name!r}: no step makes it")
            self._check_type(item.name, known[item.name], _type_of(item))
        self.groups = tuple(self._group(steps))

    def _sorted(self, steps: Sequence[Step], known: set[str]) -> list[Step]:
        """The steps, each after those that make its inputs; what never can run comes last."""
        waiting, result = list(steps), list[Step]()
        while ready := [step for step in waiting if known.issuperset(step.input_map.values())]:
            result += ready
            known |= {name for step in ready for name in step.output_map.values()}
            waiting = [step for step in waiting if step not in ready]
        return result + waiting

    def _group(self, steps: Sequence[Step]) -> list[Group]:
        """Join each step to the one before where it alone takes what that one makes."""
        given = {item.name for item in self.config.input}
        joined: list[list[Step]] = []
        for step in steps:
            if joined and self._follows(step, joined[-1], steps, given):
                joined[-1].append(step)
            else:
                joined.append([step])
        return [self._as_group(group, steps) for group in joined]

    def _follows(
        self, step: Step, group: Sequence[Step], steps: Sequence[Step], given: set[str]
    ) -> bool:
        made = set(group[-1].output_map.values())
        takers = [other for other in steps if made.intersection(other.input_map.values())]
        own = given.union(*(other.output_map.values() for other in group))
        fits = own.issuperset(step.input_map.values())
        return takers == [step] and fits and self._exact(step) and self._exact(group[-1])

    def _exact(self, step: Step) -> bool:
        """Whether whatever fits the ensemble fits the step, which then needs no check."""
        dims = {item.name: tuple(item.dims) for item in self._models[step.model_name].input}
        return all(
            dims_match(dims[inner], self._known[outer].dims)
            for inner, outer in step.input_map.items()
        )

    def _as_group(self, group: Sequence[Step], steps: Sequence[Step]) -> Group:
        made = {name for step in group for name in step.output_map.values()}
        wanted = {item.name for item in self.config.output}.union(
            *(step.input_map.values() for step in steps if step not in group)
        )
        taken = {name for step in group for name in step.input_map.values()}
        return Group(tuple(group), tuple(sorted(taken - made)), tuple(sorted(made & wanted)))

    def _check_step(
        self,
        step: Step,
        known: Mapping[str, _TensorType],
    ) -> dict[str, _TensorType]:
        """Check one step against the tensors known so far; return the tensors that it adds."""
        name, models = step.model_name, self._models
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
                    outer, f"step {name!r}: {outer!r} is no input and no step before it makes it"
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


def _type_of(item: ModelInput | ModelOutput) -> _TensorType:
    return _TensorType(item.data_type, tuple(item.dims))
