"""Differentiable augmentation of everything that the discriminator sees.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", arXiv 2006.10738:
colour, translation and cutout, the policy they recommend for small sets. Without it the
discriminator learns a few hundred photographs by heart.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SHIFT_FRACTION = 1 / 8
_CUTOUT_FRACTION = 1 / 2


def augment(image: Tensor, generator: torch.Generator) -> Tensor:
    """Colour, translation, cutout of [B, 3, H, W], each picture by its own random amounts."""
    image = _colour(image, generator)
    image = _translate(image, generator)
    return image * _cutout_mask(image, generator)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return (low + (high - low) * torch.rand(count, generator=generator)).view(-1, 1, 1, 1)


def _colour(image: Tensor, generator: torch.Generator) -> Tensor:
    count = image.shape[0]
    image = image + _uniform(count, -0.5, 0.5, generator)
    grey = image.mean(dim=1, keepdim=True)
    image = torch.lerp(grey, image, _uniform(count, 0.0, 2.0, generator))
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, image, _uniform(count, 0.5, 1.5, generator))


def _translate(image: Tensor, generator: torch.Generator) -> Tensor:
    count, _, height, width = image.shape
    reach = int(height * _SHIFT_FRACTION + 0.5)
    shift_y, shift_x = torch.randint(-reach, reach + 1, (2, count, 1), generator=generator)
    padded = F.pad(image, (reach, reach, reach, reach))
    rows = (torch.arange(height) + reach + shift_y)[:, None, :, None]
    columns = (torch.arange(width) + reach + shift_x)[:, None, None, :]
    batch = torch.arange(count).view(-1, 1, 1, 1)
    channels = torch.arange(image.shape[1]).view(1, -1, 1, 1)
    return padded[batch, channels, rows, columns]


def _cutout_mask(image: Tensor, generator: torch.Generator) -> Tensor:
    count, _, height, width = image.shape
    reach_y, reach_x = int(height * _CUTOUT_FRACTION / 2), int(width * _CUTOUT_FRACTION / 2)
    centre_y = torch.randint(height + 1, (count, 1), generator=generator)
    centre_x = torch.randint(width + 1, (count, 1), generator=generator)
    inside_y = (torch.arange(height) - centre_y).abs() < reach_y
    inside_x = (torch.arange(width) - centre_x).abs() < reach_x
    inside = inside_y[:, None, :, None] & inside_x[:, None, None, :]
    return (~inside).to(image.dtype)
