"""What is exported: every model's module, tensors and example inputs, from its checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from export.errors import ExportError
from export.graphs import CANVAS_SCALE, GeneratorGraph, StylizerGraph
from training import checkpoint
from training.checkpoint import Checkpoint, restore_module
from training.gan.networks import IMAGE_SIZE, Discriminator, Generator
from training.style.networks import Stylizer

CANVAS_SIZE = IMAGE_SIZE * CANVAS_SCALE
ANY = -1


@dataclass(frozen=True)
class TensorSpec:
    """One input or output without its batch axis; -1 is any size."""

    name: str
    data_type: str
    dims: tuple[int, ...]


@dataclass(frozen=True)
class ExportedModel:
    """One model on its way to the repository.

    Attributes:
        name: in the repository.
        module: what is exported; forward's argument names are the input names.
        inputs: in the order of forward's arguments.
        outputs: in the order of forward's results.
        metadata: goes into the ONNX file.
    """

    name: str
    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str]

    def example(self, batch: int, side: int = CANVAS_SIZE) -> dict[str, Tensor]:
        """Random inputs of `batch` rows; open dimensions get `side`."""
        return {
            spec.name: torch.randn(batch, *(side if size == ANY else size for size in spec.dims))
            for spec in self.inputs
        }


def load_checkpoint(folder: Path) -> Checkpoint:
    """The newest checkpoint of a run.

    Raises:
        ExportError: there is none.
        CheckpointError: it cannot be read.
    """
    saved = checkpoint.load_latest(folder)
    if saved is None:
        raise ExportError(f"{folder}: expected a checkpoint, found none; run `make train` first")
    return saved


def _config(saved: Checkpoint, key: str, wanted: str) -> dict[str, Any]:
    config: dict[str, Any] = saved.state["config"]
    if key not in config:
        raise ExportError(f"expected a checkpoint of {wanted}, got one with {sorted(config)}")
    return config


def gan_models(saved: Checkpoint) -> list[ExportedModel]:
    """Generator (averaged weights) and discriminator of a GAN run."""
    config = _config(saved, "generator_width", "the GAN")
    generator = Generator(config["latent_size"], config["generator_width"])
    restore_module("average", generator, saved.tensors)
    discriminator = Discriminator(config["discriminator_width"])
    restore_module("discriminator", discriminator, saved.tensors)
    picture = TensorSpec("image", "TYPE_FP32", (3, IMAGE_SIZE, IMAGE_SIZE))
    metadata = {
        "training.data": "landscape photographs",
        "training.pictures": str(saved.step * config["batch"]),
    }
    return [
        ExportedModel(
            "generator",
            GeneratorGraph(generator).eval(),
            (TensorSpec("latent", "TYPE_FP32", (config["latent_size"],)),),
            (picture, TensorSpec("canvas", "TYPE_FP32", (3, CANVAS_SIZE, CANVAS_SIZE))),
            metadata,
        ),
        ExportedModel(
            "discriminator",
            discriminator.eval(),
            (picture,),
            (TensorSpec("score", "TYPE_FP32", (1,)),),
            metadata,
        ),
    ]


def stylizer_model(saved: Checkpoint) -> ExportedModel:
    """The stylizer of a style run."""
    config = _config(saved, "styles", "the stylizer")
    stylizer = Stylizer()
    restore_module("stylizer", stylizer, saved.tensors)
    return ExportedModel(
        "stylizer",
        StylizerGraph(stylizer).eval(),
        (
            TensorSpec("image", "TYPE_FP32", (3, ANY, ANY)),
            TensorSpec("style_code", "TYPE_FP32", (stylizer.code_size,)),
        ),
        (TensorSpec("pixels", "TYPE_UINT8", (ANY, ANY, 3)),),
        {
            "training.styles": ",".join(config["styles"]),
            "training.pictures": str(saved.step * config["batch"]),
        },
    )
