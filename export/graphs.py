"""The modules that are exported: a trained network plus what belongs to it on the wire."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from training.style.networks import Stylizer

# A painting needs room for brush strokes that a small picture does not have.
CANVAS_SIZE = 256


class GeneratorGraph(nn.Module):
    """Latent [B, Z] to the picture [B, C, S, S] and to the canvas [B, 3, 256, 256].

    The canvas is the same picture enlarged for the stylizer, in colour; the discriminator judges
    the picture. A conditional generator also takes the weights of its classes, `label` [B, L].
    """

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Generate and enlarge."""
        image = self.generator(latent) if label is None else self.generator(latent, label)
        scale = CANVAS_SIZE / image.shape[-1]
        canvas = F.interpolate(image, scale_factor=scale, mode="bilinear", align_corners=False)
        return image, canvas.expand(-1, 3, -1, -1)


def plain(module: nn.Module) -> nn.Module:
    """The same module with its spectral normalisation computed once and for all."""
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):
            parametrize.remove_parametrizations(part, "weight")
    return module


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
