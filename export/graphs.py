"""The modules that are exported: a trained network plus what belongs to it on the wire."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.gan.networks import Generator
from training.style.networks import Stylizer

# A painting needs room for brush strokes that a 64x64 picture does not have.
CANVAS_SCALE = 4


class GeneratorGraph(nn.Module):
    """Latent [B, Z] to the picture [B, 3, 64, 64] and to the canvas [B, 3, 256, 256].

    The canvas is the same picture enlarged for the stylizer; the discriminator judges the picture.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor) -> tuple[Tensor, Tensor]:
        """Generate and enlarge."""
        image = self.generator(latent)
        canvas = F.interpolate(
            image, scale_factor=float(CANVAS_SCALE), mode="bilinear", align_corners=False
        )
        return image, canvas


class StylizerGraph(nn.Module):
    """Picture [B, 3, H, W] and style code [B, K] to pixels, uint8 [B, H, W, 3]."""

    def __init__(self, stylizer: Stylizer) -> None:
        super().__init__()
        self.stylizer = stylizer

    def forward(self, image: Tensor, style_code: Tensor) -> Tensor:
        """Paint and quantise to 0..255."""
        levels = torch.round(self.levels(image, style_code))
        return levels.to(torch.uint8).permute(0, 2, 3, 1)

    def levels(self, image: Tensor, style_code: Tensor) -> Tensor:
        """The painted picture [B, 3, H, W] on the scale of the pixels, not rounded yet."""
        return (self.stylizer(image, style_code) + 1.0) * 127.5
