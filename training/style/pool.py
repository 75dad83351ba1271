"""The style pool: pictures in many variations, measured once, that the style encoder learns from.

A style is worth learning only with its Gram matrices, and those are costly; so every variation of
every picture is measured when training starts, and a step draws from the finished measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.pretrained.lite0 import Lite0
from training.pretrained.vgg import PerceptualNetwork
from training.style.encoder import style_statistics
from training.style.losses import measure_style

# All orders of red, green and blue: the same strokes in six palettes.
_PALETTES = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))


@dataclass(frozen=True)
class StylePool:
    """Measured pictures.

    Attributes:
        grams: [N, C, C] by layer of the perceptual network.
        statistics: of the style encoder's trunk, [N, S].
        palettes: mean and deviation per colour channel, [N, 2, 3, 1, 1].
    """

    grams: Mapping[str, Tensor]
    statistics: Tensor
    palettes: Tensor

    def __len__(self) -> int:
        """Number of measured pictures."""
        return self.statistics.shape[0]

    def rows(self, chosen: Tensor) -> StylePool:
        """The chosen rows, in that order."""
        grams = {name: values[chosen] for name, values in self.grams.items()}
        return StylePool(grams, self.statistics[chosen], self.palettes[chosen])

    def joined(self, other: StylePool) -> StylePool:
        """These rows, then those of `other`."""
        grams = {name: torch.cat([rows, other.grams[name]]) for name, rows in self.grams.items()}
        statistics = torch.cat([self.statistics, other.statistics])
        return StylePool(grams, statistics, torch.cat([self.palettes, other.palettes]))


def palette(image: Tensor) -> Tensor:
    """Mean and standard deviation per colour channel: [B, 2, 3, 1, 1] of [B, 3, H, W]."""
    deviation, mean = torch.std_mean(image, dim=(2, 3), keepdim=True)
    return torch.stack([mean, deviation], dim=1)


def variations(picture: Tensor, count: int, random: torch.Generator) -> list[Tensor]:
    """The picture [1, 3, H, W] itself, and crops of it with other palettes, flips and scales."""
    made = [picture]
    height, width = picture.shape[2:]
    for index in range(1, count):
        share = 0.6 + 0.4 * torch.rand((), generator=random).item()
        rows, columns = round(height * share), round(width * share)
        top = int(torch.randint(height - rows + 1, (), generator=random))
        left = int(torch.randint(width - columns + 1, (), generator=random))
        crop = picture[:, :, top : top + rows, left : left + columns]
        crop = crop[:, list(_PALETTES[index % len(_PALETTES)])]
        if torch.rand((), generator=random) < 0.5:
            crop = crop.flip(3)
        scale = 0.75 + 0.5 * torch.rand((), generator=random).item()
        made.append(F.interpolate(crop, scale_factor=scale, mode="bilinear", antialias=True))
    return made


@torch.no_grad()
def measure(
    pictures: Sequence[Tensor],
    perceptual: PerceptualNetwork,
    layers: Sequence[str],
    trunk: Lite0,
) -> StylePool:
    """Grams, statistics and palettes of pictures [1, 3, H, W] in [-1, 1]."""
    grams = [measure_style(perceptual, picture, layers) for picture in pictures]
    return StylePool(
        {name: torch.cat([each[name] for each in grams]) for name in layers},
        torch.cat([style_statistics(trunk, picture) for picture in pictures]),
        torch.cat([palette(picture) for picture in pictures]),
    )
