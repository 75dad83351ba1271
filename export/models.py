"""What is exported: every model's module, tensors and example inputs, from its checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from export.errors import ExportError
from export.graphs import CANVAS_SIZE, GeneratorGraph, StylizerGraph, plain
from export.provenance import measures, provenance
from export.styles import STYLE_TABLE
from training.checkpoint import Checkpoint, load_newest, restore_module
from training.data.layout import DataLayout
from training.gan.networks.build import class_count, discriminator_of, generator_of
from training.pretrained.lite0 import load_lite0
from training.style.config import StyleConfig
from training.style.encoder import ENCODER_TAPS, StyleEncoder, StyleHead
from training.style.networks import Stylizer

ANY = -1
STYLE_ENCODER = "style_encoder"
# Parameter of a generator: the ensemble that paints its pictures as they are, not enlarged. Grey
# ones have none: the stylizer takes colours.
OWN_SIZE = "impasto.own_size"
_COLOURS = 3
_GAN_RECIPE = (
    "network",
    "discriminator",
    "loss",
    "penalty",
    "gamma",
    "spectral_norm",
    "augment",
    "learning_rate",
    "discriminator_rate",
    "start_from",
)
_STYLE_RECIPE = (
    "style_layers",
    "content_layer",
    "style_weight",
    "crop",
    "style_side",
    "start_from",
)


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
        parameters: go into the configuration: what else the gateway must know of the model.
    """

    name: str
    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    metadata: Mapping[str, str]
    parameters: Mapping[str, str] = field(default_factory=dict)

    def example(self, batch: int, sides: tuple[int, int]) -> dict[str, Tensor]:
        """Random inputs of `batch` rows; open dimensions get `sides` in turn."""
        examples = {}
        for spec in self.inputs:
            free = iter(sides)
            dims = [next(free) if size == ANY else size for size in spec.dims]
            examples[spec.name] = torch.randn(batch, *dims)
        return examples


def _config(saved: Checkpoint, key: str, wanted: str) -> dict[str, Any]:
    config: dict[str, Any] = saved.state["config"]
    if key not in config:
        raise ExportError(f"expected a checkpoint of {wanted}, got one with {sorted(config)}")
    return config


def gan_models(run: Path, layout: DataLayout) -> list[ExportedModel]:
    """Generator (averaged weights) and discriminator of a GAN run, named after its folder.

    Raises:
        ExportError: the run's checkpoint is of something else.
        CheckpointError: there is none, or it cannot be read or holds other networks than it says.
    """
    saved = load_newest(run)
    config = _config(saved, "generator_width", "a GAN")
    generator = generator_of(config)
    restore_module("average", generator, saved.tensors)
    discriminator = discriminator_of(config, layout)
    restore_module("discriminator", discriminator, saved.tensors)
    classes, side = class_count(config), config["resolution"]
    metadata = provenance(saved, config["data_set"], _GAN_RECIPE) | measures(run)
    metadata["training.grid"] = f"{run.name}.png"
    discriminator_name = f"{run.name}_discriminator"
    parameters = {"impasto.discriminator": discriminator_name}
    if config["channels"] == _COLOURS:
        parameters[OWN_SIZE] = f"{run.name}_{side}"
    if classes:
        metadata["training.classes"] = ",".join(config["classes"])
        # Names of folders, which may hold any separator.
        parameters["impasto.classes"] = json.dumps(config["classes"])
    picture = TensorSpec("image", "TYPE_FP32", (config["channels"], side, side))
    label = (TensorSpec("label", "TYPE_FP32", (classes,)),) if classes else ()
    return [
        ExportedModel(
            f"{run.name}_generator",
            GeneratorGraph(generator).eval(),
            (TensorSpec("latent", "TYPE_FP32", (config["latent_size"],)), *label),
            (picture, TensorSpec("canvas", "TYPE_FP32", (3, CANVAS_SIZE, CANVAS_SIZE))),
            metadata,
            parameters,
        ),
        ExportedModel(
            discriminator_name,
            plain(discriminator).eval(),
            (picture, *label),
            (TensorSpec("score", "TYPE_FP32", (1,)),),
            metadata,
        ),
    ]


def style_models(saved: Checkpoint, layout: DataLayout) -> list[ExportedModel]:
    """The stylizer and the style encoder of a style run.

    Raises:
        ExportError: the checkpoint is of something else.
        CheckpointError: it holds other networks than its settings say.
        DataError: the encoder's pretrained trunk is missing.
    """
    config = _config(saved, "styles", "the stylizer")
    stylizer = Stylizer(StyleConfig.of(config).shape)
    restore_module("stylizer", stylizer, saved.tensors)
    head = StyleHead(stylizer.trained_part())
    restore_module("head", head, saved.tensors)
    encoder = StyleEncoder(load_lite0(layout, ENCODER_TAPS), head)
    metadata = provenance(saved, "styles", _STYLE_RECIPE)
    metadata |= {"training.styles": ",".join(config["styles"]), "training.grid": "paintings.jpg"}
    model = stylizer_model(stylizer, metadata)
    picture, code = model.inputs
    return [model, ExportedModel(STYLE_ENCODER, encoder.eval(), (picture,), (code,), metadata)]


def stylizer_model(stylizer: Stylizer, metadata: Mapping[str, str]) -> ExportedModel:
    """A stylizer on its way to the repository."""
    return ExportedModel(
        "stylizer",
        StylizerGraph(stylizer).eval(),
        (
            TensorSpec("image", "TYPE_FP32", (3, ANY, ANY)),
            TensorSpec("style_code", "TYPE_FP32", (stylizer.code_size,)),
        ),
        (TensorSpec("pixels", "TYPE_UINT8", (ANY, ANY, 3)),),
        metadata,
        {"impasto.style_table": STYLE_TABLE, "impasto.style_encoder": STYLE_ENCODER},
    )
