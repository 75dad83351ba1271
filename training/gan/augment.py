"""Differentiable augmentation of everything that the discriminator sees.

Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", arXiv 2006.10738:
colour, translation and cutout, the policy they recommend for small sets. Without it the
discriminator learns a few hundred photographs by heart. How often it is applied may follow the
discriminator's overfitting (Karras et al., arXiv 2006.06676).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_SHIFT_FRACTION = 1 / 8
_CUTOUT_FRACTION = 1 / 2


@dataclass(frozen=True)
class Amounts:
    """Random amounts, one row per picture; drawn apart so that processes can share them out.

    Attributes:
        applied: bool [B]; the others stay as they are.
        brightness: added, [B, 1, 1, 1]; `saturation` and `contrast` are factors.
        shift: rows and columns as fractions of the side, [B, 2].
        centre: of the hole, as fractions of the side, [B, 2].
    """

    applied: Tensor
    brightness: Tensor
    saturation: Tensor
    contrast: Tensor
    shift: Tensor
    centre: Tensor

    def rows(self, chosen: slice) -> Amounts:
        """The amounts of some of the pictures."""
        return Amounts(*(value[chosen] for value in vars(self).values()))

    def to(self, device: torch.device) -> Amounts:
        """The same on another device."""
        return Amounts(*(value.to(device) for value in vars(self).values()))


def draw_amounts(count: int, probability: float, generator: torch.Generator) -> Amounts:
    """Amounts for `count` pictures, each augmented with `probability`."""

    def factor(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, 1, 1, 1, generator=generator)

    return Amounts(
        applied=torch.rand(count, generator=generator) < probability,
        brightness=factor(-0.5, 0.5),
        saturation=factor(0.0, 2.0),
        contrast=factor(0.5, 1.5),
        shift=(2 * torch.rand(count, 2, generator=generator) - 1) * _SHIFT_FRACTION,
        centre=torch.rand(count, 2, generator=generator),
    )


def augment(image: Tensor, amounts: Amounts) -> Tensor:
    """Colour, translation and cutout of [B, C, H, W] by each picture's own amounts."""
    changed = _colour(image, amounts)
    changed = _translate(changed, amounts.shift)
    changed = changed * _cutout_mask(changed, amounts.centre)
    return torch.where(amounts.applied[:, None, None, None], changed, image)


def _colour(image: Tensor, amounts: Amounts) -> Tensor:
    image = image + amounts.brightness
    if image.shape[1] > 1:
        grey = image.mean(dim=1, keepdim=True)
        image = torch.lerp(grey, image, amounts.saturation)
    mean = image.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, image, amounts.contrast)


def _translate(image: Tensor, shift: Tensor) -> Tensor:
    count, channels, height, width = image.shape
    reach = int(height * _SHIFT_FRACTION + 0.5)
    rows_moved, columns_moved = (shift * height).round().long().unbind(1)
    padded = F.pad(image, (reach, reach, reach, reach))
    device = image.device
    rows = torch.arange(height, device=device) + reach + rows_moved[:, None]
    columns = torch.arange(width, device=device) + reach + columns_moved[:, None]
    batch = torch.arange(count, device=device).view(-1, 1, 1, 1)
    channel = torch.arange(channels, device=device).view(1, -1, 1, 1)
    return padded[batch, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _cutout_mask(image: Tensor, centre: Tensor) -> Tensor:
    height, width = image.shape[2:]
    reach_y, reach_x = height * _CUTOUT_FRACTION / 2, width * _CUTOUT_FRACTION / 2
    rows = torch.arange(height, device=image.device)
    columns = torch.arange(width, device=image.device)
    inside_y = (rows - centre[:, :1] * height).abs() < reach_y
    inside_x = (columns - centre[:, 1:] * width).abs() < reach_x
    return (~(inside_y[:, None, :, None] & inside_x[:, None, None, :])).to(image.dtype)
