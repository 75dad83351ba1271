"""Reading config.pbtxt: parsed by Triton's own protobuf, refused where we would not honour it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from google.protobuf import text_format
from google.protobuf.message import Message
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup
from tritonclient.grpc.service_pb2 import ModelMetadataResponse

from server.engines.onnxruntime.cores import available_cores
from server.errors import ModelLoadError

CONFIG_NAME = "config.pbtxt"
BACKEND = "onnxruntime"
PLATFORM = "onnxruntime_onnx"
ENSEMBLE = "ensemble"
# The execution threads of one instance, a parameter of Triton's ONNX Runtime backend.
INTRA_OP_THREADS = "intra_op_thread_count"
# Parameters with this prefix are the gateway's; engines pass them by.
GATEWAY_PREFIX = "impasto."

# Every field that this engine honours. Anything else in a file is an error: a setting that is
# silently ignored here and obeyed by a Triton would make the two serve differently.
_HONOURED = {
    "name",
    "platform",
    "backend",
    "max_batch_size",
    "input.name",
    "input.data_type",
    "input.dims",
    "output.name",
    "output.data_type",
    "output.dims",
    "dynamic_batching",
    "dynamic_batching.preferred_batch_size",
    "dynamic_batching.max_queue_delay_microseconds",
    "dynamic_batching.preserve_ordering",
    "dynamic_batching.priority_levels",
    "dynamic_batching.default_priority_level",
    "dynamic_batching.default_queue_policy",
    "dynamic_batching.default_queue_policy.timeout_action",
    "dynamic_batching.default_queue_policy.default_timeout_microseconds",
    "dynamic_batching.default_queue_policy.allow_timeout_override",
    "dynamic_batching.default_queue_policy.max_queue_size",
    "dynamic_batching.priority_queue_policy",
    "version_policy",
    "version_policy.latest",
    "version_policy.latest.num_versions",
    "version_policy.all",
    "version_policy.specific",
    "version_policy.specific.versions",
    "model_warmup",
    "model_warmup.name",
    "model_warmup.batch_size",
    "model_warmup.count",
    "model_warmup.inputs",
    "response_cache",
    "response_cache.enable",
    "instance_group.name",
    "instance_group.kind",
    "instance_group.count",
    "instance_group.gpus",
    "optimization.execution_accelerators.gpu_execution_accelerator.name",
    "optimization.execution_accelerators.gpu_execution_accelerator.parameters",
    "ensemble_scheduling.step.model_name",
    "ensemble_scheduling.step.model_version",
    "ensemble_scheduling.step.input_map",
    "ensemble_scheduling.step.output_map",
    "parameters",
}

# What a model has and an ensemble has not.
_MODELS_ONLY = ("backend", "dynamic_batching", "instance_group", "model_warmup", "parameters")


def describe(config: ModelConfig, versions: list[str]) -> ModelMetadataResponse:
    """A model's metadata, as Triton makes it from a configuration."""
    result = ModelMetadataResponse(
        name=config.name, versions=versions, platform=config.platform or PLATFORM
    )
    batch = [-1] if config.max_batch_size > 0 else []
    for items, described in ((config.input, result.inputs), (config.output, result.outputs)):
        for item in items:
            datatype = DataType.Name(item.data_type).removeprefix("TYPE_")
            described.add(name=item.name, datatype=datatype, shape=[*batch, *item.dims])
    return result


def complete(config: ModelConfig) -> ModelConfig:
    """A copy with the defaults that say how a model is served, as Triton fills them in.

    Triton also fills in how it runs the model (`instance_group`, `optimization`, `runtime`,
    `default_model_filename`), which would not be true here.
    """
    result = ModelConfig()
    result.CopyFrom(config)
    if config.platform != ENSEMBLE:
        result.platform, result.backend = PLATFORM, BACKEND
    if not result.HasField("version_policy"):
        result.version_policy.latest.num_versions = 1
    batching = result.dynamic_batching
    if result.HasField("dynamic_batching") and not batching.preferred_batch_size:
        batching.preferred_batch_size.append(config.max_batch_size)
    return result


