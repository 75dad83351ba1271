"""A modern residual family, 32 to 256 pixels: the better choice where there is a GPU.

After Huang et al., arXiv 2501.05441 (R3GAN): inverted bottlenecks without any normalisation, each
branch ending in a convolution that starts at zero, bilinear resampling. The inner convolution is a
plain 3x3, not a grouped one, which processors without tensor cores compute many times slower.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.gan.networks.layers import SLOPE, of_label, with_label

_MAX_FACTOR = 8
_WIDTH_SIDE = 32


def _channels(side: int, width: int) -> int:
    """Features at `side` pixels: `width` at 32, at most eight times that below, half above."""
    factor = min(_WIDTH_SIDE / side, float(_MAX_FACTOR))
    return max(int(width * factor), 8)


def _convolution(inputs: int, outputs: int, kernel: int, gain: float = 1.0) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    nn.init.normal_(layer.weight, std=gain * (2.0 / (inputs * kernel * kernel)) ** 0.5)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class _Residual(nn.Module):
    """features + branch(features); the branch is narrow, 3x3 inside and starts at zero."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(channels // 2, 8)
        self.narrow = _convolution(channels, inner, 1)
        self.mix = _convolution(inner, inner, 3)
        self.widen = _convolution(inner, channels, 1, gain=0.0)

    def forward(self, features: Tensor) -> Tensor:
        inner = F.leaky_relu(self.narrow(features), SLOPE)
        return features + self.widen(F.leaky_relu(self.mix(inner), SLOPE))


def _stages(widths: list[int], blocks: int) -> nn.ModuleList:
    return nn.ModuleList(
        nn.Sequential(*(_Residual(width) for _ in range(blocks))) for width in widths
    )


class Generator(nn.Module):
    """Latent [B, latent_size] to picture [B, channels, side, side] in [-1, 1].

    Args:
        side: of the pictures, a power of two.
        channels: 3 for colour, 1 for grey.
        latent_size: length of the latent z; z is normalised inside.
        width: features at 32x32.
        classes: number of class weights that come with a latent; 0 for none.
        blocks: residual blocks per resolution.
    """

    def __init__(
        self, side: int, channels: int, latent_size: int, width: int, classes: int, blocks: int = 2
    ) -> None:
        """Build the layers with He initialisation."""
        super().__init__()
        sides = [4 << level for level in range((side // 4).bit_length())]
        widths = [_channels(each, width) for each in sides]
        self.stem = nn.ConvTranspose2d(latent_size + classes, widths[0], 4)
        nn.init.normal_(self.stem.weight, std=(2.0 / (latent_size + classes)) ** 0.5)
        self.stages = _stages(widths, blocks)
        self.transitions = nn.ModuleList(_convolution(*pair, 1) for pair in pairwise(widths))
        self.to_rgb = _convolution(widths[-1], channels, 1, gain=0.5)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Generate pictures; `label` [B, classes] weighs the classes."""
        features = self.stages[0](self.stem(with_label(latent, label)))
        for transition, stage in zip(self.transitions, self.stages[1:], strict=True):
            features = F.interpolate(
                transition(features), scale_factor=2.0, mode="bilinear", align_corners=False
            )
            features = stage(features)
        return torch.tanh(self.to_rgb(features))


class Discriminator(nn.Module):
    """Picture [B, channels, side, side] in [-1, 1] to score [B, 1]; greater is more real.

    Args: as the generator's.
    """

    def __init__(self, side: int, channels: int, width: int, classes: int, blocks: int = 2) -> None:
        """Build the layers with He initialisation."""
        super().__init__()
        sides = [side >> level for level in range((side // 4).bit_length())]
        widths = [_channels(each, width) for each in sides]
        self.from_rgb = _convolution(channels, widths[0], 1)
        self.stages = _stages(widths, blocks)
        self.transitions = nn.ModuleList(_convolution(*pair, 1) for pair in pairwise(widths))
        self.head = nn.Conv2d(widths[-1], max(classes, 1), 4)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Score pictures; `label` [B, classes] weighs the classes."""
        features = self.stages[0](self.from_rgb(image))
        for transition, stage in zip(self.transitions, self.stages[1:], strict=True):
            features = stage(transition(F.avg_pool2d(features, 2)))
        return of_label(self.head(features).flatten(1), label)
