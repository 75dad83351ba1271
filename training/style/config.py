"""The settings of a stylizer run, with the defaults that made the committed stylizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from training.style.losses import Objective, parse_layer_weights
from training.style.networks import StylizerShape


@dataclass(frozen=True)
class StyleConfig:
    """Everything that determines a run; stored in its checkpoints.

    Attributes:
        start_from: run folder whose network, codes and encoder this run begins with; empty: none.
        warmup_steps: first steps, without perceptual network: the target is the content in the
            painting's colours. They cost a fifth of the others and give the network shapes and
            palettes to start from.
        steps: all optimiser steps; the learning rate follows a cosine over them.
        batch: content pictures per step.
        encoded: how many of them are painted in the style of a picture from the style pool, by way
            of the style encoder; the others are dealt evenly to the named styles.
        variations: crops, palettes and scales of every picture in the style pool.
        crop: side of the content crops in pixels.
        style_side: the paintings' shorter side in pixels: sets the scale of brush strokes.
        perceptual: `vgg16` (prepared by `make data`) or `vgg19` (torchvision downloads it).
        content_layer: activation that keeps the content.
        style_layers: activations whose Grams make the style, separated by commas, each with its
            weight w_l: `relu1_2=1`.
        content_weight: alpha, of the content loss.
        style_weight: beta, of the style loss.
        smoothness_weight: of the total variation.
        learning_rate: Adam's, at the start.
        code_rate: learning rate of the style codes as a multiple of the network's; each code sees
            only its own style's share of the pictures.
        encoder_rate: learning rate of the encoder's head as a multiple of the network's: each of
            its outputs sums a hundred weights, so equal steps would throw the codes about.
        learning_rate_end: at the end.
        outer, middle, inner, residual_blocks, outer_kernel: see `StylizerShape`.
        seed: of weights and crops.
    """

    start_from: str = ""
    warmup_steps: int = 400
    steps: int = 4_000
    batch: int = 4
    encoded: int = 1
    variations: int = 8
    crop: int = 128
    style_side: int = 288
    perceptual: str = "vgg16"
    content_layer: str = "relu3_3"
    style_layers: str = "relu1_2=1,relu2_2=1,relu3_3=1,relu4_1=1"
    content_weight: float = 1.0
    style_weight: float = 6.0
    smoothness_weight: float = 0.05
    learning_rate: float = 2e-3
    code_rate: float = 5.0
    encoder_rate: float = 0.1
    learning_rate_end: float = 1e-4
    outer: int = 16
    middle: int = 32
    inner: int = 64
    residual_blocks: int = 4
    outer_kernel: int = 5
    separable: bool = False
    seed: int = 0

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> StyleConfig:
        """The settings that a checkpoint's config holds, among other things."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in stored.items() if name in names})

    @property
    def shape(self) -> StylizerShape:
        """The network's shape."""
        return StylizerShape(
            **{field.name: getattr(self, field.name) for field in fields(StylizerShape)}
        )

    @property
    def objective(self) -> Objective:
        """What painted pictures are judged by.

        Raises:
            SettingsError: `style_layers` cannot be read.
        """
        return Objective(
            self.content_layer,
            parse_layer_weights(self.style_layers),
            self.content_weight,
            self.style_weight,
            self.smoothness_weight,
        )
