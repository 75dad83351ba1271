"""Content, style and smoothness losses on a perceptual network's activations.

Gatys et al., arXiv 1508.06576: content is the activations themselves, style their channel
correlations (Gram matrices). Every term is relative to the size of its target, so that layers and
paintings with large activations do not drown the others and one set of weights fits all styles.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """Channel correlations [B, C, C] of [B, C, H, W], averaged over positions."""
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Squared distance relative to the target's energy, [B, C, H, W] each; mean over the batch."""
    return _relative(features, target).mean()


def style_loss(features: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
    """Relative Gram distance, mean over layers and batch; targets are Grams [B, C, C]."""
    terms = [_relative(gram(features[name]), target).mean() for name, target in targets.items()]
    return torch.stack(terms).mean()


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of [B, 3, H, W]."""
    down = (image[:, :, 1:] - image[:, :, :-1]).square().mean()
    right = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().mean()
    return down + right


def _relative(value: Tensor, target: Tensor) -> Tensor:
    axes = tuple(range(1, value.dim()))
    return (value - target).square().sum(axes) / target.square().sum(axes).clamp_min(1e-8)
