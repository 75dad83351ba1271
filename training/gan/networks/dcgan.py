"""The DCGAN family, 32 to 256 pixels: the fastest to train and to run.

Shape after Radford et al., arXiv 1511.06434, with three departures: no BatchNorm anywhere, so a
picture never depends on its batch-mates; pixel normalisation in the generator (Karras et al., arXiv
1710.10196); and a binomial filter after the last transposed convolution (Karras et al., arXiv
1912.04958), without which it leaves a grid (Odena et al., distill.pub/2016/deconv-checkerboard).
Only the last: in the one run that filtered all of them, contour lines appeared and stayed.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from training.gan.networks.layers import SLOPE, normalise, of_label, smooth, with_label

# The side at which a generator has `width` channels.
_WIDTH_SIDE = 32
_MAX_FACTOR = 8
_LEAST_CHANNELS = 8


def _channels(side: int, width: int) -> int:
    """Channels of the generator's features at `side` pixels."""
    if side <= _WIDTH_SIDE:
        return width * min(_WIDTH_SIDE // side, _MAX_FACTOR)
    # Full resolution is dear and needs little: three fifths at 64 pixels, half of that at 128.
    return max(width * 3 // 5 * 2 * _WIDTH_SIDE // side, _LEAST_CHANNELS)


class Generator(nn.Module):
    """Latent [B, latent_size] to picture [B, channels, side, side] in [-1, 1].

    Args:
        side: of the pictures, a power of two.
        channels: 3 for colour, 1 for grey.
        latent_size: length of the latent z; z is normalised inside, so its scale does not matter.
        width: features at 32x32; each level below has twice as many, each above about half.
        classes: number of class weights that come with a latent; 0 for none.
    """

    def __init__(
        self,
        side: int = 64,
        channels: int = 3,
        latent_size: int = 64,
        width: int = 40,
        classes: int = 0,
    ) -> None:
        """Build the layers with He initialisation."""
        super().__init__()
        sides = [4 << level for level in range((side // 4).bit_length())]
        widths = [_channels(each, width) for each in sides]
        # A transposed convolution of the 1x1 latent rather than a linear layer: runtimes compute it
        # picture by picture, so the bytes of a picture do not depend on the batch it travels in.
        self.stem = nn.ConvTranspose2d(latent_size + classes, widths[0], 4)
        levels = [
            nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1)
            for inputs, outputs in pairwise(widths)
        ]
        self.levels = nn.ModuleList(levels)
        self.to_rgb = nn.Conv2d(widths[-1], channels, 3, padding=1)
        self.activation = nn.LeakyReLU(SLOPE)
        for layer in (self.stem, *levels):
            # A 4x4 kernel at stride 2 reaches each output pixel through 2x2 of its taps.
            fan_in = layer.in_channels * (1 if layer is self.stem else 4)
            nn.init.normal_(layer.weight, std=(2.0 / fan_in) ** 0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Generate pictures; `label` [B, classes] weighs the classes."""
        features = self.activation(self.stem(with_label(latent, label)))
        *inner, last = self.levels
        for layer in inner:
            features = self.activation(layer(normalise(features)))
        features = self.activation(smooth(last(normalise(features))))
        return torch.tanh(self.to_rgb(features))


class Discriminator(nn.Module):
    """Picture [B, channels, side, side] in [-1, 1] to score [B, 1]; greater is more real.

    Args:
        side: of the pictures, a power of two.
        channels: 3 for colour, 1 for grey.
        width: features after the first level, doubled at every level down to 4x4, at most 8 times.
        classes: number of class weights that come with a picture; 0 for none.
    """

    def __init__(
        self, side: int = 64, channels: int = 3, width: int = 32, classes: int = 0
    ) -> None:
        """Build the layers with He initialisation."""
        super().__init__()
        count = (side // 4).bit_length() - 1
        widths = [channels, *(width * min(1 << level, _MAX_FACTOR) for level in range(count))]
        levels = [
            nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
            for inputs, outputs in pairwise(widths)
        ]
        self.levels = nn.ModuleList(levels)
        self.head = nn.Conv2d(widths[-1], max(classes, 1), 4)
        self.activation = nn.LeakyReLU(SLOPE)
        for layer in levels:
            nn.init.kaiming_normal_(layer.weight, a=SLOPE)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Score pictures; `label` [B, classes] weighs the classes."""
        features = image
        for layer in self.levels:
            features = self.activation(layer(features))
        return of_label(self.head(features).flatten(1), label)
