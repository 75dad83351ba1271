"""Writing the model repository: ONNX files, their configurations, ensembles."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from export.errors import ExportError
from export.models import ExportedModel, TensorSpec

MAX_BATCH_SIZE = 8
# High, normal and low; requests that name none are normal.
PRIORITY_LEVELS, DEFAULT_PRIORITY_LEVEL = 3, 2
VERSION = "1"


@contextmanager
def staged(repository: Path) -> Iterator[Path]:
    """A folder to build all entries in; they replace the repository's when the block succeeds.

    Nothing changes where the block fails. Entries of other names stay as they are.

    Raises:
        ExportError: the repository cannot be written.
    """
    try:
        repository.mkdir(parents=True, exist_ok=True)
        # Beside the entries, so that a rename suffices; engines ignore it, for it is gone by then.
        staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=repository))
    except OSError as error:
        raise ExportError(f"{repository}: cannot be written: {error}") from error
    try:
        yield staging
        for entry in sorted(staging.iterdir()):
            _replace(repository / entry.name, entry, staging)
    finally:
        shutil.rmtree(staging)


def _replace(target: Path, entry: Path, staging: Path) -> None:
    if target.exists():
        target.rename(staging / f"{entry.name}.old")
    entry.rename(target)


def new_entry(staging: Path, name: str) -> Path:
    """The folder of a new entry, with its version folder."""
    folder = staging / name
    (folder / VERSION).mkdir(parents=True)
    return folder


def write_config(folder: Path, config: ModelConfig) -> None:
    """Write config.pbtxt."""
    (folder / "config.pbtxt").write_text(text_format.MessageToString(config))


def model_config(model: ExportedModel) -> ModelConfig:
    """The configuration of a model with a file."""
    config = ModelConfig(name=model.name, backend="onnxruntime", max_batch_size=MAX_BATCH_SIZE)
    _add_tensors(config, model.inputs, model.outputs)
    # Greedy batching: take what waits when an instance becomes free, the most urgent first, and
    # never wait for more.
    config.dynamic_batching.priority_levels = PRIORITY_LEVELS
    config.dynamic_batching.default_priority_level = DEFAULT_PRIORITY_LEVEL
    for name, value in model.parameters.items():
        config.parameters[name].string_value = value
    return config


def ensemble_config(
    name: str, generator: ExportedModel, code: TensorSpec, source: str = "canvas"
) -> ModelConfig:
    """The chain: one of the generator's outputs is painted by the stylizer."""
    _, height, width = next(spec.dims for spec in generator.outputs if spec.name == source)
    config = ModelConfig(name=name, platform="ensemble", max_batch_size=MAX_BATCH_SIZE)
    _add_tensors(
        config,
        [*generator.inputs, code],
        [TensorSpec("pixels", "TYPE_UINT8", (height, width, 3))],
    )
    config.ensemble_scheduling.step.add(
        model_name=generator.name,
        model_version=-1,
        input_map={spec.name: spec.name for spec in generator.inputs},
        output_map={source: source},
    )
    config.ensemble_scheduling.step.add(
        model_name="stylizer",
        model_version=-1,
        input_map={"image": source, "style_code": "style_code"},
        output_map={"pixels": "pixels"},
    )
    return config


def style_code_of(repository: Path) -> TensorSpec:
    """The style code that a repository's stylizer takes.

    Raises:
        ExportError: it has no stylizer.
    """
    path = repository / "stylizer" / "config.pbtxt"
    try:
        config = text_format.Parse(path.read_text(), ModelConfig())
    except (OSError, text_format.ParseError) as error:
        raise ExportError(
            f"{path}: expected the stylizer's configuration: {error}; export one with --style RUN"
        ) from error
    sizes = {item.name: tuple(item.dims) for item in config.input}
    return TensorSpec("style_code", "TYPE_FP32", sizes["style_code"])


def _add_tensors(
    config: ModelConfig, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> None:
    for field, specs in ((config.input, inputs), (config.output, outputs)):
        for spec in specs:
            field.add(name=spec.name, data_type=spec.data_type, dims=spec.dims)


def write_ensemble(folder: Path, config: ModelConfig) -> None:
    """Write an ensemble's configuration and its version folder, which Triton wants even empty."""
    write_config(folder, config)
    # Git keeps no empty folder.
    (folder / VERSION / ".gitkeep").touch()
