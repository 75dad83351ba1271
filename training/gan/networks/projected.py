"""A discriminator that looks through a pretrained network: for small sets.

Sauer et al., arXiv 2111.01007: pictures go through a frozen classifier; its features are mixed by
random, frozen projections across channels and across scales, so that no discriminator can rely on
one layer; a small discriminator judges every scale. Theirs sees 224 pixels; here the picture is
enlarged only as far as the deepest features need, which is what a processor can pay.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from training.gan.networks.layers import SLOPE, of_label
from training.pretrained.lite0 import TAPS, Lite0

PROJECTED_TAPS = (2, 4, 10)
_LEAST_SIDE = 96
_PROJECTED_CHANNELS = 64


class _Projection(nn.Module):
    """Frozen random mixing: 1x1 across channels, then 3x3 after adding the coarser scale."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.across_channels = nn.ModuleList(
            nn.Conv2d(each, _PROJECTED_CHANNELS, 1, bias=False) for each in channels
        )
        self.across_scales = nn.ModuleList(
            nn.Conv2d(_PROJECTED_CHANNELS, _PROJECTED_CHANNELS, 3, padding=1, bias=False)
            for _ in channels
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        self.requires_grad_(False)

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        mixed: list[Tensor] = []
        for index in reversed(range(len(scales))):
            features = self.across_channels[index](scales[index])
            if mixed:
                coarser = F.interpolate(mixed[-1], size=features.shape[2:], mode="nearest")
                features = (features + coarser) * 0.5**0.5
            mixed.append(self.across_scales[index](features))
        return mixed


class _Judge(nn.Module):
    """A small discriminator of one scale: mean over positions of a map of scores."""

    def __init__(self, halvings: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(halvings):
            convolution = nn.Conv2d(_PROJECTED_CHANNELS, _PROJECTED_CHANNELS, 4, 2, 1)
            layers += [spectral_norm(convolution), nn.LeakyReLU(SLOPE)]
        last = nn.Conv2d(_PROJECTED_CHANNELS, max(classes, 1), 3, padding=1)
        self.layers = nn.Sequential(*layers, spectral_norm(last))

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features).mean(dim=(2, 3))


class ProjectedDiscriminator(nn.Module):
    """Picture [B, 3 or 1, side, side] in [-1, 1] to score [B, 1], the mean of one per scale.

    Args:
        trunk: the frozen classifier, tapped at `PROJECTED_TAPS`.
        classes: number of class weights that come with a picture; 0 for none.
    """

    def __init__(self, trunk: Lite0, classes: int) -> None:
        """Draw the projections from the global random state."""
        super().__init__()
        self.trunk = trunk
        self.projection = _Projection(tuple(TAPS[tap] for tap in PROJECTED_TAPS))
        # Coarsest first, as the projection returns them; all end at the same few positions.
        self.judges = nn.ModuleList(
            _Judge(halvings, classes) for halvings in range(1, len(PROJECTED_TAPS) + 1)
        )

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        """Score pictures; `label` [B, classes] weighs the classes."""
        if image.shape[1] == 1:
            image = image.expand(-1, 3, -1, -1)
        if image.shape[2] < _LEAST_SIDE:
            size = [_LEAST_SIDE, _LEAST_SIDE]
            image = F.interpolate(image, size=size, mode="bilinear", align_corners=False)
        scales = self.projection(list(self.trunk(image).values()))
        scores = [judge(scale) for judge, scale in zip(self.judges, scales, strict=True)]
        return of_label(torch.stack(scores).mean(dim=0), label)
