"""The style encoder: any picture to a style code of the stylizer's space.

Ghiasi et al., arXiv 1705.06830: a pretrained classifier's features, a bottleneck of 100 numbers,
one linear layer to the code. Here the features are channel means and deviations of a frozen
EfficientNet-Lite0, which is what a style is made of, at a fiftieth of InceptionV3's cost.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.pretrained.lite0 import TAPS, Lite0

# Taps up to a sixteenth of the resolution; deeper ones tell objects, not styles.
ENCODER_TAPS = (0, 2, 4, 10)
INPUT_SIDE = 160
BOTTLENECK = 100
_EPSILON = 1e-5


def style_statistics(trunk: Lite0, image: Tensor) -> Tensor:
    """Mean and deviation per channel and tap: [B, 2 x channels] of [B, 3, H, W] in [-1, 1]."""
    size = [INPUT_SIDE, INPUT_SIDE]
    image = F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
    numbers = []
    for features in trunk(image).values():
        mean = features.mean(dim=(2, 3), keepdim=True)
        variance = (features - mean).square().mean(dim=(2, 3))
        numbers += [mean.flatten(1), (variance + _EPSILON).sqrt()]
    return torch.cat(numbers, dim=1)


class StyleHead(nn.Module):
    """Style statistics to a style code: the part of the encoder that is trained.

    Args:
        trained_part: of the stylizer's codes; the rest of every code is 0.
    """

    def __init__(self, trained_part: Tensor) -> None:
        """Start at the code that the bias holds, whatever the picture."""
        super().__init__()
        code_size = len(trained_part)
        self.trained_part: Tensor
        self.register_buffer("trained_part", trained_part, persistent=False)
        size = 2 * sum(TAPS[tap] for tap in ENCODER_TAPS)
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("deviation", torch.ones(size))
        self.bottleneck = nn.Linear(size, BOTTLENECK)
        self.to_code = nn.Linear(BOTTLENECK, code_size)
        nn.init.zeros_(self.to_code.weight)
        nn.init.zeros_(self.to_code.bias)

    def standardise(self, statistics: Tensor) -> None:
        """Take the scale of the inputs from the statistics [N, size] of the training pictures."""
        self.mean.copy_(statistics.mean(dim=0))
        self.deviation.copy_(statistics.std(dim=0).clamp_min(1e-3))

    def forward(self, statistics: Tensor) -> Tensor:
        """Style codes [B, code_size] of statistics [B, size]."""
        inner = F.leaky_relu(self.bottleneck((statistics - self.mean) / self.deviation), 0.2)
        return self.to_code(inner) * self.trained_part


class StyleEncoder(nn.Module):
    """The whole encoder: picture [B, 3, H, W] in [-1, 1], any size, to style code."""

    def __init__(self, trunk: Lite0, head: StyleHead) -> None:
        """Join the frozen trunk and the trained head."""
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, image: Tensor) -> Tensor:
        """Encode; see the class for shapes."""
        return self.head(style_statistics(self.trunk, image))
