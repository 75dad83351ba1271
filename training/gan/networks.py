"""A DCGAN-shaped generator and discriminator for 64x64 RGB.

Shape after Radford et al., arXiv 1511.06434, with three departures: no BatchNorm anywhere, so a
picture never depends on its batch-mates; pixel normalisation in the generator (Karras et al., arXiv
1710.10196); and a binomial filter after the last transposed convolution (Karras et al., arXiv
1912.04958), without which it leaves a grid (Odena et al., distill.pub/2016/deconv-checkerboard).
Only the last: in the one run that filtered all of them, contour lines appeared and stayed.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IMAGE_SIZE = 64
_SLOPE = 0.2
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


class Generator(nn.Module):
    """Latent [B, latent_size] to picture [B, 3, 64, 64] in [-1, 1].

    Args:
        latent_size: length of the latent z; z is normalised inside, so its scale does not matter.
        width: channels at 32x32; each level below has twice as many, the 64x64 level three fifths.
    """

    def __init__(self, latent_size: int = 64, width: int = 40) -> None:
        """Build the layers with He initialisation."""
        super().__init__()
        self.latent_size = latent_size
        channels = [width * 8, width * 4, width * 2, width, width * 3 // 5]
        # A transposed convolution of the 1x1 latent rather than a linear layer: runtimes compute it
        # picture by picture, so the bytes of a picture do not depend on the batch it travels in.
        self.stem = nn.ConvTranspose2d(latent_size, channels[0], 4)
        levels = [
            nn.ConvTranspose2d(narrow_in, narrow_out, 4, stride=2, padding=1)
            for narrow_in, narrow_out in pairwise(channels)
        ]
        self.levels = nn.ModuleList(levels)
        self.to_rgb = nn.Conv2d(channels[-1], 3, 3, padding=1)
        self.activation = nn.LeakyReLU(_SLOPE)
        for layer in (self.stem, *levels):
            # A 4x4 kernel at stride 2 reaches each output pixel through 2x2 of its taps.
            fan_in = layer.in_channels * (1 if layer is self.stem else 4)
            nn.init.normal_(layer.weight, std=(2.0 / fan_in) ** 0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, latent: Tensor) -> Tensor:
        """Generate pictures; see the class for shapes."""
        features = latent[:, :, None, None]
        *inner, last = (self.stem, *self.levels)
        for layer in inner:
            features = self.activation(layer(normalise(features)))
        features = self.activation(smooth(last(normalise(features))))
        return torch.tanh(self.to_rgb(features))


class Discriminator(nn.Module):
    """Picture [B, 3, 64, 64] in [-1, 1] to score [B, 1]; greater means more like a photograph.

    Args:
        width: channels at 32x32, doubled at every level down to 4x4.
    """

    def __init__(self, width: int = 32) -> None:
        """Build the layers with He initialisation."""
        super().__init__()
        channels = [3, width, width * 2, width * 4, width * 8]
        levels = [
            nn.Conv2d(narrow_in, narrow_out, 4, stride=2, padding=1)
            for narrow_in, narrow_out in pairwise(channels)
        ]
        self.levels = nn.ModuleList(levels)
        self.head = nn.Conv2d(channels[-1], 1, 4)
        self.activation = nn.LeakyReLU(_SLOPE)
        for layer in levels:
            nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor) -> Tensor:
        """Score pictures; see the class for shapes."""
        features = image
        for layer in self.levels:
            features = self.activation(layer(features))
        return self.head(features).flatten(1)
