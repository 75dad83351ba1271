"""The settings of a stylizer run, with the defaults that made the committed stylizer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StyleConfig:
    """Everything that determines a run; stored in its checkpoints.

    Attributes:
        warmup_steps: first steps, without perceptual network: the target is the content in the
            painting's colours. They cost a fifth of the others and give the network shapes and
            palettes to start from.
        steps: all optimiser steps; the learning rate follows a cosine over them.
        batch: content pictures per step, dealt evenly to the styles.
        crop: side of the content crops in pixels.
        style_side: the paintings' shorter side in pixels: sets the scale of brush strokes.
        perceptual: `vgg16` (prepared by `make data`) or `vgg19` (torchvision downloads it).
        content_layer: activation that keeps the content.
        style_layers: activations whose Grams make the style, separated by commas.
        style_weight: of the style loss against a content loss of weight 1.
        smoothness_weight: of the total variation.
        learning_rate: Adam's, at the start.
        code_rate: learning rate of the style codes as a multiple of the network's; each code sees
            only its own style's share of the pictures.
        learning_rate_end: at the end.
        seed: of weights and crops.
    """

    warmup_steps: int = 600
    steps: int = 1_600
    batch: int = 4
    crop: int = 128
    style_side: int = 288
    perceptual: str = "vgg16"
    content_layer: str = "relu3_3"
    style_layers: str = "relu1_2,relu2_2,relu3_3,relu4_1"
    style_weight: float = 6.0
    smoothness_weight: float = 0.05
    learning_rate: float = 2e-3
    code_rate: float = 5.0
    learning_rate_end: float = 1e-4
    seed: int = 0