class ConfigFile:
    """One model's parsed and checked configuration.

    Attributes:
        path: the config.pbtxt.
        config: its contents.
    """

    def __init__(self, folder: Path, override: ModelConfig | None = None) -> None:
        """Read `folder`/config.pbtxt, or take `override` in its place.

        Raises:
            ModelLoadError: it is missing, has a typo, or asks for what this engine does not do.
        """
        self.path = folder / CONFIG_NAME
        self._source = str(self.path)
        if override is None:
            self._read()
            self.config = self._parse()
        else:
            self._source = f"{folder}, the given configuration"
            self._text = text_format.MessageToString(override)
            self.config = ModelConfig()
            self.config.CopyFrom(override)
        self._check()

    def _read(self) -> None:
        try:
            self._text = self.path.read_text()
        except OSError as error:
            raise ModelLoadError(
                self.path, f"cannot be read ({error.strerror}); every model folder needs one"
            ) from error
        except UnicodeDecodeError as error:
            raise ModelLoadError(self.path, f"expected UTF-8 text: {error}") from error

    def fault(self, field: str, reason: str) -> ModelLoadError:
        """An error at the line of `field`: the first of its dotted path, then on to the leaf."""
        lines = [line.split("#")[0] for line in self._text.splitlines()]
        at: int | None = None
        for part in field.split("."):
            word = re.compile(rf"\b{re.escape(part)}\b")
            hits = (index for index in range(at or 0, len(lines)) if word.search(lines[index]))
            at = next(hits, at)
        return ModelLoadError(self._source if at is None else f"{self._source}:{at + 1}", reason)

    def _parse(self) -> ModelConfig:
        try:
            return text_format.Parse(self._text, ModelConfig())
        except text_format.ParseError as error:
            reason = re.sub(r"^\d+:\d+ : ", "", str(error))
            place = f"{self.path}:{error.GetLine()}:{error.GetColumn()}"
            raise ModelLoadError(place, reason) from error

    def _check(self) -> None:
        for field in _set_fields(self.config):
            if field not in _HONOURED:
                raise self.fault(field, f"{field} is not supported by the onnxruntime engine")
        folder = self.path.parent.name
        if self.config.name not in ("", folder):
            raise self.fault(
                "name", f"expected the folder's name {folder!r}, got {self.config.name!r}"
            )
        self.config.name = folder
        if (got := self.config.max_batch_size) < 0:
            raise self.fault("max_batch_size", f"expected max_batch_size of at least 0, got {got}")
        if self.is_ensemble:
            self._check_ensemble()
        else:
            self._check_model()

    @property
    def is_ensemble(self) -> bool:
        """Whether this is an ensemble and not a model with a file."""
        return bool(self.config.platform == ENSEMBLE)

    def _check_ensemble(self) -> None:
        for field in _MODELS_ONLY:
            if field in {entry.name for entry, _ in self.config.ListFields()}:
                raise self.fault(field, f"an ensemble has no {field}")
        if not self.config.ensemble_scheduling.step:
            raise self.fault("platform", "an ensemble needs at least one ensemble_scheduling.step")

    def _check_model(self) -> None:
        if self.config.HasField("ensemble_scheduling"):
            raise self.fault("ensemble_scheduling", f'expected platform: "{ENSEMBLE}" beside it')
        named = (self.config.backend, self.config.platform)
        if named not in ((BACKEND, ""), (BACKEND, PLATFORM), ("", PLATFORM)):
            raise self.fault(
                "backend" if self.config.backend else "platform",
                f'expected backend: "{BACKEND}", got {named[0]!r} and platform {named[1]!r}',
            )
        self._check_batching()
        for group in self.config.instance_group:
            if group.kind == ModelInstanceGroup.KIND_MODEL:
                kinds = "KIND_CPU, KIND_GPU or KIND_AUTO (the cores)"
                raise self.fault("KIND_MODEL", f"expected kind {kinds}, got KIND_MODEL")
            if group.count < 0:
                raise self.fault("instance_group.count", f"expected a count, got {group.count}")
        for name in self.config.parameters:
            if name != INTRA_OP_THREADS and not name.startswith(GATEWAY_PREFIX):
                raise self.fault(name, f"unknown parameter {name!r}; known: {INTRA_OP_THREADS}")

    def _check_batching(self) -> None:
        """Triton refuses these, too."""
        batching, most = self.config.dynamic_batching, self.config.max_batch_size
        for size in batching.preferred_batch_size:
            if not 1 <= size <= most:
                raise self.fault("preferred_batch_size", f"expected 1 to {most}, got {size}")
        levels, default = batching.priority_levels, batching.default_priority_level
        if not min(levels, 1) <= default <= levels:
            expected = f"{min(levels, 1)} to priority_levels ({levels})"
            raise self.fault(
                "dynamic_batching", f"default_priority_level: expected {expected}, got {default}"
            )
        for level in batching.priority_queue_policy:
            if not 1 <= level <= levels:
                expected = f"levels 1 to {levels}"
                raise self.fault("priority_queue_policy", f"expected {expected}, got {level}")

    @property
    def instances(self) -> int | None:
        """How many batches may run at once; None where instance_group does not say."""
        return sum(max(1, group.count) for group in self.config.instance_group) or None

    @property
    def intra_op_threads(self) -> int | None:
        """Threads of one instance; None where they follow the load.

        Raises:
            ModelLoadError: the parameter is no such number.
        """
        if INTRA_OP_THREADS not in self.config.parameters:
            return None
        text = self.config.parameters[INTRA_OP_THREADS].string_value
        if not text.isdecimal():
            raise self.fault(INTRA_OP_THREADS, f"expected a whole number of threads, got {text!r}")
        return int(text) or available_cores()


def _set_fields(message: Message, prefix: str = "") -> Iterator[str]:
    """Dotted names of all leaf fields set in `message`; maps and empty messages are leaves."""
    for descriptor, value in message.ListFields():
        name = f"{prefix}{descriptor.name}"
        if descriptor.message_type is None or descriptor.message_type.GetOptions().map_entry:
            yield name
        else:
            for item in [value] if isinstance(value, Message) else value:
                if not item.ListFields():
                    yield name
                yield from _set_fields(item, f"{name}.")
