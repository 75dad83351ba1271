"""The stylizer: one feed-forward network, its style given by a vector.

Johnson et al., arXiv 1603.08155 (the network), Dumoulin et al., arXiv 1610.07629 (one scale and one
shift per channel and style after every instance normalisation). How wide, how deep and with which
kernels is a `StylizerShape`: the shape of the outer convolutions decides the latency.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.style.grain import Grain

# TensorRT clamps smaller values, so a smaller one would not be the same network there.
_EPSILON = 1e-4
# ITU-R BT.601 luma, as in JPEG.
_LUMA = (0.299, 0.587, 0.114)
MIN_SIDE = 32


@dataclass(frozen=True)
class StylizerShape:
    """What tells one stylizer from another.

    Attributes:
        outer: channels at full resolution.
        middle: channels at half of it.
        inner: channels at a quarter of it.
        residual_blocks: at a quarter of the resolution.
        outer_kernel: side of the first and of the last convolution, odd.
        separable: residual blocks of a depthwise and a pointwise convolution instead of a full one.
    """

    outer: int = 16
    middle: int = 32
    inner: int = 64
    residual_blocks: int = 4
    outer_kernel: int = 5
    separable: bool = False


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
    """Optional enlargement, reflected border, convolution, conditional normalisation."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, separable: bool = False
    ) -> None:
        super().__init__()
        self.pad = nn.ReflectionPad2d(kernel // 2)
        # The normalisation that follows would subtract a bias at once.
        if separable:
            self.convolution: nn.Module = nn.Sequential(
                nn.Conv2d(inputs, inputs, kernel, stride, groups=inputs, bias=False),
                nn.Conv2d(inputs, outputs, 1, bias=False),
            )
        else:
            self.convolution = nn.Conv2d(inputs, outputs, kernel, stride, bias=False)
        self.norm = ConditionalInstanceNorm(outputs)

    def forward(
        self, features: Tensor, codes: Iterator[Tensor], like: Tensor | None = None
    ) -> Tensor:
        if like is not None:
            features = F.interpolate(features, size=like.shape[2:], mode="nearest")
        return self.norm(self.convolution(self.pad(features)), next(codes), next(codes))


class Stylizer(nn.Module):
    """Paints a picture in the style that a style code describes.

    A style code [B, code_size] holds, layer by layer, the scale and the shift of every conditional
    normalisation, then two numbers that no style learns:

    - the carry, last but one: how much of the input picture is added to the painted one. Named
      styles have carry 0; the identity code (carry 1, last scale and shift 0) returns the input
      exactly, so a code between the two is a weaker style;
    - the colour, last: 1 keeps the input's colours and takes only the luminance from the painting
      (Gatys et al., arXiv 1606.05897), 0 keeps none of them.

    The network paints the picture with a `Grain` on it; the carried picture has none.

    Args:
        shape: channels, depth and kernels.
    """

    def __init__(self, shape: StylizerShape | None = None) -> None:
        """Build the layers with PyTorch's default initialisation."""
        super().__init__()
        self.shape = shape or StylizerShape()
        outer, middle, inner = self.shape.outer, self.shape.middle, self.shape.inner
        edge, separable = self.shape.outer_kernel, self.shape.separable
        self.encoder = nn.ModuleList(
            [
                _Layer(3, outer, edge),
                _Layer(outer, middle, 3, stride=2),
                _Layer(middle, inner, 3, stride=2),
            ]
        )
        self.residuals = nn.ModuleList(
            _Layer(inner, inner, 3, separable=separable)
            for _ in range(2 * self.shape.residual_blocks)
        )
        self.decoder = nn.ModuleList([_Layer(inner, middle, 3), _Layer(middle, outer, 3)])
        self.output = _Layer(outer, 3, edge)
        self.grain = Grain()
        self.luma: Tensor
        self.register_buffer("luma", torch.tensor(_LUMA).view(1, 3, 1, 1), persistent=False)
        layers = [*self.encoder, *self.residuals, *self.decoder, self.output]
        self._sizes = [layer.norm.channels for layer in layers for _ in ("scale", "shift")]

    @property
    def code_size(self) -> int:
        """Length of a style code."""
        return sum(self._sizes) + 2

    def forward(
        self, image: Tensor, style_code: Tensor, grain_place: tuple[int, int] = (0, 0)
    ) -> Tensor:
        """Paint `image` [B, 3, H, W] in [-1, 1], any H and W from `MIN_SIDE` on.

        Training draws the grain's place anew for every batch, everybody else leaves it.
        """
        *parts, carry, colour = style_code.split([*self._sizes, 1, 1], dim=1)
        codes = iter(parts)
        # Enlarging to the sizes met on the way down makes any side come out as it went in: nearest
        # neighbours to an odd size are those to the even one above it, without its last row.
        levels = [image + self.grain(image, grain_place)]
        for layer in self.encoder:
            levels.append(F.relu(layer(levels[-1], codes)))
        features = levels[-1]
        for first, second in zip(self.residuals[::2], self.residuals[1::2], strict=True):
            features = features + second(F.relu(first(features, codes)), codes)
        for layer, like in zip(self.decoder, (levels[2], levels[1]), strict=True):
            features = F.relu(layer(features, codes, like))
        painted = torch.tanh(self.output(features, codes))
        painted = painted + carry[:, :, None, None] * image
        return self._recoloured(painted, image, colour[:, :, None, None]).clamp(-1.0, 1.0)

    def _recoloured(self, painted: Tensor, image: Tensor, colour: Tensor) -> Tensor:
        """Move `painted` towards the colours of `image`, its luminance unchanged."""
        change = image - painted
        return painted + colour * (change - F.conv2d(change, self.luma))

    def initial_codes(self, count: int) -> Tensor:
        """Untrained codes [count, code_size]: scales 1, shifts 0, carry and colour 0."""
        parts = [
            torch.full((count, size), 1.0 if index % 2 == 0 else 0.0)
            for index, size in enumerate(self._sizes)
        ]
        return torch.cat([*parts, torch.zeros(count, 2)], dim=1)

    def trained_part(self) -> Tensor:
        """1 where a style learns its code [code_size], 0 at the carry and the colour."""
        part = torch.ones(self.code_size)
        part[-2:] = 0.0
        return part

    def identity_code(self, codes: Tensor) -> Tensor:
        """The code [code_size] that returns the picture, with the mean of `codes` inside."""
        identity = codes.mean(dim=0)
        identity[-(2 * self.output.norm.channels + 2) :] = 0.0
        identity[-2] = 1.0
        return identity
