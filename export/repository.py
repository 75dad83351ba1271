"""Writing the model repository: ONNX files, their configurations, the style table."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from google.protobuf import text_format
from tritonclient.grpc.model_config_pb2 import ModelConfig

from export.errors import ExportError
from export.models import CANVAS_SIZE, ExportedModel, TensorSpec
from training.data.paintings import PAINTINGS
from training.style.networks import Stylizer

MAX_BATCH_SIZE = 8
ENSEMBLE = "painting"
STYLE_TABLE = "styles.json"
_STYLE_TABLE_PARAMETER = "impasto.style_table"
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
    # Greedy batching: take what waits when an instance becomes free, never wait for more.
    config.dynamic_batching.SetInParent()
    if model.name == "stylizer":
        config.parameters[_STYLE_TABLE_PARAMETER].string_value = STYLE_TABLE
    return config


def ensemble_config(latent_size: int, code_size: int) -> ModelConfig:
    """The chain: the generator's canvas is painted by the stylizer."""
    config = ModelConfig(name=ENSEMBLE, platform="ensemble", max_batch_size=MAX_BATCH_SIZE)
    _add_tensors(
        config,
        [
            TensorSpec("latent", "TYPE_FP32", (latent_size,)),
            TensorSpec("style_code", "TYPE_FP32", (code_size,)),
        ],
        [TensorSpec("pixels", "TYPE_UINT8", (CANVAS_SIZE, CANVAS_SIZE, 3))],
    )
    config.ensemble_scheduling.step.add(
        model_name="generator",
        model_version=-1,
        input_map={"latent": "latent"},
        output_map={"canvas": "canvas"},
    )
    config.ensemble_scheduling.step.add(
        model_name="stylizer",
        model_version=-1,
        input_map={"image": "canvas", "style_code": "style_code"},
        output_map={"pixels": "pixels"},
    )
    return config


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


def write_style_table(folder: Path, styles: Sequence[str], codes: torch.Tensor) -> None:
    """Write the named styles [N, code_size] and the identity code beside the stylizer."""
    works = {painting.name: painting for painting in PAINTINGS}
    table = {
        "identity": _numbers(Stylizer().identity_code(codes)),
        "styles": [
            {
                "name": name,
                "title": works[name].title,
                "artist": works[name].artist,
                "code": _numbers(code),
            }
            for name, code in zip(styles, codes, strict=True)
        ],
    }
    (folder / STYLE_TABLE).write_text(json.dumps(table) + "\n")


def _numbers(code: torch.Tensor) -> list[float]:
    # Six digits are finer than a byte of any picture and keep the file readable.
    return [round(value, 6) for value in code.tolist()]
