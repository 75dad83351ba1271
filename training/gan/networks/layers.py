"""What several families share: normalisation, smoothing, and the class label's two ends."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SLOPE = 0.2
_EPSILON = 1e-8


def normalise(features: Tensor) -> Tensor:
    """Scale `features` [B, C, H, W] to unit root mean square over the channels.

    The mean is a 1x1 convolution, because runtimes add up a reduction in another order when the
    batch is 1, and a picture's bytes must not depend on its batch.
    """
    channels = features.shape[1]
    average = features.new_full((1, channels, 1, 1), 1.0 / channels)
    return features * torch.rsqrt(F.conv2d(features.square(), average) + _EPSILON)


def smooth(features: Tensor) -> Tensor:
    """Filter every channel of [B, C, H, W] by the outer product of (1, 2, 1) / 4 with itself."""
    channels = features.shape[1]
    row = features.new_tensor([0.25, 0.5, 0.25])
    kernel = torch.outer(row, row).expand(channels, 1, 3, 3)
    return F.conv2d(features, kernel, padding=1, groups=channels)


def with_label(latent: Tensor, label: Tensor | None) -> Tensor:
    """Normalised latent [B, Z] and class weights [B, C] as features [B, Z + C, 1, 1]."""
    features = normalise(latent[:, :, None, None])
    return features if label is None else torch.cat([features, label[:, :, None, None]], dim=1)


def class_weights(classes: Tensor, count: int, device: torch.device) -> Tensor:
    """Weight 1 for each picture's class, [B, count] of int64 [B]; numbers over `count` wrap."""
    return F.one_hot(classes % count, count).float().to(device)


def of_label(scores: Tensor, label: Tensor | None) -> Tensor:
    """The score [B, 1] of each picture's class out of one score per class [B, classes].

    A linear map of the features chosen by the class: the inner product of Miyato & Koyama's
    projection discriminator, arXiv 1802.05637.
    """
    return scores if label is None else (scores * label).sum(dim=1, keepdim=True)
