"""The stylizer: one feed-forward network, its style given by a vector.

Johnson et al., arXiv 1603.08155 (the network), Dumoulin et al., arXiv 1610.07629 (one scale and one
shift per channel and style after every instance normalisation). Narrower than theirs, with 5x5
instead of 9x9 ends: the shape of the outer convolutions decides the latency on every runtime.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# TensorRT clamps smaller values, so a smaller one would not be the same network there.
_EPSILON = 1e-4


class ConditionalInstanceNorm(nn.Module):
    """Instance normalisation, then the style's scale and shift.

    The normalisation itself carries no parameters and the scale and shift are a plain multiply and
    add, because runtimes disagree about instance normalisation with computed parameters.
    """

    def __init__(self, channels: int) -> None:
        """Normalise `channels` channels."""
        super().__init__()
        self.channels = channels
        self.normalise = nn.InstanceNorm2d(channels, eps=_EPSILON)

    def forward(self, features: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Features [B, C, H, W]; scale and shift [B, C]."""
        return self.normalise(features) * scale[:, :, None, None] + shift[:, :, None, None]


class _Layer(nn.Module):
    """Optional 2x enlargement, reflected border, convolution, conditional normalisation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, enlarge: bool = False
    ) -> None:
        super().__init__()
        self.enlarge = enlarge
        self.pad = nn.ReflectionPad2d(kernel // 2)
        # The normalisation that follows would subtract a bias at once.
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, bias=False)
        self.norm = ConditionalInstanceNorm(outputs)

    def forward(self, features: Tensor, codes: Iterator[Tensor]) -> Tensor:
        if self.enlarge:
            features = F.interpolate(features, scale_factor=2.0, mode="nearest")
        return self.norm(self.convolution(self.pad(features)), next(codes), next(codes))


class Stylizer(nn.Module):
    """Paints a picture in the style that a style code describes.

    A style code [B, code_size] holds, layer by layer, the scale and the shift of every conditional
    normalisation, and last the carry: how much of the input picture is added to the painted one.
    Named styles have carry 0; the identity code (carry 1, last scale and shift 0) returns the
    input exactly, so a code between the two is a weaker style.

    Args:
        channels: of the outer, middle and inner resolution.
        residual_blocks: at the inner resolution.
    """

    def __init__(
        self, channels: tuple[int, int, int] = (16, 32, 64), residual_blocks: int = 4
    ) -> None:
        """Build the layers with PyTorch's default initialisation."""
        super().__init__()
        outer, middle, inner = channels
        self.encoder = nn.ModuleList(
            [
                _Layer(3, outer, 5),
                _Layer(outer, middle, 3, stride=2),
                _Layer(middle, inner, 3, stride=2),
            ]
        )
        self.residuals = nn.ModuleList(_Layer(inner, inner, 3) for _ in range(2 * residual_blocks))
        self.decoder = nn.ModuleList(
            [_Layer(inner, middle, 3, enlarge=True), _Layer(middle, outer, 3, enlarge=True)]
        )
        self.output = _Layer(outer, 3, 5)
        layers = [*self.encoder, *self.residuals, *self.decoder, self.output]
        self._sizes = [layer.norm.channels for layer in layers for _ in ("scale", "shift")]

    @property
    def code_size(self) -> int:
        """Length of a style code."""
        return sum(self._sizes) + 1

    def forward(self, image: Tensor, style_code: Tensor) -> Tensor:
        """Paint `image` [B, 3, H, W] in [-1, 1]; H and W multiples of 4, at least 16."""
        *parts, carry = style_code.split([*self._sizes, 1], dim=1)
        codes = iter(parts)
        features = image
        for layer in self.encoder:
            features = F.relu(layer(features, codes))
        for first, second in zip(self.residuals[::2], self.residuals[1::2], strict=True):
            features = features + second(F.relu(first(features, codes)), codes)
        for layer in self.decoder:
            features = F.relu(layer(features, codes))
        painted = torch.tanh(self.output(features, codes))
        return (painted + carry[:, :, None, None] * image).clamp(-1.0, 1.0)

    def initial_codes(self, count: int) -> Tensor:
        """Untrained codes [count, code_size]: scales 1, shifts 0, carry 0."""
        parts = [
            torch.full((count, size), 1.0 if index % 2 == 0 else 0.0)
            for index, size in enumerate(self._sizes)
        ]
        return torch.cat([*parts, torch.zeros(count, 1)], dim=1)

    def identity_code(self, codes: Tensor) -> Tensor:
        """The code [code_size] that returns the picture, with the mean of `codes` inside."""
        identity = codes.mean(dim=0)
        last = 2 * self.output.norm.channels + 1
        identity[-last:] = 0.0
        identity[-1] = 1.0
        return identity
